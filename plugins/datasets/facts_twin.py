"""The twin's versions: facts only."""

from dataclasses import replace

from parface_bench.registry.specs import DatasetSpec

_HERE = "parface_bench.plugins.datasets.palsy_twin"

TWIN = DatasetSpec(
    name="palsy-twin",
    target=f"{_HERE}.dataset:palsy_twin",
    make_root=f"{_HERE}.generate:make_root",
    summary="Synthetic faces with exact 3D truth and dialled facial palsy, rendered on first use (v2)",
    reference="docs/palsy-twin.md",
    licence="CC0 1.0 (MakeHuman head data); no real person, no clinical evidence",
    schema="ibug68",
    dims=3,
    splits=("train", "val", "test", "paired"),
    pairs="healthy",
    protocol="parface",
    subsets={
        "healthy": "no palsy, natural asymmetry",
        "mild": "House-Brackmann II and III",
        "moderate": "House-Brackmann IV",
        "severe": "House-Brackmann V and VI",
        "flaccid": "palsy without synkinesis",
        "synkinetic": "palsy with synkinesis and contracture",
        "occluded": "a hand, scarf, mask, object or dark glasses hide part of the face",
        "clean": "nothing before the face, a fair photograph, light from the front or above",
    },
    counts={"train": 4000, "val": 500, "test": 1000, "paired": 2000},
    citation="parface-bench, its palsy twin (docs/palsy-twin.md); head: MakeHuman, http://www.makehumancommunity.org",
    how_to_get="made on first use",
)
SPECS: list[DatasetSpec] = [
    TWIN,
    replace(
        TWIN,
        name="palsy-twin-v1",
        counts={**TWIN.counts, "paired": 500},
        formerly={"palsy-twin": ("af10f5a3ed22bbae",)},
        target=f"{_HERE}.dataset:palsy_twin_v1",
        make_root=f"{_HERE}.generate:make_root_v1",
        summary="The twin's first version, with milder palsies: for results that were recorded on it",
    ),
]
