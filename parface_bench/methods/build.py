"""Building a method for a data set: arguments from the recipe, checked against the method's own signature."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

from parface_bench.data.images.crop import Crop
from parface_bench.faces import Schema, get_schema
from parface_bench.methods.base import Method
from parface_bench.registry import METHODS, MethodSpec, PfError, UserError, nearest

# What the toolkit gives; a recipe cannot set it under `method:`.
_GIVEN = ("self", "schema")
_IMAGE_SIZE: ContextVar[int] = ContextVar("image_size", default=0)


def image_size_to_build_for() -> int:
    """The side of the crops that the method being built will see, in pixels; 0 where none is being built.

    Backbones made for one size ask for it, so that a method's author need not hand it on.
    """
    return _IMAGE_SIZE.get()


@contextmanager
def _building_for(image_size: int) -> Iterator[None]:
    token = _IMAGE_SIZE.set(image_size)
    try:
        yield
    finally:
        _IMAGE_SIZE.reset(token)


def arguments(name: str) -> dict[str, Any]:
    """The arguments that a recipe may set under ``method:``, with their defaults (``...`` where there is none)."""
    parameters = inspect.signature(METHODS.get(name)).parameters.values()
    return {
        p.name: ... if p.default is p.empty else p.default
        for p in parameters
        if p.name not in (*_GIVEN, "image_size") and p.kind is not p.VAR_KEYWORD and p.kind is not p.VAR_POSITIONAL
    }


def build_method(
    name: str,
    schema: str,
    recipe: Mapping[str, Any],
    dims: int = 2,
    crop: Crop | Mapping[str, Any] | None = None,
    device: str = "",
) -> Method:
    """Build a method for data of one landmark schema.

    Args:
        name: a registered method.
        schema: the data set's landmark schema.
        recipe: a resolved recipe (``method``, ``image_size``, ``crop`` and ``predict.flip_test`` are used).
        dims: 3 where the data are 3D; a method without depth of its own then gets the shared depth head.
        crop: the crop geometry, where the recipe leaves it to the protocol.
        device: given to a detector from elsewhere that takes one, where the recipe does not say it.

    Raises:
        UserError: the method refuses an argument (with the nearest name), or cannot be built.
    """
    spec: MethodSpec = METHODS.spec(name)
    if spec.task == "detection":
        raise UserError(f"method {name!r} finds faces, not landmarks: use it in 'pfbench predict' or 'data prepare'")
    given = dict(recipe.get("method") or {})
    signature = inspect.signature(spec.load()).parameters
    open_ended = any(p.kind is p.VAR_KEYWORD for p in signature.values())
    for key in given:
        if key in _GIVEN or key == "image_size" or (key not in signature and not open_ended):
            hint = nearest(key, arguments(name)) if key != "image_size" else "; set image_size at the top of the recipe"
            raise UserError(f"method {name!r} has no argument {key!r}{hint}")
    if "schema" in signature:
        given["schema"] = get_schema(schema)
    if device and "device" in signature and not spec.trainable:
        given.setdefault("device", device)
    if "image_size" in signature:
        given["image_size"] = int(recipe["image_size"])
    try:
        with _building_for(int(recipe.get("image_size") or 0)):
            method = METHODS.build(name, **given)
    except PfError:
        raise
    except Exception as error:
        cause = error.__cause__ or error
        raise UserError(
            f"method {name!r} cannot be built with {_show(given)}: {type(cause).__name__}: {error}"
        ) from error
    if spec.trainable:
        _equip(method, get_schema(schema), recipe, dims, crop)
    elif not isinstance(method, Method):
        raise UserError(f"method {name!r} (from {spec.owner}): its class must derive from parface_bench.Method")
    elif method.schema:
        method.schema = get_schema(method.schema)
    return method


def _equip(
    method: Any, schema: Schema, recipe: Mapping[str, Any], dims: int, crop: Crop | Mapping[str, Any] | None
) -> None:
    """Set what every trainable method carries, see :class:`parface_bench.methods.trainable.TrainableMethod`."""
    from parface_bench.methods.heads import DepthHead
    from parface_bench.methods.strided import use_safe_convolutions
    from parface_bench.methods.trainable import TrainableMethod

    if not isinstance(method, TrainableMethod):
        raise UserError(f"method {type(method).__name__} is declared trainable: derive it from TrainableMethod")
    use_safe_convolutions(method)
    method.schema = schema
    method.image_size = int(recipe["image_size"])
    method.dims = dims
    method.flip_test = bool((recipe.get("predict") or {}).get("flip_test"))
    own = {key: value for key, value in dict(recipe.get("crop") or {}).items() if (key, value) != ("mode", "auto")}
    base = crop.config() if isinstance(crop, Crop) else dict(crop or {})
    method.crop = Crop.from_config({**base, **own, "size": method.image_size})
    if dims == 3 and not method.predicts_depth:
        method.depth_head = DepthHead(len(schema))


def _show(given: Mapping[str, Any]) -> str:
    return ", ".join(f"{k}={v.name if isinstance(v, Schema) else v!r}" for k, v in given.items()) or "no arguments"
