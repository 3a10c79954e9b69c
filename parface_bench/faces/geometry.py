"""Boxes, planar affine maps and where a face is: plain numpy, pixel centres at integer coordinates.

A box is ``x1, y1, x2, y2`` with x right and y down. An affine map is a float64 [2, 3] matrix that takes column vectors
``(x, y, 1)``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]


class Anchors(NamedTuple):
    """Rows of the landmarks that tell where a face is: both eyes (image left first), mouth corners, chin, brows."""

    eyes: tuple[tuple[int, ...], tuple[int, ...]]
    mouth: tuple[int, ...]
    chin: int | None
    brows: bool


# By number of landmarks; eyes are the corners (or what there is of them), as the original ParFace code takes them.
ANCHORS: dict[int, Anchors] = {
    68: Anchors(((36, 39), (42, 45)), (48, 54), 8, True),
    98: Anchors(((60, 64), (68, 72)), (76, 82), 16, True),
    84: Anchors(((52, 55), (58, 61)), (64, 70), 16, True),
    106: Anchors(((66, 70), (75, 79)), (84, 90), 16, True),
    29: Anchors(((8, 10), (9, 11)), (22, 23), 28, True),
    19: Anchors(((6, 8), (9, 11)), (15, 17), 18, True),
    21: Anchors(((6, 8), (9, 11)), (17, 19), 20, True),
    5: Anchors(((0,), (1,)), (3, 4), None, False),
}

# Brow line and chin beyond the eye and mouth centres, in eye-mouth distances, of the mean 68-point shape.
BROW_BEYOND_EYES, CHIN_BEYOND_MOUTH = 0.373, 0.343


class Pose2D(NamedTuple):
    """Where a face is: eye centres (image left first), the eyes' midpoint, brow line and chin, each [2]."""

    eye_left: Array
    eye_right: Array
    eyes: Array
    brow: Array
    chin: Array


def tight_box(points: ArrayLike) -> Array:
    """The smallest box around points [L, 2|3], as float64 [4]; points with NaN are left out.

    Raises:
        ValueError: no finite point.
    """
    xy = np.asarray(points, dtype=np.float64)[:, :2]
    xy = xy[np.isfinite(xy).all(axis=1)]
    if not len(xy):
        raise ValueError("no finite landmark")
    return np.concatenate([xy.min(axis=0), xy.max(axis=0)])


def extend_box(box: ArrayLike, left: float = 0.0, top: float = 0.0, right: float = 0.0, bottom: float = 0.0) -> Array:
    """Move each side of a box [4] outward by a fraction of its width (left, right) or height (top, bottom)."""
    x1, y1, x2, y2 = order_box(box)
    w, h = x2 - x1, y2 - y1
    return np.array([x1 - left * w, y1 - top * h, x2 + right * w, y2 + bottom * h])


def order_box(box: ArrayLike) -> Array:
    """The box [4] with its corners ordered so that x1 <= x2 and y1 <= y2."""
    x1, y1, x2, y2 = np.asarray(box, dtype=np.float64)
    return np.array([min(x1, x2), min(y1, y2), max(x1, x2), max(y1, y2)])


def square_box(box: ArrayLike, scale: float = 1.0) -> Array:
    """The square [4] of ``scale`` times the longer side about the centre of a box [4]."""
    x1, y1, x2, y2 = order_box(box)
    half = max(x2 - x1, y2 - y1) * scale / 2
    cx, cy = (x1 + x2) / 2, (y1 + y2) / 2
    return np.array([cx - half, cy - half, cx + half, cy + half])


def locate(points: ArrayLike) -> Pose2D | None:
    """Eyes and chin from landmarks [L, 2|3] of a known count, or None where they cannot be told.

    Where a set has no chin or brow landmarks, they are put beyond mouth and eyes as in the mean face.
    """
    xy = np.asarray(points, dtype=np.float64)[:, :2]
    anchors = ANCHORS.get(len(xy))
    if anchors is None:
        return None
    left, right = (xy[list(eye)].mean(axis=0) for eye in anchors.eyes)
    if right[0] < left[0]:
        left, right = right, left
    eyes = (left + right) / 2
    mouth = xy[list(anchors.mouth)].mean(axis=0)
    chin = mouth + CHIN_BEYOND_MOUTH * (mouth - eyes) if anchors.chin is None else xy[anchors.chin]
    # where there are brow landmarks they tell the height themselves
    brow = eyes if anchors.brows else eyes + BROW_BEYOND_EYES * (eyes - mouth)
    found = Pose2D(left, right, eyes, brow, chin)
    return found if all(np.isfinite(p).all() for p in found) else None


def roll(pose: Pose2D) -> float:
    """In-plane rotation of a face in degrees: the eye line against the x axis, positive clockwise as seen.

    In profile, where the eyes nearly coincide, the line from the chin to the eyes is taken instead.
    """
    along, up = pose.eye_right - pose.eye_left, pose.eyes - pose.chin
    if np.hypot(*along) < 0.2 * np.hypot(*up):
        return float(np.degrees(np.arctan2(up[0], -up[1])))
    return float(np.degrees(np.arctan2(along[1], along[0])))


def box_to_square(box: ArrayLike, size: int) -> Array:
    """The map [2, 3] that stretches a box [4] over a picture of ``size`` x ``size`` pixels, pixel edge to pixel edge.

    A box is taken as continuous: its left edge x1 falls on the left edge of pixel 0, which lies at -0.5.
    """
    x1, y1, x2, y2 = np.asarray(box, dtype=np.float64)
    sx, sy = size / (x2 - x1), size / (y2 - y1)
    return np.array([[sx, 0.0, -sx * x1 - 0.5], [0.0, sy, -sy * y1 - 0.5]])


def rotation(center: ArrayLike, degrees: float) -> Array:
    """The rotation [2, 3] about a point that makes a line lying at ``degrees`` (clockwise as seen) horizontal."""
    c, s = np.cos(np.radians(degrees)), np.sin(np.radians(degrees))
    x, y = np.asarray(center, dtype=np.float64)
    return np.array([[c, s, x - c * x - s * y], [-s, c, y + s * x - c * y]])


def compose(after: ArrayLike, before: ArrayLike) -> Array:
    """The map [2, 3] that applies ``before`` first and ``after`` second."""
    a, b = np.asarray(after, dtype=np.float64), np.asarray(before, dtype=np.float64)
    out = a[:, :2] @ b
    out[:, 2] += a[:, 2]
    return out


def invert(matrix: ArrayLike) -> Array:
    """The inverse [2, 3] of an affine map [2, 3], or [N, 2, 3] of [N, 2, 3].

    Raises:
        numpy.linalg.LinAlgError: the map is singular.
    """
    m = np.asarray(matrix, dtype=np.float64)
    linear = np.linalg.inv(m[..., :2])
    return np.concatenate([linear, -linear @ m[..., 2:]], axis=-1)


def depth_scale(matrix: ArrayLike) -> Array:
    """The factor for depth under a map [..., 2, 3]: its vertical scale, as in the original ParFace code.

    For a similarity, which every half-pixel crop is, this is ``sqrt(|det|)``.
    """
    return np.linalg.norm(np.asarray(matrix, dtype=np.float64)[..., 1, :2], axis=-1)


def apply(points: ArrayLike, matrix: ArrayLike) -> Array:
    """Map points [L, 2|3] (or [N, L, 2|3]) through [2, 3] (or [N, 2, 3]); z is multiplied by :func:`depth_scale`."""
    p, m = np.asarray(points, dtype=np.float64), np.asarray(matrix, dtype=np.float64)
    out = p.copy()
    out[..., :2] = p[..., :2] @ np.swapaxes(m[..., :2], -1, -2) + m[..., None, :, 2]
    out[..., 2:] *= depth_scale(m)[..., None, None]
    return out


def restore(points: ArrayLike, matrix: ArrayLike) -> Array:
    """Undo :func:`apply` with the same (forward) matrix, depth included."""
    m = np.asarray(matrix, dtype=np.float64)
    p = np.asarray(points, dtype=np.float64)
    out = apply(p, invert(m))
    out[..., 2:] = p[..., 2:] / depth_scale(m)[..., None, None]
    return out
