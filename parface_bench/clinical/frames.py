"""The frame in which a face is measured: head roll taken out, midline through the middle of the pupils.

With r and l the right and left pupil, u = (l - r) / |l - r| and v = (-u_y, u_x): X = (p - o).u grows to the patient's
left, Y = (p - o).v grows down, o = (r + l) / 2. What stands for the pupils names the frame: ``canthi``, the middle of
the two corners (does not move with the lids); ``lids``, the mean of the lid points; ``given``, the pupils' own
landmarks (98 points). The frame ``head`` is that of a 3D face, however it is held, see :func:`head_frame`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parface_bench.clinical.anatomy import Anatomy, Side, anatomy_of, measurable
from parface_bench.faces import Schema
from parface_bench.registry import UserError, check_known

FRAMES = ("canthi", "lids", "given", "head")
CLOSED = 2.0  # percent of the outer-eye distance: a lid opening below this counts as closed


@dataclass(frozen=True, eq=False)
class Shapes:
    """N faces in the frame of measurement; what a measure sees.

    Attributes:
        schema: layout of the landmarks, which declares its ``anatomy``.
        frame: how the frame was laid.
        points: float64 [N, L, 2]: X to the patient's left, Y down, pixels.
        pupils: float64 [N, 2, 2]: right and left pupil in the frame.
        outer: float64 [N] distance of the outer eye corners, pixels.
        roll: float64 [N] degrees by which the frame is turned in the picture; NaN in the head's own frame.
        depth: float64 [N, L] toward the viewer of a face seen from the front, or None: only in the head's own frame.
    """

    schema: Schema
    frame: str
    points: np.ndarray
    pupils: np.ndarray
    outer: np.ndarray
    roll: np.ndarray
    depth: np.ndarray | None
    _shared: dict[Any, Any] = field(default_factory=dict, repr=False)

    def __len__(self) -> int:
        return len(self.points)

    @property
    def anatomy(self) -> Anatomy:
        """Which landmark is what."""
        return anatomy_of(self.schema)

    def side(self, name: str) -> Side:
        """The landmarks of the patient's own 'right' or 'left' side."""
        return self.anatomy.side(name)

    def pupil(self, side: str) -> np.ndarray:
        """[N, 2] pupil of a side in the frame."""
        return self.pupils[:, 0 if side == "right" else 1]

    def chain(self, landmarks: np.ndarray) -> np.ndarray:
        """[N, K, 2] these landmarks."""
        return self.points[:, landmarks]

    @property
    def real_pupils(self) -> bool:
        """Whether the pupils are landmarks of their own."""
        return self.frame == "given"

    def shared(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """``function(shapes, *arguments)``, computed once for all measures that need it; the arguments are hashable."""
        key = (function, *arguments)
        if key not in self._shared:
            self._shared[key] = function(self, *arguments)
        return self._shared[key]


def lay(points: np.ndarray, schema: Schema | str, frame: str = "canthi", eyes: np.ndarray | None = None) -> Shapes:
    """Faces in their frame.

    Args:
        points: float [N, L, 2|3], pixels, x right and y down (z toward the viewer); NaN where there is no face.
        schema: their layout; what is not 68 or 98 points is reduced to the 68 among them.
        frame: 'canthi', 'lids', 'given' or 'head' (3D).
        eyes: float [N, L, 2|3], landmarks whose eyes lay the frame; the faces' own where None.

    Raises:
        UserError: the layout cannot be measured, or the frame needs what the landmarks lack.
    """
    check_known([frame], FRAMES, "unknown frame")
    points = np.asarray(points, dtype=np.float64)
    points, known = measurable(points, schema)
    base = points if eyes is None else measurable(np.asarray(eyes, dtype=np.float64), schema)[0]
    if frame == "head":
        return head_frame(points, known, base)
    points, base = points[..., :2], base[..., :2]
    pupils = pupils_of(base, known, frame)
    across = pupils[:, 1] - pupils[:, 0]
    with np.errstate(invalid="ignore", divide="ignore"):
        u = across / np.linalg.norm(across, axis=1, keepdims=True)
    axes = np.stack([u, np.stack([-u[:, 1], u[:, 0]], axis=1)], axis=1)
    origin = pupils.mean(axis=1)

    def inside(p: np.ndarray) -> np.ndarray:
        return np.einsum("nkj,nij->nki", p - origin[:, None], axes)

    return Shapes(
        schema=known,
        frame=frame,
        points=inside(points),
        pupils=inside(pupils),
        outer=outer_distance(points, known),
        roll=np.degrees(np.arctan2(u[:, 1], u[:, 0])),
        depth=None,
    )


def pupils_of(points: np.ndarray, schema: Schema, frame: str) -> np.ndarray:
    """Right and left pupil [N, 2, D] as the frame takes them.

    Raises:
        UserError: frame 'given' of a layout without pupils.
    """
    anatomy = anatomy_of(schema)
    sides = (anatomy.right, anatomy.left)
    if frame == "given":
        if anatomy.right.pupil < 0:
            raise UserError(f"schema {schema.name!r} has no pupils for frame 'given': take frame 'canthi' or 'lids'")
        return points[:, [s.pupil for s in sides]]
    chosen = [list(s.corners) if frame == "canthi" else s.eye for s in sides]
    return np.stack([points[:, which].mean(axis=1) for which in chosen], axis=1)


def outer_distance(points: np.ndarray, schema: Schema) -> np.ndarray:
    """[N] distance of the outer eye corners, the unit of all lengths."""
    anatomy = anatomy_of(schema)
    return np.linalg.norm(points[:, anatomy.left.corners[0]] - points[:, anatomy.right.corners[0]], axis=1)


def head_frame(points: np.ndarray, schema: Schema, base: np.ndarray | None = None) -> Shapes:
    """3D faces in the head's own axes: turning and moving a face changes nothing.

    X is along the sum of (left - right) over the eye corners and the ears' end of the jaw, which a one-sided palsy does
    not move; Y runs from the canthi to the chin, at right angles to X; the plane X = 0 goes through the mean of the
    pairs' middles.

    Raises:
        UserError: the landmarks are 2D.
    """
    base = points if base is None else base
    if points.shape[-1] != 3 or base.shape[-1] != 3:
        raise UserError("frame 'head' measures in 3D, and these landmarks have no depth (z): take frame 'canthi'")
    a = anatomy_of(schema)
    right = [*a.right.corners, *a.right.ears]
    left = [*a.left.corners, *a.left.ears]
    canthi = pupils_of(base, schema, "canthi")

    def unit(v: np.ndarray) -> np.ndarray:
        with np.errstate(invalid="ignore", divide="ignore"):
            return v / np.linalg.norm(v, axis=1, keepdims=True)

    n = unit((base[:, left] - base[:, right]).sum(axis=1))
    down = base[:, a.chin] - canthi.mean(axis=1)
    down = unit(down - np.sum(down * n, axis=1, keepdims=True) * n)
    axes = np.stack([n, down, np.cross(n, down)], axis=1)
    middle = (base[:, left] + base[:, right]).mean(axis=1) / 2
    # the plane goes through the middle of the pairs, heights start at the canthi
    centre = canthi.mean(axis=1)
    origin = centre + np.sum((middle - centre) * n, axis=1, keepdims=True) * n
    inside = np.einsum("nkj,nij->nki", points - origin[:, None], axes)
    pupils = np.einsum("nkj,nij->nki", canthi - origin[:, None], axes)
    return Shapes(
        schema=schema,
        frame="head",
        points=inside[..., :2],
        pupils=pupils[..., :2],
        outer=outer_distance(points, schema),
        roll=np.full(len(points), np.nan),
        depth=inside[..., 2],
    )
