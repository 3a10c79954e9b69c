"""The built-in losses: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import LossSpec

PLUGINS: list[LossSpec] = []
