"""The mouth: corners, lips and what is open between them. No landmark is on a tooth: opening is not dental show."""

from __future__ import annotations

import numpy as np

from parface_bench.clinical.curves import interp, signed_area_beyond
from parface_bench.clinical.frames import Shapes
from parface_bench.registry import measure


def corner(shapes: Shapes, side: str) -> np.ndarray:
    """[N, 2] corner of the mouth."""
    return shapes.points[:, shapes.side(side).commissure]


def lower_middle(shapes: Shapes) -> np.ndarray:
    """[N] Y where the lower lip's outer edge meets the midline; NaN where the mouth does not cross it."""
    return interp(shapes.chain(shapes.anatomy.lower_lip), np.zeros(len(shapes)))


def between(shapes: Shapes, landmarks: np.ndarray, side: str) -> np.ndarray:
    """[N] Y of a lip half way between the midline and the corner's X."""
    return interp(shapes.chain(landmarks), corner(shapes, side)[:, 0] / 2)


@measure("commissure_height_deviation", signed=True, reference="Emotrics CommisureHeightDeviation, signed")
def commissure_height_deviation(shapes: Shapes) -> np.ndarray:
    """Right corner of the mouth below the left one."""
    return corner(shapes, "right")[:, 1] - corner(shapes, "left")[:, 1]


@measure("commissure_position", per="side", reference="Emotrics CommissureExcursion, Emotrics+ CommissurePosition")
def commissure_position(shapes: Shapes, side: str) -> np.ndarray:
    """Distance of the corner from where the lower lip's outer edge meets the midline."""
    at = corner(shapes, side)
    return np.hypot(at[:, 0], at[:, 1] - lower_middle(shapes))


@measure("smile_angle", per="side", unit="degrees", reference="Emotrics SmileAngle")
def smile_angle(shapes: Shapes, side: str) -> np.ndarray:
    """Angle of the corner at the lower lip's middle; above 90 degrees where the corner is the higher one."""
    rise = lower_middle(shapes) - corner(shapes, side)[:, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return 90 + np.degrees(np.arcsin(rise / commissure_position(shapes, side)))


@measure("commissure_lateral", detail=True, per="side", reference="this project")
def commissure_lateral(shapes: Shapes, side: str) -> np.ndarray:
    """Distance of the corner from the midline, across."""
    return np.abs(corner(shapes, side)[:, 0])


@measure("commissure_depth", detail=True, per="side", reference="this project")
def commissure_depth(shapes: Shapes, side: str) -> np.ndarray:
    """Distance of the corner below the pupil line."""
    return corner(shapes, side)[:, 1]


@measure("canthus_commissure", detail=True, per="side", reference="Malm et al., 2018, 10.1055/s-0038-1660836")
def canthus_commissure(shapes: Shapes, side: str) -> np.ndarray:
    """Distance from the inner eye corner to the corner of the mouth."""
    inner = shapes.points[:, shapes.side(side).corners[1]]
    return np.linalg.norm(corner(shapes, side) - inner, axis=1)


@measure("fai", reference="facial asymmetry index, Malm et al., 2018, 10.1055/s-0038-1660836; Dynaface fai")
def fai(shapes: Shapes) -> np.ndarray:
    """Difference of the two distances from inner eye corner to corner of the mouth, without sign."""
    return np.abs(canthus_commissure(shapes, "right") - canthus_commissure(shapes, "left"))


@measure("oce", detail=True, per="side", reference="Dynaface oce.r, oce.l (not an excursion: that needs two pictures)")
def oce(shapes: Shapes, side: str) -> np.ndarray:
    """Distance from the corner to the middle of the lower lip."""
    return np.linalg.norm(corner(shapes, side) - shapes.points[:, shapes.anatomy.lower_lip_middle], axis=1)


@measure("upper_lip_depth", detail=True, per="side", reference="this project")
def upper_lip_depth(shapes: Shapes, side: str) -> np.ndarray:
    """The upper lip's outer edge below the pupil line, half way between midline and corner."""
    return between(shapes, shapes.anatomy.upper_lip, side)


@measure("lower_lip_depth", detail=True, per="side", reference="this project")
def lower_lip_depth(shapes: Shapes, side: str) -> np.ndarray:
    """The lower lip's outer edge below the pupil line, half way between midline and corner."""
    return between(shapes, shapes.anatomy.lower_lip, side)


@measure("upper_lip_height_deviation", signed=True, reference="after Emotrics UpperLipHeightDeviation, signed")
def upper_lip_height_deviation(shapes: Shapes) -> np.ndarray:
    """Right half of the upper lip below the left half."""
    return upper_lip_depth(shapes, "right") - upper_lip_depth(shapes, "left")


@measure("lower_lip_height_deviation", signed=True, reference="after Emotrics LowerLipHeightDeviation, signed")
def lower_lip_height_deviation(shapes: Shapes) -> np.ndarray:
    """Right half of the lower lip below the left half."""
    return lower_lip_depth(shapes, "right") - lower_lip_depth(shapes, "left")


@measure("opening", per="side", reference="after Emotrics DentalShow; it is the opening of the lips")
def opening(shapes: Shapes, side: str) -> np.ndarray:
    """Opening between the inner lips, half way between midline and corner."""
    a = shapes.anatomy
    return np.maximum(between(shapes, a.inner_lower_lip, side) - between(shapes, a.inner_upper_lip, side), 0)


@measure("mouth_opening_area", per="side", unit="area", reference="Dynaface dental_right, dental_left")
def mouth_opening_area(shapes: Shapes, side: str) -> np.ndarray:
    """Area between the inner lips on this side of the midline."""
    return np.abs(signed_area_beyond(shapes.chain(shapes.anatomy.inner_lips), -1 if side == "right" else 1))
