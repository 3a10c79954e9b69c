"""One face of the twin: everything random about it, drawn from (seed, split, number), and its rendering with truth."""

from __future__ import annotations

import zlib
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin import creases, photograph, signs
from parface_bench.plugins.datasets.palsy_twin.asset import Head, load_head
from parface_bench.plugins.datasets.palsy_twin.backdrop import backdrop
from parface_bench.plugins.datasets.palsy_twin.camera import (
    Camera,
    Pose,
    draw_camera,
    draw_pose,
    landmarks_2d,
    landmarks_3d,
    on_surface,
)
from parface_bench.plugins.datasets.palsy_twin.covering import Covering, draw_covering
from parface_bench.plugins.datasets.palsy_twin.expression import Sides, move
from parface_bench.plugins.datasets.palsy_twin.identity import Identity, draw_identity
from parface_bench.plugins.datasets.palsy_twin.light import Light, draw_light
from parface_bench.plugins.datasets.palsy_twin.look import Look, draw_look
from parface_bench.plugins.datasets.palsy_twin.palsy import Palsy
from parface_bench.plugins.datasets.palsy_twin.palsy_v2 import Movement
from parface_bench.plugins.datasets.palsy_twin.render import render, seen
from parface_bench.plugins.datasets.palsy_twin.scene import head_scene
from parface_bench.plugins.datasets.palsy_twin.skin import paint
from parface_bench.plugins.datasets.palsy_twin.versions import LATEST, Version, moved

FACES_PER_IDENTITY = 2
PAIRED = "paired"  # the split of faces with and without palsy
DECIMALS = 4  # of stored coordinates: far above rounding noise, so that every machine writes the same numbers


def stream(seed: int, split: str, number: int, what: str) -> np.random.Generator:
    """The random stream of one aspect of one face; streams of different aspects are independent."""
    return np.random.default_rng([seed, zlib.crc32(split.encode()), number, zlib.crc32(what.encode())])


@dataclass(frozen=True)
class Face:
    """Everything that decides a picture and its truth; ``still`` is the identity at rest, [V, 3]."""

    person: int
    identity: Identity
    still: NDArray[np.float64]
    look: Look
    expression: str
    sides: Sides
    palsy: Palsy
    camera: Camera
    light: Light
    covering: Covering
    photo: photograph.Photograph
    background_seed: tuple[int, str, int]
    size: int
    version: Version = LATEST

    @property
    def points(self) -> NDArray[np.float64]:
        """The head's vertices [V, 3] with expression and palsy."""
        return moved(load_head(), self.still, self.movement)

    @property
    def movement(self) -> Movement:
        """What the face really does."""
        return self.version.apply(self.palsy, self.sides)

    def with_palsy(self, palsy: Palsy) -> Face:
        """The same identity, look, pose, light and camera with another condition."""
        return replace(self, palsy=palsy)


def draw_face(
    seed: int, split: str, number: int, size: int, pose: Pose | None = None, version: Version = LATEST
) -> Face:
    """Face ``number`` of a split. Consecutive faces share an identity (``FACES_PER_IDENTITY`` each)."""
    head = load_head()
    person = number // FACES_PER_IDENTITY

    def rng(what: str) -> np.random.Generator:
        return stream(seed, split, number, what)

    identity = draw_identity(stream(seed, split, person, "identity"), head)
    look = draw_look(stream(seed, split, person, "look"), identity)
    expression, sides = version.expression(rng("expression"))
    pose = pose or draw_pose(rng("pose"))
    still = identity.vertices(head)
    intended = move(head, still, sides)
    return Face(
        person=person,
        identity=identity,
        still=still,
        look=look,
        expression=expression,
        sides=sides,
        palsy=version.palsy(rng("palsy")),
        camera=draw_camera(rng("camera"), head, intended, pose, size),
        light=draw_light(rng("light")),
        covering=draw_covering(rng("covering"), look.glasses),
        photo=photograph.draw_photograph(rng("photograph"), float(look.skin.mean())),
        background_seed=(seed, split, number),
        size=size,
        version=version,
    )


def draw_pair(seed: int, number: int, size: int, version: Version = LATEST) -> Face:
    """Face ``number`` of the paired split: even ones are healthy, the odd one after is the same picture with palsy."""
    pair = number // 2
    healthy = draw_face(seed, PAIRED, pair, size, version=version).with_palsy(Palsy())
    if number % 2 == 0:
        return healthy
    return healthy.with_palsy(version.palsy(stream(seed, PAIRED, pair, "palsy"), healthy=0.0))


def truth(face: Face, head: Head, points: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """3D [68, 3] and 2D [68, 2] landmarks in pixels, rounded to ``DECIMALS``."""
    return (
        np.round(landmarks_3d(head, points, face.camera), DECIMALS),
        np.round(landmarks_2d(head, points, face.camera), DECIMALS),
    )


def render_face(face: Face) -> tuple[NDArray[np.uint8], dict[str, Any]]:
    """Picture (sRGB uint8 [S, S, 3]) and record (landmarks, visibility, tags) of a face."""
    head = load_head()
    movement = face.movement
    points = moved(head, face.still, movement)
    marks_3d, marks_2d = truth(face, head, points)
    scene = head_scene(head, points, face.still, face.look, face.covering)
    background = backdrop(stream(*face.background_seed, "background"), face.size)
    signs.redden(scene.lip, head, movement.signs)
    signs.open_ball(scene.openness, movement.bell)
    folds = creases.relief(creases.depths(face.look, movement.sides, face.palsy))
    skin = paint(face.look, head, creases.emboss(folds))
    linear_rgb = render(head, scene, face.look, face.covering.colour, skin, face.camera, face.light, background)
    marks = on_surface(points, head.landmark_vertex, head.landmark_weight)
    visible = seen(face.camera, marks, scene, face.size)
    record = {
        "landmarks_MAL3D": marks_3d.tolist(),
        "landmarks_2d": marks_2d.tolist(),
        "visible": visible.astype(int).tolist(),
        **tags(face),
    }
    return photograph.develop(linear_rgb, face.photo), record


def is_clean(face: Face) -> bool:
    """Nothing before the face or on the brows, a fair photograph in colour, and light from the front or above."""
    bare = face.covering.kind == "none" and not face.look.fringe and face.look.hair_style not in ("cap", "beanie")
    fair = not face.photo.poor and not face.photo.grey
    return bare and fair and face.light.kind in ("soft", "studio", "flash", "top")


def tags(face: Face) -> dict[str, Any]:
    """What is known of a face beside its landmarks."""
    pose, palsy = face.camera.pose, face.palsy
    turned = abs(pose.yaw)
    return {
        "person": face.person,
        "yaw": round(pose.yaw, DECIMALS),
        "pitch": round(pose.pitch, DECIMALS),
        "roll": round(pose.roll, DECIMALS),
        "yaw_bin": "0-30" if turned <= 30 else "30-60" if turned <= 60 else "60-90",
        "palsy_kind": palsy.kind,
        "palsy_side": palsy.side or "none",
        "palsy_grade": palsy.grade,
        "palsy_severity": round(palsy.severity, DECIMALS),
        "expression": face.expression,
        "skin_tone": face.look.skin_tone,
        "lighting": face.light.kind,
        "occlusion": face.covering.kind,
        "clean": is_clean(face),
    }
