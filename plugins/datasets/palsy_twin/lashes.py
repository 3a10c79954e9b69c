"""Upper lashes: a dark ragged fringe along the lid that turns with it, up on an open eye, down on a closed one."""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin import pieces
from parface_bench.plugins.datasets.palsy_twin.asset import EYE, load_head
from parface_bench.plugins.datasets.palsy_twin.covering import Piece
from parface_bench.plugins.datasets.palsy_twin.look import Look
from parface_bench.plugins.datasets.palsy_twin.shade import LASHES

HAIRS = 22  # along one lid
UPPER = 0.9  # the asset's lash weight of the upper lid's margin; the lower lid has less


@cache
def _margins() -> list[tuple[NDArray[np.int64], NDArray[np.int64]]]:
    """Per side: vertices of the upper lid's margin, from the nose outward, and those of the eyeball."""
    head = load_head()
    x, eye = head.vertices[:, 0], head.part_vertices[EYE]
    out = []
    for side in (1.0, -1.0):
        margin = np.flatnonzero((head.lash > UPPER) & (side * x > 0))
        out.append((margin[np.argsort(side * x[margin])], eye[side * x[eye] > 0]))
    return out


def lash_pieces(look: Look, points: NDArray[np.float64]) -> list[Piece]:
    """The fringes of both eyes of the posed head ``points`` [V, 3]; length follows the look."""
    rng = np.random.default_rng(look.texture_seed + 3)
    at = np.linspace(0, 1, HAIRS)
    shape = np.interp(at, [0, 0.15, 0.6, 0.9, 1], [0.3, 0.7, 1, 1, 0.5]) * rng.uniform(0.6, 1.2, size=HAIRS)
    length = (0.028 + 0.04 * look.lash + 0.03 * look.liner) * shape
    meshes = []
    for margin, eye in _margins():
        line = points[margin]
        line = np.concatenate([line[:1], (line[1:] + line[:-1]) / 2, line[-1:]])  # the margin's two rows as one
        knots = np.linspace(0, 1, len(line))
        root = np.stack([np.interp(at, knots, line[:, k]) for k in range(3)], axis=1)
        away = root - points[eye].mean(axis=0)
        away /= np.sqrt((away**2).sum(axis=1, keepdims=True))
        away[:, 1] *= 1.8  # lashes curl beyond the lid's own slope
        tip = root + away * length[:, None]
        sheet = np.stack([root - 0.012 * away, tip])
        meshes.append((sheet.reshape(-1, 3), pieces.grid_triangles(2, HAIRS)))
    return [Piece(pieces.join(*meshes), LASHES)]
