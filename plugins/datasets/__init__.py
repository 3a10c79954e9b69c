"""The built-in datasets: facts only, so that listing them imports none of them."""

from parface_bench.plugins.datasets import facts_aligned, facts_clinical, facts_twin, facts_unlabelled
from parface_bench.registry.specs import DatasetSpec, LayoutSpec

PLUGINS: list[DatasetSpec] = [
    *facts_aligned.SPECS,
    *facts_clinical.SPECS,
    *facts_unlabelled.SPECS,
    *facts_twin.SPECS,
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
