"""The built-in backbones: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import BackboneSpec

PLUGINS: list[BackboneSpec] = []
