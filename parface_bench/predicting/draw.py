"""Predicted landmarks over pictures: wireframe, points coloured by confidence, and side views of 3D faces."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from parface_bench.data.images.depth_views import GROUND, INK, WIRE, depth_views
from parface_bench.faces import Schema

BOX, PLAIN = (255, 200, 60), (60, 220, 90)
Drawn = tuple[np.ndarray, np.ndarray, np.ndarray | None]
_SHIFT = 4
SMALLEST, LARGEST = 480, 1600


def overlay(image: np.ndarray, faces: Sequence[Drawn], schema: Schema, numbers: bool = False) -> np.ndarray:
    """A picture with its faces.

    Args:
        image: uint8 RGB [H, W, 3]; enlarged if it is small and reduced if it is very large.
        faces: box [4], points [L, 2|3] and confidence [L] (or None) of each.
        schema: gives the wireframe.
        numbers: write each landmark's number beside it.

    Returns:
        uint8 RGB. Points go from red (confidence 0) over yellow to green (1); without confidence all are green. For 3D
        landmarks two views of the first face stand on the right, from the front and from its left, depth in colour.
    """
    longest = max(image.shape[:2])
    scale = min(max(1.0, SMALLEST / longest), max(LARGEST / longest, 1e-6))
    size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
    canvas = cv2.resize(image, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC)
    for box, points, sure in faces:
        spread = np.ptp(points[:, :2], axis=0).max() * scale
        x1, y1, x2, y2 = _fixed((box.reshape(2, 2) + 0.5) * scale - 0.5).ravel().tolist()
        cv2.rectangle(canvas, (x1, y1), (x2, y2), BOX, _line(spread), cv2.LINE_AA, _SHIFT)
        _face(canvas, (points[:, :2] + 0.5) * scale - 0.5, sure, schema, spread, numbers)
    solid = [points for _, points, _ in faces if points.shape[1] == 3 and np.isfinite(points).all()]
    if not solid:
        return canvas
    views = depth_views([(solid[0], WIRE)], schema.edges, numbers=numbers, upright=True)
    height = max(len(canvas), len(views))
    return np.concatenate([_padded(canvas, height), _padded(views, height)], axis=1)


def _face(
    canvas: np.ndarray, points: np.ndarray, sure: np.ndarray | None, schema: Schema, spread: float, numbers: bool
) -> None:
    at = _fixed(points)
    for a, b in schema.edges:
        cv2.line(canvas, at[a].tolist(), at[b].tolist(), WIRE, _line(spread), cv2.LINE_AA, _SHIFT)
    radius = round(np.clip(spread / 110, 1.2, 7) * (1 << _SHIFT))
    for i, place in enumerate(at.tolist()):
        colour = PLAIN if sure is None else heat(float(sure[i]))
        cv2.circle(canvas, place, radius, colour, -1, cv2.LINE_AA, _SHIFT)
        if numbers:
            beside = ((place[0] + radius >> _SHIFT) + 1, (place[1] - radius >> _SHIFT) - 1)
            cv2.putText(canvas, str(i), beside, cv2.FONT_HERSHEY_SIMPLEX, 0.3, INK, 1, cv2.LINE_AA)


def heat(share: float) -> tuple[int, int, int]:
    """Red at 0, yellow at 0.5, green at 1."""
    share = min(max(share, 0.0), 1.0)
    return round(255 * min(1.0, 2 - 2 * share)), round(220 * min(1.0, 2 * share)), 60


def _line(spread: float) -> int:
    return int(np.clip(spread / 300, 1, 4))


def _fixed(points: np.ndarray) -> np.ndarray:
    """OpenCV's fixed-point coordinates, kept where its integers hold them."""
    return np.clip(np.round(points * (1 << _SHIFT)), -(2**24), 2**24).astype(int)


def _padded(image: np.ndarray, height: int) -> np.ndarray:
    return cv2.copyMakeBorder(image, 0, height - len(image), 0, 0, cv2.BORDER_CONSTANT, value=GROUND)
