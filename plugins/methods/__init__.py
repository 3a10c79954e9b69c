"""The built-in methods: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import MethodSpec

PLUGINS: list[MethodSpec] = []
