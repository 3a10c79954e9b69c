"""The versions of the twin: which expressions are asked for, which palsies are drawn and how they show.

A version's faces never change once results were recorded on it; what alters them is a version of its own.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin import palsy_v2, signs
from parface_bench.plugins.datasets.palsy_twin.asset import Head
from parface_bench.plugins.datasets.palsy_twin.expression import Sides, draw_expression, move
from parface_bench.plugins.datasets.palsy_twin.palsy import Palsy, apply_palsy, draw_palsy
from parface_bench.plugins.datasets.palsy_twin.palsy_v2 import Movement


@dataclass(frozen=True)
class Version:
    """One version of the twin.

    Attributes:
        name: names its cache folder; renderer: raised with every change that alters faces within the version.
        expression: draws an expression's name and weights; palsy: draws a condition (keyword ``healthy``: its share).
        apply: what a face with a condition really does that tries to perform an expression.
    """

    name: str
    renderer: int
    expression: Callable[[np.random.Generator], tuple[str, Sides]]
    palsy: Callable[..., Palsy]
    apply: Callable[[Palsy, Sides], Movement]


def _movement_v1(palsy: Palsy, sides: Sides) -> Movement:
    return Movement(*apply_palsy(palsy, sides))


def _expression_v2(rng: np.random.Generator) -> tuple[str, Sides]:
    return draw_expression(rng, all_odds=palsy_v2.ODDS, full=palsy_v2.FULL_EFFORT)


V1 = Version("v1", 7, draw_expression, draw_palsy, _movement_v1)
V2 = Version("v2", 9, _expression_v2, palsy_v2.draw, palsy_v2.apply)
VERSIONS = {version.name: version for version in (V1, V2)}
LATEST = V2


def moved(head: Head, still: NDArray[np.float64], movement: Movement) -> NDArray[np.float64]:
    """The head ``still`` [V, 3] (an identity at rest) after a movement."""

    def shape(points: NDArray[np.float64]) -> None:
        signs.deform(points, movement.signs)
        if movement.signs:
            signs.keep_teeth_in(points, movement.sides.get("mouthShift", [0.0])[0])
        for side, amount in enumerate(movement.bell):
            if amount:
                up, outward = palsy_v2.BELL
                signs.roll_eye(points, side, amount * up, amount * outward)

    return move(head, still, movement.sides, movement.targets, shape)
