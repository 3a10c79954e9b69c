"""Signs of palsy in v2 that no face unit makes: displacement fields on the base head, and the eyeball's roll.

Every field is given for the subject's left side and mirrored for the right; its weight 1 moves the point where it is
strongest by ``reach`` (dm; 0.01 dm is 1.1 % of the outer-eye distance).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.asset import EYE, SKIN, SOCKET, TEETH, Head, load_head
from parface_bench.plugins.datasets.palsy_twin.expression import LEFT

Points = NDArray[np.float64]


@dataclass(frozen=True)
class Bump:
    """A displacement round a place of the left face, in frontal rest coordinates (dm).

    Attributes:
        centre, spread: x and y of the place, standard deviations of the Gaussian round it.
        reach: displacement where it is strongest (x outward, y up, z forward).
        between: y below and above which the field has faded to nothing.
        midline: whether it lies across the midline; the side named is then the one it moves toward.
    """

    centre: tuple[float, float]
    spread: tuple[float, float]
    reach: tuple[float, float, float]
    between: tuple[float, float] = (5.0, 9.0)
    midline: bool = False


FIELDS: dict[str, tuple[Bump, ...]] = {
    "lid-sag": (Bump((0.318, 7.235), (0.075, 0.05), (0.0, -0.030, 0.010), (7.05, 7.285)),),
    "brow-tail": (Bump((0.50, 7.43), (0.13, 0.06), (0.0, -0.050, 0.0), (7.33, 7.75)),),
    "hood": (Bump((0.38, 7.395), (0.10, 0.022), (0.0, -0.030, 0.022), (7.33, 7.50)),),
    "nose-pull": (Bump((0.0, 6.87), (0.13, 0.10), (0.045, 0.0, 0.0), (6.55, 7.20), midline=True),),
    "cheek-sag": (Bump((0.36, 6.66), (0.13, 0.14), (0.008, -0.040, 0.006), (6.2, 7.1)),),
    "cheek-bulge": (Bump((0.38, 6.93), (0.11, 0.11), (0.018, 0.010, 0.036), (6.5, 7.22)),),
    "lip-evert": (Bump((0.15, 6.53), (0.08, 0.035), (0.0, -0.022, 0.022), (6.40, 6.595)),),
    "platysma": (
        Bump((0.16, 5.80), (0.022, 0.30), (0.0, 0.0, 0.045), (5.2, 6.20)),
        Bump((0.34, 5.80), (0.025, 0.30), (0.015, 0.0, 0.045), (5.2, 6.25)),
    ),
}
TEETH_BACK = 0.10  # dm, at a pull of 1
FADE = 0.03  # dm: width of the fading at ``between``


def _step(value: Points, low: float, high: float) -> Points:
    t = np.clip((value - low) / (high - low), 0, 1)
    return t * t * (3 - 2 * t)


def _dense(bump: Bump, rest: Points) -> Points:
    """The field of the left side at rest positions [n, 3]."""
    x, y = rest[:, 0], rest[:, 1]
    weight = np.exp(
        -0.5 * (((x - bump.centre[0]) / bump.spread[0]) ** 2 + ((y - bump.centre[1]) / bump.spread[1]) ** 2)
    )
    low, high = bump.between
    weight *= _step(y, low, low + FADE) * _step(-y, -high, FADE - high)
    if not bump.midline:
        weight *= _step(x, 0.0, 2 * FADE)
    return weight[:, None] * np.asarray(bump.reach)


@cache
def fields() -> dict[str, tuple[NDArray[np.int64], Points]]:
    """Vertex numbers [n] and displacements [n, 3] of ``SIGN-left`` and ``SIGN-right``."""
    head = load_head()
    movable = np.union1d(head.part_vertices[SKIN], head.part_vertices[SOCKET])
    movable = movable[head.vertices[movable, 2] > 0.5]
    rest, out = head.vertices[movable], {}
    for name, bumps in FIELDS.items():
        for side, sign in (("left", 1.0), ("right", -1.0)):
            move = np.sum([_dense(bump, rest * [sign, 1, 1]) for bump in bumps], axis=0) * [sign, 1, 1]
            strong = np.abs(move).max(axis=1) > 1e-5
            out[f"{name}-{side}"] = (movable[strong], move[strong])
    return out


def deform(points: Points, weights: Mapping[str, float]) -> None:
    """Add weighted fields to the head's points [V, 3] in place."""
    for name, weight in weights.items():
        if weight:
            index, move = fields()[name]
            points[index] += weight * move


@cache
def _eyeballs() -> list[NDArray[np.int64]]:
    head = load_head()
    ball = head.part_vertices[EYE]
    return [ball[head.vertices[ball, 0] > 0], ball[head.vertices[ball, 0] < 0]]


def roll_eye(points: Points, side: int, up: float, outward: float) -> None:
    """Turn an eyeball about its middle, in place: ``up`` and ``outward`` in degrees (Bell's phenomenon)."""
    ball = _eyeballs()[side]
    middle = points[ball].mean(axis=0)
    a, b = np.deg2rad(up), np.deg2rad(outward if side == LEFT else -outward)
    nod = np.array([[1, 0, 0], [0, np.cos(a), np.sin(a)], [0, -np.sin(a), np.cos(a)]])
    turn = np.array([[np.cos(b), 0, np.sin(b)], [0, 1, 0], [-np.sin(b), 0, np.cos(b)]])
    matrix = turn @ nod
    arm = points[ball] - middle
    points[ball] = middle + np.stack([(arm * matrix[k]).sum(axis=1) for k in range(3)], axis=1)


def keep_teeth_in(points: Points, pull: float) -> None:
    """Set the teeth back, in place, as far as the lips are dragged over them sideways, lest they come through."""
    points[load_head().part_vertices[TEETH], 2] -= TEETH_BACK * abs(pull)


def open_ball(openness: Points, bell: list[float]) -> None:
    """Let a rolled eyeball take the light of where it now is: its lower half was hidden by the lid, in place [V]."""
    for side, amount in enumerate(bell):
        if amount:
            ball = _eyeballs()[side]
            openness[ball] += (np.maximum(openness[ball], 0.55) - openness[ball]) * amount


def redden(lip: Points, head: Head, weights: Mapping[str, float]) -> None:
    """Show the lower lid's lining where it turns outward: raise ``lip`` (share of lip colour) [V] on its margin."""
    margin = (head.lash > 0.4) & (head.lash < 0.7)
    for side, sign in (("left", 1.0), ("right", -1.0)):
        amount = weights.get(f"lid-sag-{side}", 0.0)
        rows = np.flatnonzero(margin & (sign * head.vertices[:, 0] > 0))
        lip[rows] = np.maximum(lip[rows], min(0.65, 0.55 * amount))
