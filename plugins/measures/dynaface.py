"""Dynaface's measures (as of 2.0.4) without its rounding to whole pixels, in its millimetres.

They are 63 mm over the pupil distance: nominal, since adults have 50 to 75 mm. Versions to 2.0.2 printed lengths 2.4 to
3.3 times as long; see docs/explanation/clinical.md.
"""

from __future__ import annotations

import numpy as np

from parface_bench.clinical.curves import polygon_area, signed_area_beyond
from parface_bench.clinical.frames import Shapes
from parface_bench.registry import measure

PUPIL_DISTANCE = 63.0  # mm


def mm(shapes: Shapes) -> np.ndarray:
    """[N] millimetres a pixel."""
    with np.errstate(divide="ignore"):
        return PUPIL_DISTANCE / np.linalg.norm(shapes.pupils[:, 1] - shapes.pupils[:, 0], axis=1)


def distance(shapes: Shapes, a: int, b: int) -> np.ndarray:
    """[N] of two landmarks, mm."""
    return np.linalg.norm(shapes.points[:, a] - shapes.points[:, b], axis=1) * mm(shapes)


def ratio(right: np.ndarray, left: np.ndarray) -> np.ndarray:
    """Smaller over larger, 1 where both are 0."""
    large = np.maximum(right, left)
    return np.divide(np.minimum(right, left), large, out=np.ones_like(large), where=large != 0)


@measure("dynaface_fai", unit="mm", asked=True, reference="Dynaface 2.0.4, fai")
def fai(shapes: Shapes) -> np.ndarray:
    """Dynaface fai: difference of the distances from inner eye corner to corner of the mouth."""
    right, left = (distance(shapes, s.corners[1], s.commissure) for s in (shapes.side("right"), shapes.side("left")))
    return np.abs(right - left)


@measure("dynaface_oce", per="side", unit="mm", asked=True, reference="Dynaface 2.0.4, oce.r and oce.l")
def oce(shapes: Shapes, side: str) -> np.ndarray:
    """Dynaface oce: distance from the corner to the lower lip's middle."""
    return distance(shapes, shapes.side(side).commissure, shapes.anatomy.lower_lip_middle)


@measure("dynaface_brow_difference", unit="mm", asked=True, reference="Dynaface 2.0.4, brow.d")
def brow_difference(shapes: Shapes) -> np.ndarray:
    """Dynaface brow.d: height difference of the brows' middle points along the pupil line."""
    right, left = (shapes.points[:, s.brow[2], 1] for s in (shapes.side("right"), shapes.side("left")))
    return np.abs(right - left) * mm(shapes)


@measure("dynaface_eye_area", per="side", unit="mm", asked=True, reference="Dynaface 2.0.4, eye.right and eye.left")
def eye_area(shapes: Shapes, side: str) -> np.ndarray:
    """Dynaface eye area in square millimetres."""
    return polygon_area(shapes.chain(shapes.side(side).eye)) * mm(shapes) ** 2


@measure("dynaface_eye_ratio", unit="ratio", asked=True, reference="Dynaface 2.0.4, eye.ratio")
def eye_ratio(shapes: Shapes) -> np.ndarray:
    """Dynaface eye.ratio: smaller over larger eye area, 1 where both are 0."""
    return ratio(eye_area(shapes, "right"), eye_area(shapes, "left"))


@measure("dynaface_dental", per="side", unit="mm", asked=True, reference="Dynaface 2.0.4, dental_right and dental_left")
def dental(shapes: Shapes, side: str) -> np.ndarray:
    """Dynaface dental area in square millimetres: between the inner lips (no tooth is seen by it)."""
    beyond = signed_area_beyond(shapes.chain(shapes.anatomy.inner_lips), -1 if side == "right" else 1)
    return np.abs(beyond) * mm(shapes) ** 2


@measure("dynaface_dental_ratio", unit="ratio", asked=True, reference="Dynaface 2.0.4, dental_ratio")
def dental_ratio(shapes: Shapes) -> np.ndarray:
    """Dynaface dental_ratio: smaller over larger area, 1 where both are 0."""
    return ratio(dental(shapes, "right"), dental(shapes, "left"))
