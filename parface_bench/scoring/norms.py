"""Normalising distances: what the errors of a face are divided by, always measured on the ground truth."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from parface_bench.faces import Schema
from parface_bench.registry.errors import UserError, nearest

# name -> (definition, is it measured in 3D where the landmarks are 3D)
NORMS: dict[str, str] = {
    "outer": "distance of the outer eye corners",
    "inner": "distance of the inner eye corners",
    "pupil": "distance of the eye centres, each the mean of the eye's landmarks",
    "parface-pupil": "mean of the inner-corner and the outer-corner distance",
    "bbox": "sqrt(w * h) of the tight box of the true landmarks, in x and y",
    "bbox-max": "max(w, h) of the tight box of the true landmarks, in x and y",
    "bbox-diag": "diagonal of the tight box of the true landmarks, in x and y",
    "face-size": "sqrt(w * h) of the annotated face box, or its column box_size",
    "image": "side of the square crop in pixels",
    "none": "100, so that the percentage is pixels",
}


def check_norm(norm: str, where: str) -> None:
    """Raise UserError where ``norm`` is no normalising distance."""
    if not isinstance(norm, str) or norm not in NORMS:
        raise UserError(f"{where}: unknown normalising distance {norm!r}{nearest(str(norm), NORMS)}")


def normalising_distance(
    norm: str,
    landmarks: np.ndarray,
    schema: Schema | None = None,
    *,
    bbox: np.ndarray | None = None,
    box_size: np.ndarray | None = None,
    image_size: np.ndarray | float | None = None,
) -> np.ndarray:
    """The normalising distance of each face.

    Args:
        norm: a name of :data:`NORMS`.
        landmarks: true landmarks [N, L, 2|3] in pixels; eye distances are 3D where these are.
        schema: their schema; only the eye distances need it.
        bbox: annotated face boxes [N, 4] = x1, y1, x2, y2 in pixels, for 'face-size'.
        box_size: [N] annotated face sizes in pixels, for 'face-size'; used before ``bbox``.
        image_size: side of the crop in pixels, a number or [N], for 'image'.

    Returns:
        float64 [N] in pixels, NaN where a needed landmark is NaN. Not checked for being positive.

    Raises:
        UserError: the schema has no such landmarks, or a needed argument is missing.
    """
    check_norm(norm, "scoring")
    n = len(landmarks)
    if norm in _EYES:
        if schema is None:
            raise UserError(f"the normalising distance {norm!r} needs a landmark schema, and these have none")
        return _EYES[norm](landmarks, schema)
    if norm.startswith("bbox"):
        # one axis after the other: numpy reduces a strided [N, L, 2] ten times slower
        w, h = (np.fmax.reduce(landmarks[..., k], axis=1) - np.fmin.reduce(landmarks[..., k], axis=1) for k in (0, 1))
        if norm == "bbox":
            return np.sqrt(w * h)
        return np.maximum(w, h) if norm == "bbox-max" else np.hypot(w, h)
    if norm == "face-size":
        if box_size is not None:
            return np.asarray(box_size, dtype=np.float64)
        if bbox is None:
            raise UserError(
                "the normalising distance 'face-size' needs the annotated face boxes: columns bbox_x1, bbox_y1, "
                "bbox_x2, bbox_y2 or box_size"
            )
        w, h = bbox[:, 2] - bbox[:, 0], bbox[:, 3] - bbox[:, 1]
        return np.sqrt(np.maximum(w, 0.0) * np.maximum(h, 0.0))
    if norm == "image":
        if image_size is None:
            raise UserError("the normalising distance 'image' needs the crop's side in pixels: a column image_size")
        return np.broadcast_to(np.asarray(image_size, dtype=np.float64), (n,))
    return np.full(n, 100.0)


def _between(landmarks: np.ndarray, pair: tuple[int, int] | None, schema: Schema, what: str) -> np.ndarray:
    if pair is None:
        raise UserError(f"schema {schema.name!r} has no {what}: choose a protocol that normalises by a box")
    return _length(landmarks[:, pair[0]] - landmarks[:, pair[1]])


def _length(vectors: np.ndarray) -> np.ndarray:
    return np.sqrt(np.einsum("...d,...d->...", vectors, vectors))


def _outer(landmarks: np.ndarray, schema: Schema) -> np.ndarray:
    return _between(landmarks, schema.outer, schema, "outer eye corners")


def _inner(landmarks: np.ndarray, schema: Schema) -> np.ndarray:
    return _between(landmarks, schema.inner, schema, "inner eye corners")


def _pupil(landmarks: np.ndarray, schema: Schema) -> np.ndarray:
    if schema.eyes is None:
        raise UserError(f"schema {schema.name!r} has no two eyes: choose a protocol that normalises by a box")
    right, left = (landmarks[:, eye].mean(axis=1) for eye in schema.eyes)
    return _length(right - left)


def _parface_pupil(landmarks: np.ndarray, schema: Schema) -> np.ndarray:
    return (_inner(landmarks, schema) + _outer(landmarks, schema)) / 2


_EYES: Mapping = {"outer": _outer, "inner": _inner, "pupil": _pupil, "parface-pupil": _parface_pupil}
