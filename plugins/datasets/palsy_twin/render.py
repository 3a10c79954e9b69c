"""One face to one picture: assemble the scene, rasterise at twice the size, shade, average, photograph."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin import shade as sh
from parface_bench.plugins.datasets.palsy_twin.asset import EYE, Head
from parface_bench.plugins.datasets.palsy_twin.camera import Camera
from parface_bench.plugins.datasets.palsy_twin.hair import scalp, volume
from parface_bench.plugins.datasets.palsy_twin.light import Light, received
from parface_bench.plugins.datasets.palsy_twin.look import Look, linear
from parface_bench.plugins.datasets.palsy_twin.raster import rasterise, vertex_normals
from parface_bench.plugins.datasets.palsy_twin.skin import WINDOW, noise_tiles, paint

SUPERSAMPLE = 2
HIDDEN_BY = 0.02  # dm: a landmark is hidden when something is at least this much nearer


@dataclass
class Scene:
    """Everything that is drawn: head first, then added pieces."""

    points: NDArray[np.float64]
    triangles: NDArray[np.int32]
    material: NDArray[np.uint8]
    two_sided: NDArray[np.bool_]
    rest: NDArray[np.float64]
    openness: NDArray[np.float64]
    lip: NDArray[np.float64]
    lash: NDArray[np.float64]
    scalp: NDArray[np.float64]

    def add(
        self, points: NDArray[np.float64], triangles: NDArray[np.int32], material: int, openness: float = 0.8
    ) -> None:
        """Append a piece; its rest coordinates are its own points."""
        n = len(points)
        self.triangles = np.concatenate([self.triangles, (triangles + len(self.points)).astype(np.int32)])
        self.points = np.concatenate([self.points, points])
        self.rest = np.concatenate([self.rest, points])
        self.material = np.concatenate([self.material, np.full(len(triangles), material, np.uint8)])
        self.two_sided = np.concatenate([self.two_sided, np.ones(len(triangles), bool)])
        self.openness = np.concatenate([self.openness, np.full(n, openness)])
        for name in ("lip", "lash", "scalp"):
            setattr(self, name, np.concatenate([getattr(self, name), np.zeros(n)]))


def head_scene(head: Head, points: NDArray[np.float64], look: Look) -> Scene:
    """The bare head with its hair's volume."""
    hairy = scalp(head, look)
    grown = points + vertex_normals(points, head.triangles) * volume(head, look, hairy)[:, None]
    return Scene(
        points=grown,
        triangles=head.triangles,
        material=head.part.copy(),
        two_sided=np.zeros(len(head.triangles), bool),
        rest=head.vertices,
        openness=head.openness.astype(float),
        lip=head.lip.astype(float),
        lash=head.lash.astype(float),
        scalp=hairy,
    )


def _palette(look: Look) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    colours = np.zeros((sh.MATERIALS, 3), np.float32)
    gloss = np.tile(np.array([0.0, 10.0], np.float32), (sh.MATERIALS, 1))
    colours[2], colours[3], colours[4], colours[5] = (
        linear([214, 204, 184]),
        linear([150, 70, 70]),
        linear([92, 30, 32]),
        look.skin * 0.6,
    )
    colours[sh.FABRIC], colours[sh.HAND], colours[sh.PLAIN] = look.cover, look.skin, linear([25, 25, 28])
    gloss[0], gloss[EYE], gloss[2], gloss[3] = (look.oil * 0.22, 14), (2.2, 160), (0.25, 30), (0.3, 20)
    gloss[sh.HAIR], gloss[sh.HAND], gloss[sh.PLAIN] = (0.05, 12), (0.05, 14), (0.5, 40)
    return colours, gloss


def _eye_light(table: NDArray[np.float32], scene: Scene, head: Head) -> None:
    """Eyeballs lie in the lids' shade, which vertex openness of a closed ball cannot tell: a flat, moderate light."""
    ball = np.unique(head.triangles[head.part == EYE])
    table[ball, sh.RECEIVED : sh.RECEIVED + 3] *= 0.9


def render(
    head: Head, scene: Scene, look: Look, camera: Camera, light: Light, background: NDArray[np.float32], size: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Draw a scene.

    Args:
        background: linear RGB float32 [size, size, 3].

    Returns:
        linear RGB float32 [size, size, 3]; nearest depth (dm, toward the viewer) at ``SUPERSAMPLE`` times the size.
    """
    big = size * SUPERSAMPLE
    view = camera.to_view(scene.points)
    pixel = camera.project(view)
    screen = ((pixel[:, :2] + 0.5) * SUPERSAMPLE - 0.5).astype(np.float32)
    nearness = (1 / (camera.distance - view[:, 2])).astype(np.float32)
    normal = vertex_normals(view, scene.triangles)
    owner, weights, nearest = rasterise(
        screen, view[:, 2].astype(np.float32), scene.triangles, scene.two_sided, big, big
    )
    coming, lit = received(light, view, normal, scene.openness, scene.triangles)
    table = np.empty((len(view), sh.COLUMNS), np.float32)
    table[:, sh.NORMAL : sh.NORMAL + 3] = normal
    table[:, sh.RECEIVED : sh.RECEIVED + 3] = coming
    table[:, sh.REST : sh.REST + 3] = scene.rest
    table[:, sh.LIP], table[:, sh.LASH], table[:, sh.SCALP], table[:, sh.KEY] = scene.lip, scene.lash, scene.scalp, lit
    _eye_light(table, scene, head)
    colours, gloss = _palette(look)
    hair_grain = 60.0 if look.hair_style not in ("big", "stubble") else 150.0
    values = np.concatenate(
        [
            look.lip,
            look.hair,
            look.cloth,
            look.skin * 0.12 + linear([16, 12, 11]),
            [5.75 + look.neckline * 0.4, 0.35, 0.20, hair_grain, look.lip_amount, float(look.hair_style != "bald")],
        ]
    ).astype(np.float32)
    eyes = np.concatenate(
        [
            look.iris,
            look.sclera,
            [look.iris_radius, look.pupil_radius, head.eye_centre[0], head.eye_centre[1], look.limbal, 1.25],
        ]
    ).astype(np.float32)
    picture = cv2.resize(background, (big, big), interpolation=cv2.INTER_LINEAR)
    sh.shade(
        picture,
        owner,
        weights,
        scene.triangles,
        scene.material,
        nearness,
        table,
        paint(look, head),
        WINDOW,
        noise_tiles()[3],
        colours,
        gloss,
        light.direction.astype(np.float32),
        light.colour.astype(np.float32),
        values,
        eyes,
    )
    return cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), nearest


def seen(camera: Camera, points: NDArray[np.float64], nearest: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Whether surface points [n, 3] are inside the picture and not behind anything, from the depth at twice the size."""
    view = camera.to_view(points)
    pixel = camera.project(view)
    at = np.round((pixel[:, :2] + 0.5) * SUPERSAMPLE - 0.5).astype(int)
    size = nearest.shape[0]
    inside = (at >= 0).all(axis=1) & (at < size).all(axis=1)
    x, y = np.clip(at, 0, size - 1).T
    around = np.stack(
        [nearest[np.clip(y + dy, 0, size - 1), np.clip(x + dx, 0, size - 1)] for dy in (-1, 0, 1) for dx in (-1, 0, 1)]
    )
    around = np.where(around < -1e29, -np.inf, around)
    return inside & (view[:, 2] > around.min(axis=0) - HIDDEN_BY)
