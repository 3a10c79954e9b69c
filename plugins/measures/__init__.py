"""The clinical measures, each declared beside its code; read off the source, so that listing them imports none."""

from parface_bench.registry.reading import read_declarations
from parface_bench.registry.specs import Spec

_MODULES = ("eyes", "mouth", "midline", "mirror", "emotrics", "dynaface")

PLUGINS: list[Spec] = [spec for name in _MODULES for spec in read_declarations(f"{__name__}.{name}") or ()]
