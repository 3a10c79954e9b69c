"""Landmark schemas: a layout as arrays, found by name. Layouts come from plugins, files beside tables, checkpoints."""

from __future__ import annotations

import re
from functools import cached_property

import numpy as np

from parface_bench.faces.hub import HUB
from parface_bench.faces.layout import Layout
from parface_bench.registry import LAYOUTS, LayoutSpec, UserError, catalogue, nearest

_UNNAMED = re.compile(r"([1-9]\d{0,4})-points")


class Schema:
    """A landmark layout as arrays. Left and right are the subject's own: the right eye lies left in the image.

    Attributes:
        layout: what was declared.
        name: e.g. ``"ibug68"``.
        reference: where it is defined.
        regions: region name ('jaw', 'brows', 'nose', 'eyes', 'mouth', 'pupils', 'ears', ...) -> indices, ascending.
        side: [L] array of 'left', 'right' and 'mid'; '' where the layout does not tell.
        has_flip: whether it tells what a mirror makes of each landmark.
        edges: [E, 2] pairs of landmarks that a wireframe joins.
        outer, inner: (right, left) eye corners, or None where the layout has none (a profile shows one eye).
        eyes: (right, left) index arrays whose means are the eye centres, or None.
        nose_tip: index, or None.
        mouth_corners: (right, left) indices, or None.
    """

    def __init__(self, layout: Layout) -> None:
        self.layout = layout
        self.name = layout.name
        self.reference = layout.reference
        self.regions = {name: _frozen(sorted(set(found))) for name, found in layout.regions.items()}
        self.side = _frozen(_sides(layout), "<U5")
        self.has_flip = layout.flip is not None
        self.edges = _frozen(layout.edges).reshape(-1, 2)
        self.outer: tuple[int, int] | None = layout.outer
        self.inner: tuple[int, int] | None = layout.inner
        self.eyes = None if layout.eyes is None else (_frozen(layout.eyes[0]), _frozen(layout.eyes[1]))
        self.nose_tip: int | None = layout.nose_tip
        self.mouth_corners: tuple[int, int] | None = layout.mouth_corners
        self.sources: dict[str, tuple[Schema, list[np.ndarray]]] = {}  # conversions made so far

    def __len__(self) -> int:
        return self.layout.points

    def __repr__(self) -> str:
        return f"Schema({self.name!r}, {len(self)} landmarks)"

    def __reduce__(self) -> tuple[object, tuple[Layout]]:
        return schema_of, (self.layout,)

    @cached_property
    def flip(self) -> np.ndarray:
        """[L] permutation: after mirroring the image, new landmark ``i`` is old landmark ``flip[i]``.

        Raises:
            UserError: the layout does not tell.
        """
        if self.layout.flip is None:
            raise UserError(
                f"landmark layout {self.name!r} has no flip, so that nothing can be mirrored: add 'flip' to the "
                "layout, or set augment.flip=0 and predict.flip_test=false"
            )
        return _frozen(self.layout.flip)

    def region(self, name: str, side: str | None = None) -> np.ndarray:
        """Indices of a region, or of its 'left', 'right' or 'mid' part.

        Raises:
            UserError: the layout has no such region.
        """
        if name not in self.regions:
            raise UserError(f"schema {self.name!r} has no region {name!r}{nearest(name, self.regions)}")
        found = self.regions[name]
        return found if side is None else found[self.side[found] == side]


def _frozen(values: object, dtype: object = np.intp) -> np.ndarray:
    array = np.asarray(values, dtype=dtype)  # type: ignore[call-overload]
    array.flags.writeable = False
    return array


def _sides(layout: Layout) -> list[str]:
    if layout.flip is None:
        return [""] * layout.points
    if layout.right is None:
        return ["mid" if i == image else "" for i, image in enumerate(layout.flip)]
    right = set(layout.right)
    return ["mid" if i == image else "right" if i in right else "left" for i, image in enumerate(layout.flip)]


_made: dict[str, Schema] = {}
_loaded: dict[str, tuple[LayoutSpec, Schema]] = {}
_adopted: dict[str, Layout] = {}


def schema_of(layout: Layout) -> Schema:
    """The schema of a layout, made once."""
    made = _made.get(layout.name)
    if made is None or (made.layout is not layout and made.layout != layout):
        made = _made[layout.name] = Schema(layout)
    return made


def unnamed(points: int) -> str:
    """The name under which :func:`get_schema` knows landmarks of which nothing but their number is known."""
    return f"{points}-points"


def schema_names() -> list[str]:
    """Names of all layouts that are declared."""
    return list(dict.fromkeys([*HUB, *LAYOUTS.names()]))


def get_schema(name: str | Schema | Layout) -> Schema:
    """The schema of a layout or its name; a schema is handed back as it is.

    ``"37-points"`` (any number) is a layout of which nothing else is known.

    Raises:
        UserError: no such layout; the sentence suggests the nearest.
    """
    if isinstance(name, Schema):
        return name
    if isinstance(name, Layout):
        return schema_of(name)
    if name in HUB:
        return schema_of(HUB[name])
    if name in LAYOUTS:
        spec = LAYOUTS.spec(name)
        known = _loaded.get(name)
        if known is None or known[0] is not spec:
            known = _loaded[name] = (spec, schema_of(spec.load()))
        return known[1]
    count = _UNNAMED.fullmatch(name)
    if count:
        return schema_of(Layout(name, int(count[1])))
    raise UserError(f"unknown landmark schema {name!r}{nearest(name, schema_names())}")


def schemas_with(points: int) -> list[str]:
    """Names of the layouts that have this many landmarks, without those that came with data or a checkpoint."""
    counts = {name: layout.points for name, layout in HUB.items()}
    counts |= {spec.name: spec.points for spec in LAYOUTS if spec.target is not _adopted.get(spec.name, LAYOUTS)}
    return [name for name, count in counts.items() if count == points]


def adopt(layout: Layout, owner: str) -> Schema:
    """Make a layout known that came with data or a checkpoint, not with a plugin.

    Args:
        layout: the layout; one that is known already, with the same facts, stays as it is.
        owner: the file that it came from.

    Raises:
        NameClash: another owner has declared another layout of this name; both are named.
    """
    known = LAYOUTS.get(layout.name) if layout.name in LAYOUTS else HUB.get(layout.name)
    if known == layout:
        return schema_of(known)
    if _UNNAMED.fullmatch(layout.name):
        raise UserError(
            f"{owner}: the layout name {layout.name!r} stands for landmarks without a layout; choose another"
        )
    _adopted[layout.name] = layout
    catalogue.add(LayoutSpec(name=layout.name, target=layout, points=layout.points, owner=owner))
    return schema_of(layout)
