"""One scene to one picture in linear light: rasterise at twice the size, shade, blend glass, average down."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin import shade as sh
from parface_bench.plugins.datasets.palsy_twin.asset import EYE, MOUTH, SOCKET, TEETH, TONGUE, Head
from parface_bench.plugins.datasets.palsy_twin.camera import Camera
from parface_bench.plugins.datasets.palsy_twin.covering import Piece
from parface_bench.plugins.datasets.palsy_twin.light import Light, received
from parface_bench.plugins.datasets.palsy_twin.look import Look, linear
from parface_bench.plugins.datasets.palsy_twin.raster import nearest_over, rasterise, vertex_normals
from parface_bench.plugins.datasets.palsy_twin.scene import Scene
from parface_bench.plugins.datasets.palsy_twin.skin import WINDOW, noise_tiles

SUPERSAMPLE = 2
HIDDEN_BY = 0.02  # dm: a landmark is hidden when something is at least this much nearer
TEETH_LIGHT = 1.2  # of the head's mean: the mesh's mouth lets in less light than a real one
TEETH_BACK = 0.08  # dm: they lose against skin this far behind them, where a wide movement pushes them through the chin
EYE_SHADE = 0.95  # eyeballs lie in the lids' shade, which the openness of a closed ball cannot tell

Colour = NDArray[np.float64]


def palette(look: Look, cover: Colour) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Linear RGB [MATERIALS, 3] and gloss (strength, exponent) [MATERIALS, 2] of every material."""
    colours = np.zeros((sh.MATERIALS, 3), np.float32)
    gloss = np.tile(np.array([0.0, 10.0], np.float32), (sh.MATERIALS, 1))
    colours[TEETH], colours[TONGUE], colours[MOUTH] = (
        linear([206, 196, 176]),
        linear([150, 70, 70]),
        linear([92, 30, 32]),
    )
    colours[SOCKET], colours[sh.HAND] = look.skin * 0.6, look.skin
    colours[sh.FABRIC], colours[sh.COVER], colours[sh.PLAIN] = look.cover, cover, cover * 0.3
    colours[sh.LASHES] = lash_colour(look)
    gloss[0] = look.oil * 0.35, 12 + 24 * look.oil
    gloss[EYE], gloss[TEETH], gloss[TONGUE] = (2.2, 160), (0.25, 30), (0.3, 20)
    gloss[sh.HAIR], gloss[sh.HAND], gloss[sh.PLAIN] = (0.05, 12), (0.05, 14), (0.5, 40)
    return colours, gloss


def lash_colour(look: Look) -> Colour:
    """Of lashes and of the lid's margin, linear RGB."""
    return np.asarray(look.skin * 0.12 + linear([16, 12, 11]))


def shading_values(look: Look, head: Head) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The arrays ``look`` and ``eyes`` of :func:`shade.shade`."""
    grain = 150.0 if look.hair_style in ("big", "stubble") else 60.0
    rest = [5.75 + look.neckline * 0.4, 0.35, 0.20, grain, look.lip_amount, float(look.hair_style != "bald")]
    threshold = 0.34 - 0.18 * look.lash - 0.15 * look.liner
    cloth = [*look.cloth_second, look.cloth_pattern, look.cloth_scale]
    values = np.concatenate([look.lip, look.hair, look.cloth, lash_colour(look), rest, [threshold], cloth])
    centre = head.eye_centre
    eyes = [*look.iris, *look.sclera, look.iris_radius, look.pupil_radius, centre[0], centre[1], look.limbal, 1.25]
    return values.astype(np.float32), np.array(eyes, np.float32)


def render(
    head: Head,
    scene: Scene,
    look: Look,
    cover: Colour,
    skin: NDArray[np.float32],
    camera: Camera,
    light: Light,
    background: NDArray[np.float32],
) -> NDArray[np.float32]:
    """Draw a scene.

    Args:
        cover: colour of what covers the face; skin: painted skin, linear RGB [h, w, 3].
        background: linear RGB float32 [S, S, 3]; its size is the picture's.

    Returns:
        linear RGB float32 [S, S, 3].
    """
    size = background.shape[0]
    big = size * SUPERSAMPLE
    view = camera.to_view(scene.points)
    screen = _on_screen(camera, view)
    normal = vertex_normals(view, scene.triangles)
    depth = view[:, 2].astype(np.float32)
    teeth = head.part_vertices[TEETH]
    depth[teeth] -= TEETH_BACK
    owner, weights, nearest = rasterise(screen, depth, scene.triangles, scene.two_sided, big, big)
    coming, lit = received(light, view, normal, scene.openness, scene.triangles)
    coming[head.part_vertices[EYE]] *= EYE_SHADE
    coming[teeth] = np.maximum(coming[teeth], TEETH_LIGHT * coming[: len(head.vertices)].mean(axis=0))
    table = np.empty((len(view), sh.COLUMNS), np.float32)
    table[:, sh.NORMAL : sh.NORMAL + 3] = normal
    table[:, sh.RECEIVED : sh.RECEIVED + 3] = coming
    table[:, sh.REST : sh.REST + 3] = scene.rest
    table[:, sh.LIP], table[:, sh.LASH], table[:, sh.SCALP], table[:, sh.KEY] = scene.lip, scene.lash, scene.scalp, lit
    colours, gloss = palette(look, cover)
    values, eyes = shading_values(look, head)
    picture = np.asarray(cv2.resize(background, (big, big), interpolation=cv2.INTER_LINEAR), np.float32)
    inverse = (1 / (camera.distance - view[:, 2])).astype(np.float32)
    sh.shade(
        picture, owner, weights, scene.triangles, scene.material, inverse,
        table, skin, WINDOW, noise_tiles()[3], colours, gloss, light.direction.astype(np.float32),
        light.colour.astype(np.float32), values, eyes,
    )  # fmt: skip
    for piece in scene.glass:
        _blend(picture, nearest, piece, camera, light, colours[piece.material])
    return np.asarray(cv2.resize(picture, (size, size), interpolation=cv2.INTER_AREA), np.float32)


def _on_screen(camera: Camera, view: NDArray[np.float64]) -> NDArray[np.float32]:
    """Supersampled pixel coordinates [V, 2] of camera-axis points."""
    return ((camera.project(view)[:, :2] + 0.5) * SUPERSAMPLE - 0.5).astype(np.float32)


def _blend(
    picture: NDArray[np.float32],
    nearest: NDArray[np.float32],
    piece: Piece,
    camera: Camera,
    light: Light,
    colour: NDArray[np.float32],
) -> None:
    """Lay a glass over the picture: its tint, and a soft reflection of the sky that grows upward."""
    points, triangles = piece.mesh
    view = camera.to_view(points)
    both = np.ones(len(triangles), bool)
    big = picture.shape[0]
    owner, _, depth = rasterise(_on_screen(camera, view), view[:, 2].astype(np.float32), triangles, both, big, big)
    row, column = np.nonzero((owner >= 0) & (depth > nearest))
    if not len(row):
        return
    upward = 1 - (row - row.min()) / max(1, int(np.ptp(row)))
    sky = 0.12 * upward[:, None] ** 2 * light.environment[0] * piece.opacity
    picture[row, column] = picture[row, column] * (1 - piece.opacity) + colour * 0.3 * piece.opacity + sky


def seen(camera: Camera, points: NDArray[np.float64], scene: Scene, size: int) -> NDArray[np.bool_]:
    """Whether surface points [n, 3] lie in a picture of ``size`` pixels with nothing but lashes in front."""
    view, around = camera.to_view(points), camera.to_view(scene.points)
    at = _on_screen(camera, view)
    inside = (at >= -0.5).all(axis=1) & (at <= size * SUPERSAMPLE - 0.5).all(axis=1)
    solid = scene.triangles[scene.material != sh.LASHES]
    over = nearest_over(at, _on_screen(camera, around), around[:, 2].astype(np.float32), solid)
    return inside & (view[:, 2] > over - HIDDEN_BY)
