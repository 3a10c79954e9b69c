"""The built-in datasets: facts only, so that listing them imports none of them."""

from parface_bench.plugins.datasets import facts_aligned, facts_clinical, facts_unlabelled
from parface_bench.registry.specs import DatasetSpec, LayoutSpec

_HERE = "parface_bench.plugins.datasets"

PLUGINS: list[DatasetSpec] = [
    *facts_aligned.SPECS,
    *facts_clinical.SPECS,
    *facts_unlabelled.SPECS,
    DatasetSpec(
        name="palsy-twin",
        target=f"{_HERE}.palsy_twin.dataset:palsy_twin",
        make_root=f"{_HERE}.palsy_twin.generate:make_root",
        summary="Synthetic faces with exact 3D truth and dialled facial palsy, rendered on first use (v1)",
        reference="docs/palsy-twin.md",
        licence="CC0 1.0 (MakeHuman head data); no real person, no clinical evidence",
        schema="ibug68",
        dims=3,
        splits=("train", "val", "test", "paired"),
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
        counts={"train": 4000, "val": 500, "test": 1000, "paired": 500},
        citation="parface-bench, its palsy twin (docs/palsy-twin.md); head: MakeHuman, http://www.makehumancommunity.org",
        how_to_get="made on first use",
    ),
]

LAYOUTS = [
    LayoutSpec(
        name=name,
        target=f"parface_bench.faces.{module}:{name.upper()}",
        points=points,
        summary=f"{points} landmarks",
        reference="docs/datasets.md",
    )
    for module, name, points in (
        ("hub", "ibug68", 68),
        ("layouts", "wflw98", 98),
        ("layouts", "cofw29", 29),
        ("layouts", "aflw19", 19),
        ("layouts", "aflw21", 21),
        ("layouts", "menpo84", 84),
        ("layouts", "menpo39", 39),
        ("layouts", "lapa106", 106),
        ("hub", "points5", 5),
    )
]
