"""The built-in datasets: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import DatasetSpec

PLUGINS: list[DatasetSpec] = []
