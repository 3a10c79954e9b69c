"""What covers the head beside its own hair: long hair, caps, scarves, masks, glasses and hands."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin import pieces
from parface_bench.plugins.datasets.palsy_twin.asset import Head
from parface_bench.plugins.datasets.palsy_twin.camera import on_surface
from parface_bench.plugins.datasets.palsy_twin.look import Look, linear
from parface_bench.plugins.datasets.palsy_twin.shade import COVER, FABRIC, HAIR, HAND, PLAIN

OCCLUSIONS = ("none", "glasses", "sunglasses", "hand", "mask", "scarf", "object")
HIDING = ("sunglasses", "hand", "mask", "scarf", "object")  # those that count as occluded


@dataclass(frozen=True)
class Covering:
    """Which thing hides part of a face, and eight random numbers in 0..1 that shape it."""

    kind: str
    shape: tuple[float, ...]
    colour: NDArray[np.float64]


@dataclass(frozen=True)
class Piece:
    """A mesh to add to the scene; ``opacity`` below 1 is a glass that is blended over what lies behind."""

    mesh: pieces.Mesh
    material: int
    opacity: float = 1.0


def draw_covering(rng: np.random.Generator, wears_glasses: bool) -> Covering:
    """A random covering: most faces have none."""
    pick = rng.random()
    shape = tuple(float(v) for v in rng.random(8))
    colour = linear(rng.uniform(10, 240, size=3) * 0.5 + 0.5 * rng.uniform(10, 240))
    for kind, share in (("hand", 0.045), ("mask", 0.02), ("scarf", 0.025), ("object", 0.02), ("sunglasses", 0.03)):
        if pick < share:
            return Covering(kind, shape, colour)
        pick -= share
    return Covering("glasses" if wears_glasses else "none", shape, colour)


def hair_pieces(look: Look, field: NDArray[np.float32], head_top: float) -> list[Piece]:
    """Hair that hangs: a curtain round the back and, for some, a fringe; a bun; caps, beanies and headscarves."""
    rng = np.random.default_rng(look.texture_seed + 2)
    a, b, c, d = rng.random(4)
    out = []
    if look.hair_style == "long":
        rows, columns = 26, 72
        low = 5.2 + 1.1 * a
        y = np.repeat(np.linspace(8.25, low, rows)[:, None], columns, axis=1)
        opening = np.interp(y, [5.2, 6.2, 7.0, 7.6, 7.95, 8.3], [0.75, 0.75 + 0.4 * b, 0.85 + 0.4 * b, 0.9, 0.6, 0.1])
        share = np.linspace(0, 1, columns)[None]
        angle = opening + share * (2 * np.pi - 2 * opening)
        wave = 0.05 * np.sin(angle * (9 + 20 * c) + 2 * np.sin(y * 5)) + 0.04 * np.sin(angle * 23 + y * 7 * d)
        stand = (0.06 + 0.16 * look.hair_volume * d) * np.clip((8.45 - y) / 0.5, 0.3, 1) + wave
        out.append(Piece(pieces.drape(field, angle, y, stand, 0.78 * np.clip((7.6 - y) / 0.8, 0, 1)), HAIR))
    if look.hair_style in ("long", "medium", "updo") and look.fringe:
        rows, columns = 8, 36
        share = np.linspace(0, 1, rows)[:, None]
        angle = np.repeat(np.linspace(-0.62, 0.62, columns)[None], rows, axis=0) + 0.15 * (a - 0.5) * share
        end = 7.64 + 0.2 * b + 0.03 * rng.normal(size=columns)[None] + 0.25 * (a - 0.5) * angle[:1]
        y = 8.12 + (end - 8.12) * share
        out.append(Piece(pieces.drape(field, angle, y, 0.05 + 0.04 * np.sin(angle * 40)), HAIR))
    if look.hair_style == "updo":
        turn, tilt = np.meshgrid(np.linspace(0, 2 * np.pi, 20), np.linspace(0, np.pi, 12))
        ball = np.stack([np.cos(turn) * np.sin(tilt), np.cos(tilt), np.sin(turn) * np.sin(tilt)], axis=-1)
        size = 0.24 + 0.2 * a
        points = (ball * size * [1, 0.9, 1] + [0, 7.9 + 0.55 * b, -0.55 + 0.4 * b]).reshape(-1, 3)
        out.append(Piece((points, pieces.grid_triangles(12, 20)), HAIR))
    if look.hair_style in ("cap", "beanie"):
        rows, columns = 16, 48
        angle = np.repeat(np.linspace(-np.pi, np.pi, columns)[None], rows, axis=0)
        front = 7.68 + 0.14 * a + 0.10 * (look.hair_style == "cap")
        edge = np.interp(np.abs(angle[:1]), [0, 0.9, 1.6, np.pi], [front, front - 0.05, 7.30 + 0.1 * b, 6.95])
        top = float(head_top) + 0.08 + 0.12 * c
        y = top + (edge - top) * np.linspace(0, 1, rows)[:, None] ** 1.6
        roll = 0.05 * (np.linspace(0, 1, rows)[:, None] > 0.8) * (look.hair_style == "beanie")
        out.append(Piece(pieces.drape(field, angle, y, 0.06 + 0.06 * d + roll), FABRIC))
    if look.hair_style == "headscarf":
        rows, columns = 30, 64
        y = np.repeat(np.linspace(float(head_top) + 0.06, 5.1, rows)[:, None], columns, axis=1)
        opening = np.interp(
            y,
            [6.0, 6.12, 6.3, 6.6, 7.0, 7.5, 7.85, 8.05, 8.15],
            [0, 0.3, 0.72, 0.95, 1.05, 1.0 - 0.1 * b, 0.75, 0.45, 0],
        )
        angle = opening + np.linspace(0, 1, columns)[None] * (2 * np.pi - 2 * opening)
        folds = 0.05 * np.sin(angle * 5 + y * 6 * a + 6 * b) * np.clip((7.4 - y) / 1.5, 0.1, 1)
        out.append(Piece(pieces.drape(field, angle, y, 0.07 + 0.05 * d + folds, least=0.1), FABRIC))
    if look.hair_style == "cap":
        rows, columns = 6, 30
        share = np.linspace(0, 1, rows)[:, None]
        angle = np.repeat(np.linspace(-0.75, 0.75, columns)[None], rows, axis=0)
        y = 7.86 + 0.05 * a - (0.18 + 0.15 * b) * share * np.cos(angle) + 0 * angle
        out.append(Piece(pieces.drape(field, angle, y, 0.04 + 0.62 * share * np.cos(angle * 1.6)), FABRIC))
    return out


def covering_pieces(
    covering: Covering, head: Head, still: NDArray[np.float64], points: NDArray[np.float64], field: NDArray[np.float32]
) -> list[Piece]:
    """Pieces of a covering.

    Args:
        still: the head at rest [V, 3], to which glasses are fitted; points: with its expression, for what lies on the
            skin.
        field: :func:`pieces.radius_field` of ``points``.
    """
    make = {
        "glasses": _glasses,
        "sunglasses": _glasses,
        "hand": _hand,
        "mask": _mask,
        "scarf": _scarf,
        "object": _object,
    }
    if covering.kind == "none":
        return []
    return make[covering.kind](covering, head, still if "glasses" in covering.kind else points, field)


def _glasses(covering: Covering, head: Head, points: NDArray[np.float64], field: NDArray[np.float32]) -> list[Piece]:
    marks = on_surface(points, head.landmark_vertex, head.landmark_weight)
    s = covering.shape
    dark = covering.kind == "sunglasses"
    width, height = 0.46 + 0.1 * s[0] + 0.06 * dark, (0.26 + 0.16 * s[1] + 0.06 * dark)
    thick = 0.010 + 0.022 * s[2] ** 2
    meshes, lenses = [], []
    hook = np.array([0, -0.1, -0.15])
    front = max(float(marks[27, 2]), float(marks[36:48, 2].max()) + 0.12) + 0.02
    for eye, side in ((marks[36:42], -1.0), (marks[42:48], 1.0)):
        middle = np.array([eye[:, 0].mean() + side * 0.02, eye[:, 1].mean() - 0.03, front])
        middle[0] = side * max(abs(middle[0]), width / 2 + 0.07)
        outline = pieces.rim(middle, width, height, 0.55 + 0.45 * s[3], 0.25 + 0.2 * s[4])
        meshes.append(pieces.tube(outline, thick, closed=True))
        fan = np.concatenate([middle[None] + [0, 0, 0.02], outline])
        k = np.arange(len(outline))
        lenses.append((fan, np.stack([0 * k, k + 1, (k + 1) % len(k) + 1], axis=1).astype(np.int32)))
        hinge = outline[np.argmax(side * outline[:, 0])] + [0, 0.04, 0]
        ear, bend = np.array([side * 0.76, 7.36, 0.5]), np.array([side * 0.06, 0, -0.1])
        meshes.append(pieces.tube(np.stack([hinge, hinge + bend, ear, ear + hook]), thick))
    inner = [middle_x - np.sign(middle_x) * width / 2 for middle_x in (-abs(middle[0]), abs(middle[0]))]
    y = middle[1] + 0.04
    bridge = np.array([[inner[0], y, front], [0, y + 0.03, front + 0.02], [inner[1], y, front]])
    meshes.append(pieces.tube(bridge, thick))
    lens = pieces.join(*lenses)
    return [
        Piece(pieces.join(*meshes), PLAIN),
        Piece(lens, PLAIN, opacity=0.75 + 0.22 * s[5] if dark else 0.03 + 0.07 * s[5]),
    ]


def _hand(covering: Covering, head: Head, points: NDArray[np.float64], field: NDArray[np.float32]) -> list[Piece]:
    s = covering.shape
    side = 1.0 if s[0] < 0.5 else -1.0
    at = np.array([side * (0.15 + 0.5 * s[1]), 6.3 + 0.75 * s[2], 1.25 + 0.35 * (1 - s[1]) + 0.3])
    outward = np.array([at[0] * 0.9, 0.1, 0.9])
    return [Piece(pieces.hand(at, outward, side * (s[3] - 0.65) * 1.2, side, 0.95 + 0.15 * s[4]), HAND)]


def _mask(covering: Covering, head: Head, points: NDArray[np.float64], field: NDArray[np.float32]) -> list[Piece]:
    rows, columns = 22, 40
    s = covering.shape
    share = np.linspace(0, 1, rows)[:, None]
    angle = np.repeat(np.linspace(-1.35, 1.35, columns)[None], rows, axis=0)
    top = 7.0 + 0.08 * s[0] - 0.12 * np.abs(angle[:1]) ** 1.5
    low = 6.1 + 0.18 * np.abs(angle[:1])
    y = top + (low - top) * share
    folds = 0.02 * np.sin(share * np.pi * 6) * np.cos(angle) * (s[1] > 0.4)
    return [Piece(pieces.drape(field, angle, y, 0.05 + 0.05 * np.cos(angle) * np.sin(share * np.pi) + folds), COVER)]


def _scarf(covering: Covering, head: Head, points: NDArray[np.float64], field: NDArray[np.float32]) -> list[Piece]:
    rows, columns = 20, 72
    s = covering.shape
    share = np.linspace(0, 1, rows)[:, None]
    angle = np.repeat(np.linspace(-np.pi, np.pi, columns)[None], rows, axis=0)
    top = 6.1 + 0.55 * s[0] + 0.08 * np.sin(angle[:1] * 2 + 6 * s[1])
    y = top + (5.2 - top) * share
    folds = 0.05 * np.sin(share * 14 + 2 * np.sin(angle * 2 + 6 * s[2])) + 0.14 * np.sin(share * np.pi)
    return [Piece(pieces.drape(field, angle, y, 0.10 + folds, least=0.75), COVER)]


def _object(covering: Covering, head: Head, points: NDArray[np.float64], field: NDArray[np.float32]) -> list[Piece]:
    """A cup, microphone or pole before the lower face."""
    s = covering.shape
    low = np.array([1.6 * (s[0] - 0.5), 5.2, 2.0 + 0.4 * s[1]])
    high = np.array([0.7 * (s[2] - 0.5), 6.45 + 0.4 * s[3], 1.85])
    path = low + (high - low) * np.linspace(0, 1, 8)[:, None]
    radius = np.full(8, 0.07 + 0.2 * s[4])
    radius[-2:] *= 1 + s[5]
    return [Piece(pieces.tube(np.concatenate([path, path[-1:] + 1e-3]), np.append(radius, 1e-3), 14), COVER)]
