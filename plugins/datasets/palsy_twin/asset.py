"""The head asset ``head.npz``: mesh, identity targets, face units and landmark definitions, read once a process."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

import numba
import numpy as np
from numpy.typing import NDArray

from parface_bench.registry.errors import WorkError

UNIT = 1e-4  # dm; targets are stored as integers of this unit
SKIN, EYE, TEETH, TONGUE, MOUTH, SOCKET = range(6)
PATH = Path(__file__).parent / "head.npz"


@dataclass(frozen=True)
class Head:
    """Arrays of the asset; decimetres, +x the subject's left, +y up, +z forward.

    Attributes:
        vertices: float64 [V, 3], the base head.
        triangles: int32 [T, 3], anticlockwise from outside; part: uint8 [T], one of ``SKIN`` ... ``SOCKET``.
        uv: float32 [T, 3, 2], texture coordinates per corner.
        mirror: int [V], the vertex on the other side.
        lip, lash, openness: float32 [V], lip red, lash line, share of unoccluded directions.
        lid_pairs: int [2 sides, 4, 2], upper and lower lid vertices that meet on closing (left, right).
        landmark_vertex, landmark_weight: [68, 3], the iBUG landmarks as points of the surface.
        jaw_vertex, jaw_weight: [17, 14, 3], for each jaw point surface points from the 3D point over the cheek.
        jaw_normal: float64 [17, 2], outward direction of the jaw line in the frontal plane.
        pairs: opposite identity targets: names of the low end, of the high end, standard deviation.
        order, table: number of each target by name; row pointers, vertex numbers and displacements of all targets.
    """

    vertices: NDArray[np.float64]
    triangles: NDArray[np.int32]
    part: NDArray[np.uint8]
    uv: NDArray[np.float32]
    mirror: NDArray[np.int64]
    lip: NDArray[np.float32]
    lash: NDArray[np.float32]
    openness: NDArray[np.float32]
    lid_pairs: NDArray[np.int64]
    landmark_vertex: NDArray[np.int64]
    landmark_weight: NDArray[np.float64]
    jaw_vertex: NDArray[np.int64]
    jaw_weight: NDArray[np.float64]
    jaw_normal: NDArray[np.float64]
    eye_centre: NDArray[np.float64]
    brow_line: NDArray[np.float64]
    pairs: list[tuple[list[str], list[str], float]]
    units: tuple[str, ...]
    hand_vertices: NDArray[np.float64]
    hand_triangles: NDArray[np.int32]
    order: dict[str, int]
    table: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64]]
    checksum: str

    @cached_property
    def part_vertices(self) -> dict[int, NDArray[np.int64]]:
        """Vertex numbers of each part (``SKIN`` ...), ascending."""
        return {int(part): np.unique(self.triangles[self.part == part]) for part in np.unique(self.part)}

    def target(self, name: str) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Vertex numbers [n] and displacements [n, 3] of a target."""
        pointer, vertex, move = self.table
        rows = slice(pointer[self.order[name]], pointer[self.order[name] + 1])
        return vertex[rows], move[rows]

    def moved(self, weights: dict[str, float], points: NDArray[np.float64] | None = None) -> NDArray[np.float64]:
        """``points`` (default: the base head) displaced by the named targets times their weights, float64 [V, 3]."""
        out = (self.vertices if points is None else points).copy()
        active = [(self.order[name], weight) for name, weight in weights.items() if weight != 0]
        numbers = np.array([number for number, _ in active], np.int64)
        add_targets(out, *self.table, numbers, np.array([weight for _, weight in active], np.float64))
        return out


@numba.njit(cache=True, nogil=True)
def add_targets(
    points: NDArray[np.float64],
    pointer: NDArray[np.int64],
    vertex: NDArray[np.int64],
    move: NDArray[np.float64],
    numbers: NDArray[np.int64],
    weights: NDArray[np.float64],
) -> None:
    """Add weighted targets of a sparse table to ``points`` [V, 3] in place, in the order given."""
    for k in range(len(numbers)):
        for row in range(pointer[numbers[k]], pointer[numbers[k] + 1]):
            for axis in range(3):
                points[vertex[row], axis] += weights[k] * move[row, axis]


@cache
def load_head(path: Path = PATH) -> Head:
    """Read the asset after checking it against its ``.sha256`` file.

    Raises:
        WorkError: the file is missing or does not match its checksum.
    """
    try:
        digest = hashlib.sha256(path.read_bytes()).hexdigest()
        expected = path.with_suffix(".sha256").read_text().split()[0]
    except OSError as error:
        raise WorkError(f"{path}: {error.strerror}; reinstall parface-bench") from error
    if digest != expected:
        raise WorkError(
            f"{path}: checksum {digest[:12]}... is not the expected {expected[:12]}...; reinstall parface-bench"
        )
    with np.load(path, allow_pickle=False) as data:
        return Head(
            vertices=data["vertices"],
            triangles=data["triangles"].astype(np.int32),
            part=data["triangle_part"],
            uv=data["triangle_uv"].astype(np.float32) / 65535,
            mirror=data["mirror"].astype(np.int64),
            lip=data["lip"],
            lash=data["lash"],
            openness=data["openness"],
            lid_pairs=data["lid_pairs"].astype(np.int64),
            landmark_vertex=data["landmark_vertex"].astype(np.int64),
            landmark_weight=data["landmark_weight"],
            jaw_vertex=data["jaw_vertex"].astype(np.int64),
            jaw_weight=data["jaw_weight"],
            jaw_normal=data["jaw_normal"],
            eye_centre=data["eye_centre"],
            brow_line=data["brow_line"],
            pairs=[(low, high, sigma) for low, high, sigma in json.loads(str(data["pairs"]))],
            units=tuple(str(n) for n in data["unit_names"]),
            hand_vertices=data["hand_vertices"],
            hand_triangles=data["hand_triangles"].astype(np.int32),
            order={str(name): k for k, name in enumerate(data["target_names"])},
            table=(
                data["target_pointer"].astype(np.int64),
                data["target_vertex"].astype(np.int64),
                data["target_move"].astype(np.float64) * UNIT,
            ),
            checksum=digest,
        )
