"""Emotrics' and Emotrics+' measures in the limit of large pictures: exact splines, continuous search, no smoothing.

Without what depends on the picture's size and place (see clinical.md). Lengths are like all others here, percent
of the outer-eye distance or pixels; Emotrics prints mm = pixels * 11.77 / (2 * mean iris radius in pixels).
"""

from __future__ import annotations

import numpy as np

from parface_bench.clinical.curves import Spline
from parface_bench.clinical.frames import Shapes
from parface_bench.registry import measure

STEPS = 64  # places at which the search along the lip starts from


def spline(shapes: Shapes, landmarks: np.ndarray) -> Spline:
    """The spline through these landmarks."""
    found: Spline = shapes.shared(_spline, tuple(landmarks.tolist()))
    return found


def _spline(shapes: Shapes, landmarks: tuple[int, ...]) -> Spline:
    chain = shapes.chain(np.array(landmarks))
    steps = np.diff(chain[..., 0], axis=1)
    folded = np.logical_and((steps > 0).any(axis=1), (steps < 0).any(axis=1))  # where Emotrics stops
    return Spline(np.where(folded[:, None, None], np.nan, chain))


def lip_middle(shapes: Shapes) -> np.ndarray:
    """[N] Y of the lower lip's outer edge at the midline."""
    return spline(shapes, shapes.anatomy.lower_lip)(np.zeros(len(shapes)))


def half_way(shapes: Shapes, side: str) -> np.ndarray:
    """[N] X of the point of the upper lip at half the corner's X from the corner."""
    corner = shapes.points[:, shapes.side(side).commissure]
    radius = np.abs(corner[:, 0]) / 2
    lip = spline(shapes, shapes.anatomy.upper_lip)
    # X is searched from the corner toward the midline for the first place that is far enough
    low, span = corner[:, 0], -corner[:, 0]

    def beyond(share: np.ndarray) -> np.ndarray:
        x = low[:, None] + share * span[:, None]
        return np.hypot(x - corner[:, :1], lip(x) - corner[:, 1:]) >= radius[:, None]

    grid = np.linspace(0, 1, STEPS + 1)
    far = beyond(np.broadcast_to(grid, (len(shapes), len(grid))))
    first = np.argmax(far, axis=1)
    a, b = grid[np.maximum(first - 1, 0)], grid[first]
    for _ in range(48):
        middle = (a + b) / 2
        out = beyond(middle[:, None])[:, 0]
        a, b = np.where(out, a, middle), np.where(out, middle, b)
    return np.where(far.any(axis=1), low + (a + b) / 2 * span, np.nan)


@measure("emotrics_brow_height", per="side", asked=True, reference="Emotrics efba2887, BrowHeight")
def brow_height(shapes: Shapes, side: str) -> np.ndarray:
    """Emotrics BrowHeight: from the pupil up to the spline through the brow."""
    pupil = shapes.pupil(side)
    return np.abs(pupil[:, 1] - spline(shapes, shapes.side(side).brow)(pupil[:, 0]))


@measure("emotrics_mrd1", per="side", asked=True, reference="Emotrics efba2887, MarginalReflexDistance1")
def mrd1(shapes: Shapes, side: str) -> np.ndarray:
    """Emotrics MarginalReflexDistance1: pupil to upper lid, without sign."""
    pupil = shapes.pupil(side)
    return np.abs(pupil[:, 1] - spline(shapes, shapes.side(side).cubic_upper)(pupil[:, 0]))


@measure("emotrics_mrd2", per="side", asked=True, reference="Emotrics efba2887, MarginalReflexDistance2")
def mrd2(shapes: Shapes, side: str) -> np.ndarray:
    """Emotrics MarginalReflexDistance2: pupil to lower lid, without sign."""
    pupil = shapes.pupil(side)
    return np.abs(pupil[:, 1] - spline(shapes, shapes.side(side).cubic_lower)(pupil[:, 0]))


@measure("emotrics_fissure_height", per="side", asked=True, reference="Emotrics efba2887, PalpebralFissureHeight")
def fissure_height(shapes: Shapes, side: str) -> np.ndarray:
    """Emotrics PalpebralFissureHeight: between the cubics through both lids, without sign."""
    part = shapes.side(side)
    x = shapes.points[:, [*part.cubic_upper[1:3], *part.cubic_lower[1:3]], 0].mean(axis=1)
    return np.abs(spline(shapes, part.cubic_lower)(x) - spline(shapes, part.cubic_upper)(x))


@measure("emotrics_commissure_excursion", per="side", asked=True, reference="Emotrics efba2887, CommissureExcursion")
def commissure_excursion(shapes: Shapes, side: str) -> np.ndarray:
    """Emotrics CommissureExcursion: from the corner to the lower lip's middle (a position, not a movement)."""
    corner = shapes.points[:, shapes.side(side).commissure]
    return np.hypot(corner[:, 0], corner[:, 1] - shapes.shared(lip_middle))


@measure("emotrics_smile_angle", per="side", unit="degrees", asked=True, reference="Emotrics efba2887, SmileAngle")
def smile_angle(shapes: Shapes, side: str) -> np.ndarray:
    """Emotrics SmileAngle: of the corner at the lower lip's middle."""
    rise = shapes.shared(lip_middle) - shapes.points[:, shapes.side(side).commissure, 1]
    with np.errstate(invalid="ignore", divide="ignore"):
        return 90 + np.degrees(np.arcsin(rise / commissure_excursion(shapes, side)))


@measure("emotrics_dental_show", per="side", asked=True, reference="Emotrics efba2887, DentalShow")
def dental_show(shapes: Shapes, side: str) -> np.ndarray:
    """Emotrics DentalShow: opening of the inner lips below the point of the upper lip (no tooth is seen by it)."""
    x, a = shapes.shared(half_way, side), shapes.anatomy
    upper, lower = spline(shapes, a.inner_upper_lip)(x), spline(shapes, a.inner_lower_lip)(x)
    return np.maximum(lower - upper, 0)


@measure("emotrics_commissure_height_deviation", asked=True, reference="Emotrics efba2887, CommisureHeightDeviation")
def commissure_height_deviation(shapes: Shapes) -> np.ndarray:
    """Emotrics CommisureHeightDeviation: height difference of the corners, without sign."""
    a = shapes.anatomy
    return np.abs(shapes.points[:, a.right.commissure, 1] - shapes.points[:, a.left.commissure, 1])


@measure("emotrics_upper_lip_height_deviation", asked=True, reference="Emotrics efba2887, UpperLipHeightDeviation")
def upper_lip_height_deviation(shapes: Shapes) -> np.ndarray:
    """Emotrics UpperLipHeightDeviation, the error of its search on rolled faces mended."""
    lip = spline(shapes, shapes.anatomy.upper_lip)
    return np.abs(lip(shapes.shared(half_way, "right")) - lip(shapes.shared(half_way, "left")))


@measure("emotrics_lower_lip_height_deviation", asked=True, reference="Emotrics efba2887, LowerLipHeightDeviation")
def lower_lip_height_deviation(shapes: Shapes) -> np.ndarray:
    """Emotrics LowerLipHeightDeviation, the error of its search on rolled faces mended."""
    lip = spline(shapes, shapes.anatomy.lower_lip)
    return np.abs(lip(shapes.shared(half_way, "right")) - lip(shapes.shared(half_way, "left")))


@measure("emotrics_plus_eye_area", per="side", unit="area", asked=True, reference="Emotrics+ 54a3ce49, EyeArea")
def eye_area(shapes: Shapes, side: str) -> np.ndarray:
    """Emotrics+ EyeArea: between the cubics through both lids."""
    part = shapes.side(side)
    ends = np.sort(shapes.points[:, list(part.corners), 0], axis=1)
    upper, lower = (spline(shapes, lid).mean(ends[:, 0], ends[:, 1]) for lid in (part.cubic_upper, part.cubic_lower))
    return (lower - upper) * (ends[:, 1] - ends[:, 0])


@measure("emotrics_plus_commissure_height", per="side", asked=True, reference="Emotrics+ 54a3ce49, CommissureHeight")
def commissure_height(shapes: Shapes, side: str) -> np.ndarray:
    """Emotrics+ CommissureHeight: of the corner below the upper lip's outer edge at the midline, with its sign."""
    top = spline(shapes, shapes.anatomy.upper_lip)(np.zeros(len(shapes)))
    return shapes.points[:, shapes.side(side).commissure, 1] - top


@measure(
    "emotrics_plus_lip_slope", per="side", unit="degrees", asked=True, reference="Emotrics+ 54a3ce49, UpperLipSlope"
)
def upper_lip_slope(shapes: Shapes, side: str) -> np.ndarray:
    """Emotrics+ UpperLipSlope: angle from the corner up to the upper lip at the midline."""
    across = np.abs(shapes.points[:, shapes.side(side).commissure, 0])
    return np.degrees(np.arctan2(commissure_height(shapes, side), across))
