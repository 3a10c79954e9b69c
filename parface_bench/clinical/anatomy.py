"""Which landmark is which part of the face, as the layout declares it (``anatomy``).

Right and left are the patient's own. Chains run from the first corner to the last as they are interpolated.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from parface_bench.faces import Schema, conversions, convert, converts, get_schema, schema_names
from parface_bench.faces.hub import IBUG68
from parface_bench.faces.layout import OF_FACES, OF_MIDLINE, OF_SIDES, Layout
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


_made: dict[str, tuple[Layout, Anatomy]] = {}


def anatomy_of(schema: Schema) -> Anatomy:
    """Which landmark is what, as the layout declares it.

    Raises:
        UserError: it does not.
    """
    known = _made.get(schema.name)
    if known is None or known[0] is not schema.layout:
        known = _made[schema.name] = (schema.layout, _anatomy(schema.layout))
    return known[1]


def _anatomy(layout: Layout) -> Anatomy:
    said, corners = layout.anatomy, layout.mouth_corners
    if not said:
        raise UserError(f"layout {layout.name!r} has no 'anatomy', which the clinical measures need")
    pupils = said.get("pupils", ())

    def side(k: int) -> Side:
        runs = {key: np.array(said[key][k], dtype=np.intp) for key in OF_SIDES if key in said}
        upper, lower = runs["upper_lid"], runs["lower_lid"]
        return Side(
            **{"cubic_upper": upper, "cubic_lower": lower, **runs},
            corners=(int(upper[0]), int(upper[-1])),
            pupil=pupils[k] if pupils else -1,
            commissure=corners[k],
        )

    chains = {key: np.array(said.get(key, ()), dtype=np.intp) for key in OF_FACES}
    parts: dict[str, Any] = {**chains, **{key: said[key] for key in OF_MIDLINE}}
    return Anatomy(side(0), side(1), **parts, nose_tip=layout.nose_tip)


def measured_layouts() -> list[str]:
    """Names of the layouts that declare their anatomy; imports the plugins that bring layouts."""
    return [name for name in schema_names() if get_schema(name).layout.anatomy]


def measurable(points: np.ndarray, schema: Schema | str) -> tuple[np.ndarray, Schema]:
    """Landmarks in a layout that can be measured: as they are, or the 68 iBUG points among them.

    Raises:
        UserError: the layout holds neither these nor the points of both sides.
    """
    schema = get_schema(schema)
    if schema.layout.anatomy:
        return points, schema
    if converts(schema, IBUG68.name):
        return convert(points, schema, IBUG68.name), get_schema(IBUG68)
    if not ((schema.side == "left").any() and (schema.side == "right").any()):
        raise UserError(f"schema {schema.name!r} shows one side of the face only, so that it has no asymmetry")
    can = sorted({*measured_layouts(), *(source for source, target in conversions() if target == IBUG68.name)})
    raise UserError(
        f"schema {schema.name!r} lacks landmarks of brows, lids or lips that the clinical measures need; they can be "
        f"taken from {', '.join(can)}, and from a layout of yours that declares its 'anatomy'"
    )
