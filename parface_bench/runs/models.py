"""Models ready to use: a trained method from its checkpoint, or a detector by name."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import Any

from parface_bench.methods.base import Method
from parface_bench.methods.checkpoint import load_method
from parface_bench.registry import METHODS, MethodSpec, UserError, nearest
from parface_bench.runs.folder import CHECKPOINT
from parface_bench.training import distributed


def default_model() -> str:
    """Name of the method that is taken where none is named: the one that says so of itself.

    Raises:
        UserError: none does, or several do.
    """
    names = [spec.name for spec in METHODS if spec.default and spec.task == "landmarks"]
    if not names:
        raise UserError("no model comes with this installation: name one with --model ('pfbench list method')")
    if len(names) > 1:
        raise UserError(f"{' and '.join(names)} each want to be taken where no model is named: name one with --model")
    return names[0]


def open_model(checkpoint_or_name: str | Path = "", device: str = "auto", **options: Any) -> Method:
    """See :func:`parface_bench.api.load_model`."""
    text = str(checkpoint_or_name) or default_model()
    if text in METHODS:
        spec: MethodSpec = METHODS.spec(text)
        if spec.trainable:
            raise UserError(f"method {text!r} needs training first: 'pfbench run {text}', then give its checkpoint.pt")
        if spec.task == "detection":
            raise UserError(f"method {text!r} finds faces, not landmarks: give it to 'pfbench predict' as --detector")
        place = distributed.start(device)
        if "device" in inspect.signature(spec.load()).parameters:
            options.setdefault("device", str(place))
        return METHODS.build(text, **options)
    if options:
        raise UserError(f"{text}: a checkpoint takes no options ({', '.join(options)}); it holds its own")
    path = Path(text)
    if not path.exists():
        raise UserError(f"{text}: neither a checkpoint file nor a method{nearest(text, METHODS.names())}")
    method, _ = load_method(path / CHECKPOINT if path.is_dir() else path)
    return method.to(distributed.start(device))
