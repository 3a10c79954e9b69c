"""The built-in datasets: facts only, so that listing them imports none of them."""

from parface_bench.plugins.datasets import facts_aligned, facts_clinical, facts_twin, facts_unlabelled
from parface_bench.registry.specs import DatasetSpec

PLUGINS: list[DatasetSpec] = [
    *facts_aligned.SPECS,
    *facts_clinical.SPECS,
    *facts_unlabelled.SPECS,
    *facts_twin.SPECS,
]
