"""The built-in metrics: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import MetricSpec

PLUGINS: list[MetricSpec] = []
