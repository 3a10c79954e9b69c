"""3D landmarks as two views, from the front and from the side, with depth in colour."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import cv2
import numpy as np

SIDE = 512
Colour = tuple[int, int, int]
GROUND, INK, WIRE = (40, 40, 40), (255, 255, 255), (235, 235, 235)
_SHIFT, _MARGIN, _STRIP = 4, 0.1, 26


def depth_views(
    faces: Sequence[tuple[np.ndarray, Colour]],
    edges: Iterable[Sequence[int]],
    *,
    side: int = SIDE,
    numbers: bool = False,
    upright: bool = False,
) -> np.ndarray:
    """Faces of one layout, such as truth and prediction, drawn over each other.

    Args:
        faces: points [L, 3] (x right, y down, z toward the viewer, one unit) and the colour of the wireframe of each;
            they are drawn at their own places, so mean depths that must be equal are to be made so before.
        edges: pairs of landmarks that a line joins.
        side: of each view, pixels.
        numbers: write the first face's landmark numbers.
        upright: the side view stands below the front view, not on its right.

    Returns:
        uint8 RGB [side, 2 side, 3] (or [2 side, side, 3]): from the front; from the face's own left, where the nose
        points to the left. Dots go from violet (far) to yellow (near).
    """
    edges = [tuple(edge) for edge in edges]
    known = np.concatenate([points[np.isfinite(points).all(axis=1)] for points, _ in faces])
    views = [np.full((side, side, 3), GROUND, dtype=np.uint8) for _ in range(2)]
    if len(known):
        low, high = known.min(axis=0), known.max(axis=0)
        scale = (side - 2 * _STRIP) * (1 - 2 * _MARGIN) / max(float((high - low).max()), 1e-6)
        middle = (low + high) / 2
        for points, colour in faces:
            at = (points - middle) * scale + side / 2
            near = (points[:, 2] - low[2]) / max(float(high[2] - low[2]), 1e-6)
            for canvas, across in zip(views, (at[:, 0], side - at[:, 2]), strict=True):
                _face(canvas, np.stack([across, at[:, 1]], axis=1), near, edges, colour, numbers)
            numbers = False
    for canvas, text in zip(views, ("front", "from its left"), strict=True):
        _text(canvas, text, (8, side - 9))
    _scale(views[1])
    return np.concatenate(views, axis=0 if upright else 1)


def level(true: np.ndarray | None, found: np.ndarray | None) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Truth and prediction as they are to be drawn: [L, 3] each, the prediction moved to the true mean depth.

    None where there is none, or none with depth.
    """
    solid = [None if p is None or np.shape(p)[1] != 3 else np.array(p, np.float64) for p in (true, found)]
    a, b = solid
    if a is not None and b is not None and len(a) == len(b):
        gap = a[:, 2] - b[:, 2]
        if np.isfinite(gap).any():
            b[:, 2] += np.nanmean(gap)
    return a, b


def depth_colour(near: float) -> Colour:
    """Colour of a depth: 0 (far) violet, 1 (near) yellow; the lightness rises with it."""
    level = np.full((1, 1), round(75 + 180 * min(max(float(near), 0.0), 1.0)), dtype=np.uint8)
    blue, green, red = cv2.applyColorMap(level, cv2.COLORMAP_PLASMA)[0, 0]
    return int(red), int(green), int(blue)


def _face(
    canvas: np.ndarray,
    points: np.ndarray,
    near: np.ndarray,
    edges: Sequence[Sequence[int]],
    colour: Colour,
    names: bool,
) -> None:
    there = np.isfinite(points).all(axis=1) & np.isfinite(near)
    at = np.round(np.clip(np.nan_to_num(points), -1e4, 1e4) * (1 << _SHIFT)).astype(int).tolist()
    for a, b in edges:
        if max(a, b) < len(at) and there[a] and there[b]:
            cv2.line(canvas, at[a], at[b], colour, 1, cv2.LINE_AA, _SHIFT)
    for number in np.flatnonzero(there):
        cv2.circle(canvas, at[number], 3 << _SHIFT, depth_colour(near[number]), -1, cv2.LINE_AA, _SHIFT)
        if names:
            place = (round(points[number, 0]) + 4, round(points[number, 1]) - 3)
            cv2.putText(canvas, str(number), place, cv2.FONT_HERSHEY_SIMPLEX, 0.3, INK, 1, cv2.LINE_AA)


def _scale(canvas: np.ndarray) -> None:
    """``far ▮▮▮▮ near`` in the lower right corner."""
    side, bar = len(canvas), 80
    left, top = side - bar - 50, side - 19
    for step in range(bar):
        canvas[top : top + 10, left + step] = depth_colour(step / (bar - 1))
    _text(canvas, "far", (left - 32, side - 9))
    _text(canvas, "near", (left + bar + 6, side - 9))


def _text(canvas: np.ndarray, text: str, at: tuple[int, int]) -> None:
    cv2.putText(canvas, text, at, cv2.FONT_HERSHEY_SIMPLEX, 0.45, INK, 1, cv2.LINE_AA)
