"""Brows and eyes: heights over the pupil line, opening of the lids, lid margins."""

from __future__ import annotations

import numpy as np

from parface_bench.clinical.curves import Spline, interp, polygon_area
from parface_bench.clinical.frames import CLOSED, Shapes
from parface_bench.registry import measure


@measure("brow_height", detail=True, per="side", reference="CLINICAL: Emotrics BrowHeight with straight pieces, signed")
def brow_height(shapes: Shapes, side: str) -> np.ndarray:
    """Height of the brow's upper edge over the pupil, along the line through the pupil."""
    pupil = shapes.pupil(side)
    return pupil[:, 1] - interp(shapes.chain(shapes.side(side).brow), pupil[:, 0])


@measure("brow_mean_height", per="side", reference="this project; the robust form of brow_height")
def brow_mean_height(shapes: Shapes, side: str) -> np.ndarray:
    """Mean height of the brow's upper edge over the pupil (the robust form, by default)."""
    return shapes.pupil(side)[:, 1] - shapes.chain(shapes.side(side).brow)[..., 1].mean(axis=1)


@measure("fissure_height_linear", per="side", reference="this project; palpebral fissure height with straight pieces")
def fissure_height_linear(shapes: Shapes, side: str) -> np.ndarray:
    """Opening of the lids over the middle between the eye corners (the robust form, by default)."""
    part = shapes.side(side)
    x = shapes.chain(np.array(part.corners))[..., 0].mean(axis=1)
    return interp(shapes.chain(part.lower_lid), x) - interp(shapes.chain(part.upper_lid), x)


@measure("fissure_height", detail=True, per="side", reference="Emotrics PalpebralFissureHeight, without its smoothing")
def fissure_height(shapes: Shapes, side: str) -> np.ndarray:
    """Opening of the lids on a cubic through each lid's four points; where lids have more, as fissure_height_linear."""
    part = shapes.side(side)
    if len(part.upper_lid) != 4 or len(part.lower_lid) != 4:
        return fissure_height_linear(shapes, side)
    x = shapes.chain(part.cubic_upper[1:3])[..., 0].sum(axis=1) / 4
    x = x + shapes.chain(part.cubic_lower[1:3])[..., 0].sum(axis=1) / 4
    return np.abs(Spline(shapes.chain(part.cubic_lower))(x) - Spline(shapes.chain(part.cubic_upper))(x))


@measure("mrd1", per="side", pupils=True, reference="margin reflex distance 1; Emotrics takes its absolute value")
def mrd1(shapes: Shapes, side: str) -> np.ndarray:
    """Upper lid over the pupil; below 0 where the lid covers the pupil."""
    pupil = shapes.pupil(side)
    return pupil[:, 1] - interp(shapes.chain(shapes.side(side).upper_lid), pupil[:, 0])


@measure("mrd2", per="side", pupils=True, reference="margin reflex distance 2")
def mrd2(shapes: Shapes, side: str) -> np.ndarray:
    """Lower lid under the pupil."""
    pupil = shapes.pupil(side)
    return interp(shapes.chain(shapes.side(side).lower_lid), pupil[:, 0]) - pupil[:, 1]


@measure("eye_area", detail=True, per="side", unit="area", reference="Dynaface eye.left, eye.right")
def eye_area(shapes: Shapes, side: str) -> np.ndarray:
    """Area between the lids."""
    return polygon_area(shapes.chain(shapes.side(side).eye))


@measure("eye_area_ratio", unit="ratio", reference="Dynaface eye.ratio; this project leaves out closed eyes")
def eye_area_ratio(shapes: Shapes) -> np.ndarray:
    """Smaller over larger eye area; undefined where an eye is closed (opening under 2 % of the outer-eye distance)."""
    right, left = eye_area(shapes, "right"), eye_area(shapes, "left")
    limit = CLOSED / 100 * shapes.outer
    shut = (fissure_height_linear(shapes, "right") < limit) | (fissure_height_linear(shapes, "left") < limit)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(shut, np.nan, np.minimum(right, left) / np.maximum(right, left))


@measure(
    "ear", detail=True, per="side", unit="ratio", reference="Soukupová and Čech, Real-time eye blink detection, 2016"
)
def ear(shapes: Shapes, side: str) -> np.ndarray:
    """Eye aspect ratio: mean opening at two places over the width of the eye; yaw changes it."""
    part = shapes.side(side)
    upper, lower = shapes.chain(part.cubic_upper), shapes.chain(part.cubic_lower)
    opening = np.linalg.norm(upper[:, 1:3] - lower[:, 1:3], axis=2).sum(axis=1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return opening / (2 * np.linalg.norm(upper[:, 3] - upper[:, 0], axis=1))
