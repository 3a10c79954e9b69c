"""The original ParFace code's crops, kept under the name ``parface`` because published figures depend on them.

Known oddities that are part of it (golden/quirks.json): corners are truncated toward zero to whole pixels, so that a
crop may be stretched by a fraction of a percent; points with x <= 0 do not count for the box; coordinates are scaled
about the corner of pixel 0 while pixels are resized about their centres, which shifts them against each other by
up to half a pixel. The box is that of a region of interest larger by sqrt(2), of which the centre is kept.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from parface_bench.faces.geometry import ANCHORS, Array, compose, extend_box, order_box, rotation

TOP, BOTTOM = 0.25, 0.15
FACE_CENTER = 0.25


class Corners(NamedTuple):
    """A region of interest: whole-pixel corners, and the rotation [2, 3] of the picture that goes before (or None)."""

    tl: Array
    br: Array
    turn: Array | None


def roi_size(size: int) -> int:
    """Side of the region of interest whose centre is the crop: the diagonal, rounded up (256 -> 363)."""
    return math.ceil(size * math.sqrt(2.0))


def extend_box_truncated(box: ArrayLike, top: float = 0.0, bottom: float = 0.0, **sides: float) -> Array:
    """:func:`~parface_bench.faces.geometry.extend_box`, then truncated toward zero."""
    return np.trunc(extend_box(box, top=top, bottom=bottom, **sides))


def roi_from_box(box: ArrayLike, size: int) -> Corners:
    """The region around a face box [4]: a square of its longer side, larger by ``roi_size(size) / size``."""
    x1, y1, x2, y2 = order_box(box)
    half = max(x2 - x1, y2 - y1) * (roi_size(size) / size) / 2
    center = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
    return Corners(np.trunc(center - half), np.trunc(center + half), None)


def roi_from_landmarks(points: ArrayLike, align: bool = False) -> Corners:
    """The region around landmarks [L, 2|3]: as high as brows to chin and 40 % more, a square about the face's middle.

    With ``align`` the picture is first turned about the face's middle until the eyes are level.

    Raises:
        ValueError: the eyes and chin of this number of landmarks are not known, or no point has x > 0.
    """
    xy: Array = np.asarray(points, dtype=np.float32)[:, :2]  # type: ignore[assignment]
    anchors = ANCHORS.get(len(xy))
    if anchors is None or anchors.chin is None or len(xy) not in (68, 84, 98):
        raise ValueError(f"the parface geometry knows 68, 84 and 98 landmarks, not {len(xy)}")
    left, right = (xy[list(eye)].mean(axis=0) for eye in anchors.eyes)
    if right[0] < left[0]:
        left, right = right, left
    eyes = (left + right) / 2
    center = eyes - FACE_CENTER * (eyes - xy[anchors.chin])
    counted = xy[:, 0] > 0
    turn = None
    if align:
        turn = rotation(center, _eye_angle(xy, left, right, anchors.chin))
        xy = xy @ turn[:, :2].T + turn[:, 2]
    if not counted.any():
        raise ValueError("no landmark lies right of the picture's left edge")
    top, bottom = xy[counted, 1].min(), xy[counted, 1].max()
    row1, row2 = int(top - TOP * (bottom - top)), int(bottom + BOTTOM * (bottom - top))
    half = (row2 - row1) / 2 * math.sqrt(2.0)
    middle = np.array([center[0], (row1 + row2) / 2])
    return Corners(np.trunc(middle - half), np.trunc(middle + half), turn)


def _eye_angle(xy: Array, left: Array, right: Array, chin: int) -> float:
    along = right - left
    down = xy[51 if len(xy) > 51 else chin] - xy[chin]
    width, height = np.hypot(*along), np.hypot(*down)
    # nearly a profile: the line from the chin to the upper lip stands in for the eyes
    vector = down[0] / height if width < 0.2 * height else along[1] / width
    return float(np.degrees(np.arcsin(vector)))


def roi_matrix(roi: Corners, size: int) -> Array:
    """The map [2, 3] of coordinates onto a region of ``size`` pixels; pixels themselves need :func:`for_pixels`."""
    sx, sy = size / (roi.br - roi.tl)
    m = np.array([[sx, 0.0, -sx * roi.tl[0]], [0.0, sy, -sy * roi.tl[1]]])
    return m if roi.turn is None else compose(m, roi.turn)


def crop_matrix(roi: Corners, size: int) -> Array:
    """The map [2, 3] of coordinates onto the crop: the region's centre, ``size`` of ``roi_size(size)`` pixels."""
    whole = roi_size(size)
    m = roi_matrix(roi, whole)
    m[:, 2] -= (whole - size) // 2
    return m


def for_pixels(matrix: ArrayLike) -> Array:
    """The map [2, 3] of pixels that belongs to a map of coordinates: the resizing keeps pixel centres in place."""
    m = np.array(matrix, dtype=np.float64)
    m[:, 2] += (np.linalg.norm(m[:, :2], axis=1) - 1.0) / 2
    return m
