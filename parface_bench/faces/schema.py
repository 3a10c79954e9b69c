"""Landmark schemas: what each landmark of an annotation scheme is, and what it becomes in a mirror."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np

from parface_bench.faces.layouts import LAYOUTS, Layout
from parface_bench.registry.errors import UserError, nearest


def indices(run: str) -> np.ndarray:
    """Indices of a run: ``"0-3,7"`` -> [0, 1, 2, 3, 7]; ``"3-0"`` counts down."""
    out: list[int] = []
    for piece in filter(None, run.split(",")):
        first, _, last = piece.partition("-")
        a, b = int(first), int(last or first)
        out += range(a, b + 1) if a <= b else range(a, b - 1, -1)
    return np.array(out, dtype=np.intp)


@dataclass(frozen=True, eq=False)
class Schema:
    """An annotation scheme. Left and right are the subject's own: the right eye lies left in the picture.

    Attributes:
        name: e.g. ``"ibug68"``.
        reference: where it is defined.
        regions: region name ('jaw', 'brows', 'nose', 'eyes', 'mouth', 'pupils', 'ears') -> indices, ascending.
        side: [L] array of 'left', 'right' and 'mid'.
        flip: [L] permutation: after mirroring the picture, new landmark ``i`` is old landmark ``flip[i]``.
        edges: [E, 2] pairs of landmarks that a wireframe joins.
        outer, inner: (right, left) eye corners, or None where the scheme has none (a profile shows one eye).
        eyes: (right, left) index arrays whose means are the eye centres, or None.
        nose_tip: index, or None.
        mouth_corners: (right, left) indices, or None.
    """

    name: str
    reference: str
    regions: dict[str, np.ndarray]
    side: np.ndarray
    flip: np.ndarray
    edges: np.ndarray
    outer: tuple[int, int] | None
    inner: tuple[int, int] | None
    eyes: tuple[np.ndarray, np.ndarray] | None
    nose_tip: int | None
    mouth_corners: tuple[int, int] | None

    def __len__(self) -> int:
        return len(self.flip)

    def __reduce__(self) -> tuple[object, tuple[str]]:
        return get_schema, (self.name,)

    def region(self, name: str, side: str | None = None) -> np.ndarray:
        """Indices of a region, or of its 'left', 'right' or 'mid' part.

        Raises:
            UserError: the scheme has no such region.
        """
        if name not in self.regions:
            raise UserError(f"schema {self.name!r} has no region {name!r}{nearest(name, self.regions)}")
        found = self.regions[name]
        return found if side is None else found[self.side[found] == side]


def _frozen(values: object, dtype: object = np.intp) -> np.ndarray:
    array = np.asarray(values, dtype=dtype)  # type: ignore[call-overload]
    array.flags.writeable = False
    return array


def _build(name: str, layout: Layout) -> Schema:
    flip = np.full(layout.points, -1, dtype=np.intp)
    regions: dict[str, set[int]] = {}
    edges: list[tuple[int, int]] = []
    for part in layout.parts:
        run, mirror = indices(part.run), indices(part.mirror)
        flip[run] = mirror
        regions.setdefault(part.region, set()).update(int(i) for i in run)
        if part.chain:
            chain = [int(i) for i in run] + ([int(run[0])] if part.closed else [])
            edges += pairwise(chain)
    side = np.full(layout.points, "mid", dtype="<U5")
    right = indices(layout.right)
    side[right] = "right"
    side[flip[right]] = "left"
    five = layout.five
    return Schema(
        name=name,
        reference=layout.reference,
        regions={region: _frozen(sorted(found)) for region, found in regions.items()},
        side=_frozen(side, "<U5"),
        flip=_frozen(flip),
        edges=_frozen(edges).reshape(-1, 2),
        outer=layout.outer,
        inner=layout.inner,
        eyes=None if layout.eyes is None else (_frozen(indices(layout.eyes[0])), _frozen(indices(layout.eyes[1]))),
        nose_tip=None if five is None else five[0],
        mouth_corners=None if five is None else five[1:],
    )


@cache
def _schemas() -> dict[str, Schema]:
    return {name: _build(name, layout) for name, layout in LAYOUTS.items()}


def schema_names() -> list[str]:
    """Names of all schemas."""
    return list(LAYOUTS)


def get_schema(name: str | Schema) -> Schema:
    """The schema of a name; a schema is handed back as it is.

    Raises:
        UserError: no such schema; the sentence suggests the nearest.
    """
    if isinstance(name, Schema):
        return name
    if name not in LAYOUTS:
        raise UserError(f"unknown landmark schema {name!r}{nearest(name, LAYOUTS)}")
    return _schemas()[name]


def schemas_with(points: int) -> list[str]:
    """Names of the schemas that have this many landmarks."""
    return [name for name, layout in LAYOUTS.items() if layout.points == points]
