"""The built-in datasets: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import DatasetSpec

_HERE = "parface_bench.plugins.datasets"

PLUGINS: list[DatasetSpec] = [
    DatasetSpec(
        name="300w",
        target=f"{_HERE}.w300:w300",
        summary="300 Faces in the Wild: 68 landmarks, common, challenging and private test sets",
        reference="https://ibug.doc.ic.ac.uk/resources/300-W/",
        licence="research only",
        schema="ibug68",
        splits=("train", "common", "challenging", "full", "private"),
        test_splits=("full",),
        protocol="300w",
        subsets={
            "common": "HELEN test (330) and LFPW test (224)",
            "challenging": "iBUG (135)",
            "full": "common and challenging (689)",
            "private": "the 300-W challenge's own test set: 300 indoor and 300 outdoor faces",
        },
        counts={"train": 3148, "common": 554, "challenging": 135, "full": 689, "private": 600},
        citation="Sagonas et al., 300 Faces In-The-Wild Challenge: database and results, IMAVIS 2016",
        how_to_get="download all parts of https://ibug.doc.ic.ac.uk/resources/300-W/ and unpack them into one folder",
        config_key="w300",
    ),
    DatasetSpec(
        name="palsy-twin",
        target=f"{_HERE}.palsy_twin.dataset:palsy_twin",
        make_root=f"{_HERE}.palsy_twin.generate:make_root",
        summary="Synthetic faces with exact 3D truth and dialled facial palsy, rendered on first use (v1)",
        reference="docs/palsy-twin.md",
        licence="CC0 1.0 (MakeHuman head data); no real person, no clinical evidence",
        schema="ibug68",
        dims=3,
        splits=("train", "val", "test"),
        protocol="parface",
        subsets={
            "healthy": "no palsy, natural asymmetry",
            "mild": "House-Brackmann II and III",
            "moderate": "House-Brackmann IV",
            "severe": "House-Brackmann V and VI",
            "flaccid": "palsy without synkinesis",
            "synkinetic": "palsy with synkinesis and contracture",
            "occluded": "a hand, scarf, mask or dark glasses hide part of the face",
        },
        counts={"train": 4000, "val": 500, "test": 1000},
        how_to_get="made on first use",
    ),
]
