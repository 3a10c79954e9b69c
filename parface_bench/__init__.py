"""parface-bench: an honest, plugin-based benchmark for 2D and 3D facial landmarks.

Names below are imported when they are first used, so that ``import parface_bench`` stays instant.
"""

from __future__ import annotations

from importlib import import_module
from pathlib import Path
from typing import Any

__version__ = "0.2.0"

# In a checkout the sibling rooms (registry/, plugins/, configs/) belong to this package; `python -m` and notebooks
# started in the project's root find this folder before the installed mapping.
_checkout = Path(__file__).resolve().parents[1]
if (_checkout / "registry" / "catalogue.py").is_file() and (_checkout / "pyproject.toml").is_file():
    __path__ += [str(_checkout), str(_checkout / "leaderboards")]

_EXPORTS = {
    "backbone": "parface_bench.registry",
    "dataset": "parface_bench.registry",
    "encoder": "parface_bench.registry",
    "decoder": "parface_bench.registry",
    "codec": "parface_bench.registry",
    "loss": "parface_bench.registry",
    "method": "parface_bench.registry",
    "metric": "parface_bench.registry",
    "measure": "parface_bench.registry",
    "norm": "parface_bench.registry",
    "Layout": "parface_bench.faces",
    "BACKBONES": "parface_bench.registry",
    "DATASETS": "parface_bench.registry",
    "ENCODERS": "parface_bench.registry",
    "DECODERS": "parface_bench.registry",
    "CODECS": "parface_bench.registry",
    "LOSSES": "parface_bench.registry",
    "METHODS": "parface_bench.registry",
    "METRICS": "parface_bench.registry",
    "MEASURES": "parface_bench.registry",
    "UserError": "parface_bench.registry",
    "hookimpl": "parface_bench.registry",
    "index": "parface_bench.data.index",
    "Method": "parface_bench.methods.base",
    "TrainableMethod": "parface_bench.methods.trainable",
    "Stage": "parface_bench.methods.stage",
    "run": "parface_bench.api",
    "plan": "parface_bench.api",
    "score": "parface_bench.api",
    "compare": "parface_bench.api",
    "load_model": "parface_bench.api",
    "load_result": "parface_bench.api",
    "list_plugins": "parface_bench.api",
}
__all__ = ["__version__", *sorted(_EXPORTS)]


def __getattr__(name: str) -> Any:
    if name not in _EXPORTS:
        raise AttributeError(f"module 'parface_bench' has no attribute {name!r}")
    value = getattr(import_module(_EXPORTS[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted([*globals(), *_EXPORTS])
