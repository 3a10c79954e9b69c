"""From one annotation scheme to another, and from a picture to its mirror image."""

from __future__ import annotations

import numpy as np

from parface_bench.faces.schema import Schema, get_schema, schema_names
from parface_bench.registry.errors import UserError

FIVE = "points5"
# (from, to) -> for each landmark of `to`, the landmarks of `from` whose mean it is, beside what the layouts declare
_CONVERSIONS: dict[tuple[str, str], list[np.ndarray]] = {}


def register_conversion(src: str, dst: str, sources: list[list[int]]) -> None:
    """Add a conversion: ``sources[i]`` are the landmarks of ``src`` whose mean is landmark ``i`` of ``dst``.

    Raises:
        ValueError: the lists do not fit the two schemas.
    """
    a, b = get_schema(src), get_schema(dst)
    if len(sources) != len(b) or any(not s or min(s) < 0 or max(s) >= len(a) for s in sources):
        raise ValueError(f"conversion {src} -> {dst} needs {len(b)} non-empty lists of indices below {len(a)}")
    _CONVERSIONS[a.name, b.name] = [np.array(s, dtype=np.intp) for s in sources]


def conversions() -> list[tuple[str, str]]:
    """All (from, to) pairs that :func:`convert` knows."""
    schemas = [get_schema(name) for name in schema_names()]
    return sorted((a.name, b.name) for a in schemas for b in schemas if converts(a, b))


def converts(src: str | Schema, dst: str | Schema) -> bool:
    """Whether :func:`convert` can express landmarks of one layout in another, different one."""
    return _sources(get_schema(src), get_schema(dst)) is not None


def _sources(a: Schema, b: Schema) -> list[np.ndarray] | None:
    """For each landmark of ``b`` the landmarks of ``a`` whose mean it is; None where no conversion is known."""
    if a.name == b.name:
        return None
    known = _CONVERSIONS.get((a.name, b.name))
    if known is not None:
        return known
    made = a.sources.get(b.name)
    if made is None or made[0] is not b:
        found = _declared(a, b)
        if found is None:
            return None
        made = a.sources[b.name] = (b, found)
    return made[1]


def _declared(a: Schema, b: Schema) -> list[np.ndarray] | None:
    declared = a.layout.to.get(b.name)
    if declared is not None:
        if len(declared) != len(b) or not all(declared):
            raise UserError(
                f"layout {a.name!r}: its conversion to {b.name!r} needs a landmark for each of the {len(b)}, "
                f"found {len(declared)}"
            )
        return [np.array(s, dtype=np.intp) for s in declared]
    if b.name == FIVE and a.eyes is not None and a.nose_tip is not None and a.mouth_corners is not None:
        single = [np.array([i], dtype=np.intp) for i in (a.nose_tip, *a.mouth_corners)]
        return [a.eyes[0], a.eyes[1], *single]
    return None


def convert(points: np.ndarray, src: str | Schema, dst: str | Schema) -> np.ndarray:
    """Landmarks of one scheme expressed in another.

    Args:
        points: [..., L, D] landmarks of schema ``src``.
        src, dst: schemas or their names.

    Returns:
        A new array [..., L', D]. Selected landmarks are copied exactly, others are means.

    Raises:
        UserError: the shapes do not fit or no conversion is known.
    """
    a, b = get_schema(src), get_schema(dst)
    points = np.asarray(points)
    _check(points, a)
    if a.name == b.name:
        return points.copy()
    sources = _sources(a, b)
    if sources is None:
        known = ", ".join(t for s, t in conversions() if s == a.name) or "nothing"
        raise UserError(f"landmarks of schema {a.name!r} cannot become {b.name!r}; they convert to {known}")
    if all(len(s) == 1 for s in sources):
        return points[..., np.concatenate(sources), :]
    out = [points[..., s[0], :] if len(s) == 1 else points[..., s, :].mean(axis=-2) for s in sources]
    return np.stack(out, axis=-2)


def embed(points: np.ndarray, src: str | Schema, dst: str | Schema) -> np.ndarray:
    """Landmarks of one scheme in their places of a richer one, NaN elsewhere: :func:`convert` undone.

    Args:
        points: [..., L, D] landmarks of schema ``src``, which ``dst`` converts to.
        src, dst: schemas or their names.

    Returns:
        A new float array [..., L', D]. Landmarks of ``dst`` of which only a mean would be known are NaN too.

    Raises:
        UserError: the shapes do not fit, or ``dst`` does not convert to ``src``.
    """
    a, b = get_schema(src), get_schema(dst)
    points = np.asarray(points, dtype=np.float64)
    _check(points, a)
    sources = _sources(b, a)
    if sources is None:
        raise UserError(f"landmarks of schema {a.name!r} have no places in {b.name!r}: it does not convert to them")
    out = np.full((*points.shape[:-2], len(b), points.shape[-1]), np.nan)
    for i, source in enumerate(sources):
        if len(source) == 1:
            out[..., source[0], :] = points[..., i, :]
    return out


def flip_points(points: np.ndarray, schema: str | Schema, width: float) -> np.ndarray:
    """Landmarks of the mirrored picture, in the schema's order.

    Args:
        points: [..., L, 2|3] landmarks in pixels, 0-based pixel centres.
        schema: their schema or its name.
        width: width of the picture in pixels; column x becomes ``width - 1 - x``.

    Returns:
        A new array of the same shape.
    """
    s = get_schema(schema)
    points = np.asarray(points)
    _check(points, s)
    out = points[..., s.flip, :]
    out[..., 0] = width - 1 - out[..., 0]
    return out


def _check(points: np.ndarray, schema: Schema) -> None:
    if points.ndim < 2 or points.shape[-2] != len(schema):
        raise UserError(f"schema {schema.name!r} has {len(schema)} landmarks, found an array of shape {points.shape}")
