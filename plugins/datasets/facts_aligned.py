"""Facts of the data sets that are annotated with landmarks."""

from parface_bench.registry.specs import DatasetSpec

_HERE = "parface_bench.plugins.datasets"

SPECS = [
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
]
