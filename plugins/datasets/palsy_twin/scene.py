"""Everything that is drawn of one face: the head's mesh with its hair, and the pieces that cover it."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.asset import SKIN, Head
from parface_bench.plugins.datasets.palsy_twin.covering import Covering, Piece, covering_pieces, hair_pieces
from parface_bench.plugins.datasets.palsy_twin.hair import scalp, volume
from parface_bench.plugins.datasets.palsy_twin.lashes import lash_pieces
from parface_bench.plugins.datasets.palsy_twin.look import Look
from parface_bench.plugins.datasets.palsy_twin.pieces import radius_field
from parface_bench.plugins.datasets.palsy_twin.raster import vertex_normals


@dataclass
class Scene:
    """Vertices [V] with what shading needs of them, and triangles [T]; the head's own come first.

    Attributes:
        points: posed positions; rest: positions on the base head, by which the skin is painted.
        glass: see-through pieces, blended over the picture; they hide nothing.
    """

    points: NDArray[np.float64]
    triangles: NDArray[np.int32]
    material: NDArray[np.uint8]
    two_sided: NDArray[np.bool_]
    rest: NDArray[np.float64]
    openness: NDArray[np.float64]
    lip: NDArray[np.float64]
    lash: NDArray[np.float64]
    scalp: NDArray[np.float64]
    glass: list[Piece] = field(default_factory=list)

    def add(self, piece: Piece) -> None:
        """Append a piece; its rest coordinates are its own points."""
        if piece.opacity < 1:
            self.glass.append(piece)
            return
        points, triangles = piece.mesh
        n = len(points)
        self.triangles = np.concatenate([self.triangles, (triangles + len(self.points)).astype(np.int32)])
        self.points = np.concatenate([self.points, points])
        self.rest = np.concatenate([self.rest, points])
        self.material = np.concatenate([self.material, np.full(len(triangles), piece.material, np.uint8)])
        self.two_sided = np.concatenate([self.two_sided, np.ones(len(triangles), bool)])
        self.openness = np.concatenate([self.openness, np.full(n, 0.8)])
        self.lip, self.lash, self.scalp = (np.concatenate([v, np.zeros(n)]) for v in (self.lip, self.lash, self.scalp))


def head_scene(
    head: Head, points: NDArray[np.float64], still: NDArray[np.float64], look: Look, covering: Covering
) -> Scene:
    """The head with its hair and whatever covers it.

    Args:
        points: the head with its expression [V, 3]; still: at rest, to which hair and glasses are fitted.
    """
    hairy = scalp(head, look)
    scene = Scene(
        points=points + vertex_normals(points, head.triangles) * volume(head, look, hairy)[:, None],
        triangles=head.triangles,
        material=head.part.copy(),
        two_sided=np.zeros(len(head.triangles), bool),
        rest=head.vertices,
        openness=head.openness.astype(float),
        lip=head.lip.astype(float),
        lash=head.lash.astype(float),
        scalp=hairy,
    )
    skin = head.part_vertices[SKIN]
    for piece in hair_pieces(look, radius_field(still[skin]), float(still[:, 1].max())):
        scene.add(piece)
    for piece in lash_pieces(look, points):
        scene.add(piece)
    if covering.kind != "none":
        for piece in covering_pieces(covering, head, still, points, radius_field(points[skin])):
            scene.add(piece)
    return scene
