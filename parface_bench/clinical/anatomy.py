"""Which landmark is which part of the face, in the two layouts that are measured: 68 points (iBUG) and 98 (WFLW).

Right and left are the patient's own. Chains run from the first corner to the last as they are interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parface_bench.faces import Schema, conversions, convert, converts, get_schema
from parface_bench.faces.layout import indices
from parface_bench.registry import UserError

Chain = np.ndarray


@dataclass(frozen=True)
class Side:
    """The landmarks of one side.

    Attributes:
        brow: upper edge of the brow.
        upper_lid, lower_lid: from the outer to the inner corner, corners included.
        cubic_upper, cubic_lower: the four points of each lid that a cubic goes through.
        eye: all points round the eye.
        ears: the jaw's points near the ear.
        corners: outer and inner corner of the eye.
        pupil: -1 where there is none.
        commissure: corner of the mouth.
    """

    brow: Chain
    upper_lid: Chain
    lower_lid: Chain
    cubic_upper: Chain
    cubic_lower: Chain
    eye: Chain
    ears: Chain
    corners: tuple[int, int]
    pupil: int
    commissure: int


@dataclass(frozen=True)
class Anatomy:
    """The landmarks of a face, see :class:`Side` for those of its sides."""

    right: Side
    left: Side
    upper_lip: Chain
    lower_lip: Chain
    inner_upper_lip: Chain
    inner_lower_lip: Chain
    inner_lips: Chain
    lower_lip_middle: int
    upper_lip_middle: int
    nose_tip: int
    nose_base: int
    chin: int
    pupils: Chain

    def side(self, name: str) -> Side:
        """The patient's own 'right' or 'left' side."""
        return self.right if name == "right" else self.left


def chain(run: str) -> Chain:
    """Indices of a run such as "48,59-54"."""
    return np.array(indices(run), dtype=np.intp)


def _side(runs: str, pupil: int, commissure: int) -> Side:
    brow, upper, lower, cubic_upper, cubic_lower, eye, ears = (chain(run) for run in runs.split())
    corners = (int(upper[0]), int(upper[-1]))
    return Side(brow, upper, lower, cubic_upper, cubic_lower, eye, ears, corners, pupil, commissure)


ANATOMY: dict[str, Anatomy] = {
    "ibug68": Anatomy(
        right=_side("17-21 36-39 36,41,40,39 36-39 36,41,40,39 36-41 0-3", -1, 48),
        left=_side("22-26 45-42 45,46,47,42 45-42 45,46,47,42 42-47 16-13", -1, 54),
        upper_lip=chain("48-54"),
        lower_lip=chain("48,59-54"),
        inner_upper_lip=chain("60-64"),
        inner_lower_lip=chain("60,67-64"),
        inner_lips=chain("60-67"),
        lower_lip_middle=57,
        upper_lip_middle=51,
        nose_tip=30,
        nose_base=33,
        chin=8,
        pupils=chain(""),
    ),
    "wflw98": Anatomy(
        right=_side("33-37 60-64 60,67-64 60,61,63,64 60,67,65,64 60-67 0,2,4,6", 96, 76),
        left=_side("42-46 72-68 72-75,68 72,71,69,68 72,73,75,68 68-75 32,30,28,26", 97, 82),
        upper_lip=chain("76-82"),
        lower_lip=chain("76,87-82"),
        inner_upper_lip=chain("88-92"),
        inner_lower_lip=chain("88,95-92"),
        inner_lips=chain("88-95"),
        lower_lip_middle=85,
        upper_lip_middle=79,
        nose_tip=54,
        nose_base=57,
        chin=16,
        pupils=chain("96-97"),
    ),
}


def measurable(points: np.ndarray, schema: Schema | str) -> tuple[np.ndarray, Schema]:
    """Landmarks in a layout that can be measured: as they are, or the 68 iBUG points among them.

    Raises:
        UserError: the layout holds neither these nor the points of both sides.
    """
    schema = get_schema(schema)
    if schema.name in ANATOMY:
        return points, schema
    if converts(schema, "ibug68"):
        return convert(points, schema, "ibug68"), get_schema("ibug68")
    if not ((schema.side == "left").any() and (schema.side == "right").any()):
        raise UserError(f"schema {schema.name!r} shows one side of the face only, so that it has no asymmetry")
    can = sorted({*ANATOMY, *(source for source, target in conversions() if target == "ibug68")})
    raise UserError(
        f"schema {schema.name!r} lacks landmarks of brows, lids or lips that the clinical measures need; "
        f"they can be taken from {', '.join(can)}"
    )
