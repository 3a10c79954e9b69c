"""Movement of the face: the standard clinical expressions as face-unit weights, and how weights move the head.

Weights are kept per side, ``{unit: [left, right]}``, with the unit's name lacking its side (``mouthSmile``); units
without sides (``jawOpen``) use the mean of both. ``eyeBlink`` is the fraction of closure: 1 shuts exactly this
person's lids.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.asset import Head

Sides = dict[str, list[float]]
LEFT, RIGHT = 0, 1
SIDE_NAMES = ("Left", "Right")

# The standard set asked for in a clinical examination (House and Brackmann 1985; Sunnybrook, Ross et al. 1996;
# eFACE, Banks et al. 2015), with the face units (named as in ARKit) that perform it at full effort.
CLINICAL: dict[str, dict[str, float]] = {
    "rest": {},
    "close-gentle": {"eyeBlink": 1.0},
    "close-tight": {
        "eyeBlink": 1.0,
        "eyeSquint": 0.6,
        "cheekSquint": 0.7,
        "browDown": 0.45,
        "noseSneer": 0.25,
        "mouthPress": 0.2,
    },
    "brow-raise": {"browInnerUp": 0.95, "browOuterUp": 0.95, "eyeWide": 0.25},
    "frown": {"browDown": 0.95, "eyeSquint": 0.25},
    "snarl": {"noseSneer": 0.95, "mouthUpperUp": 0.6, "browDown": 0.3, "cheekSquint": 0.4},
    "smile-closed": {"mouthSmile": 0.8, "cheekSquint": 0.4, "mouthDimple": 0.25},
    "smile-open": {
        "mouthSmile": 0.8,
        "cheekSquint": 0.5,
        "mouthUpperUp": 0.55,
        "mouthLowerDown": 0.3,
        "jawOpen": 0.15,
        "eyeSquint": 0.2,
    },
    "pucker": {"mouthPucker": 0.9, "mouthFunnel": 0.15},
    "lip-depression": {"mouthLowerDown": 0.9, "mouthStretch": 0.4, "mouthFrown": 0.2, "jawOpen": 0.06},
}
# What photographs outside the clinic show as well.
EVERYDAY: dict[str, dict[str, float]] = {
    "mouth-open": {"jawOpen": 0.75, "mouthLowerDown": 0.2},
    "speech": {"jawOpen": 0.3, "mouthFunnel": 0.3, "mouthUpperUp": 0.15, "mouthLowerDown": 0.25},
    "surprise": {"jawOpen": 0.5, "browInnerUp": 0.8, "browOuterUp": 0.7, "eyeWide": 0.6},
    "laugh": {
        "mouthSmile": 0.95,
        "jawOpen": 0.45,
        "cheekSquint": 0.7,
        "eyeSquint": 0.5,
        "mouthUpperUp": 0.5,
        "eyeBlink": 0.3,
    },
    "sad": {"mouthFrown": 0.7, "browInnerUp": 0.6, "mouthShrugLower": 0.3, "eyeBlink": 0.15},
}
EXPRESSIONS = {**CLINICAL, **EVERYDAY}
EXPRESSION_ODDS = {
    "rest": 0.14,
    "close-gentle": 0.05,
    "close-tight": 0.05,
    "brow-raise": 0.07,
    "frown": 0.06,
    "snarl": 0.05,
    "smile-closed": 0.11,
    "smile-open": 0.26,
    "pucker": 0.06,
    "lip-depression": 0.05,
    "mouth-open": 0.04,
    "speech": 0.06,
    "surprise": 0.02,
    "laugh": 0.08,
    "sad": 0.01,
}
SIDE_JITTER = 0.06  # natural left-right difference of a movement, as a share of it
BACKGROUND_UNITS = [
    "browInnerUp",
    "browOuterUp",
    "browDown",
    "eyeSquint",
    "eyeWide",
    "cheekSquint",
    "noseSneer",
    "mouthSmile",
    "mouthFrown",
    "mouthPress",
    "mouthRollLower",
    "mouthRollUpper",
    "mouthStretch",
    "mouthDimple",
    "mouthUpperUp",
    "mouthLowerDown",
    "mouthShrugUpper",
    "mouthFunnel",
]


def draw_expression(
    rng: np.random.Generator, name: str | None = None, all_odds: dict[str, float] = EXPRESSION_ODDS, full: float = 0.0
) -> tuple[str, Sides]:
    """A random expression (its name, its weights per side): effort, small background movements, blink and gaze vary.

    Args:
        all_odds: how often each expression is drawn; full: share of faces that make it with full effort.
    """
    names = list(all_odds)
    odds = np.array(list(all_odds.values()))
    drawn = names[int(np.searchsorted(np.cumsum(odds / odds.sum()), rng.random()))]
    name = name or drawn
    effort = rng.uniform(0.55, 1.05)
    if full and rng.random() < full:
        effort = 0.9 + 0.4 * (effort - 0.55)
    sides: Sides = {}
    for unit, weight in EXPRESSIONS[name].items():
        level = weight * (effort if unit != "eyeBlink" else min(1.0, effort + 0.3))
        sides[unit] = [max(0.0, level * (1 + SIDE_JITTER * rng.normal())) for _ in SIDE_NAMES]
    lively = 0.10 if rng.random() < 0.6 else 0.25  # how much else a face does
    for unit in BACKGROUND_UNITS:
        level = max(0.0, lively * (rng.normal() - 0.6))
        sides[unit] = [a + level for a in sides.get(unit, [0.0, 0.0])]
    lift = float(np.clip(rng.normal(0.14, 0.08), 0, 0.35))  # the base head frowns a little; people do not
    sides["browInnerUp"] = [a + lift for a in sides["browInnerUp"]]
    corners = max(0.0, rng.normal(0.08, 0.12))  # people who are photographed smile a little
    sides["mouthSmile"] = [a + corners for a in sides["mouthSmile"]]
    if "eyeBlink" not in sides:
        lids = float(np.clip(rng.normal(0.0, 0.11), -0.15, 0.45))
        sides["eyeBlink"] = [lids, lids]
    for axis in ("Horizontal", "Vertical"):
        gaze = float(np.clip(rng.normal() * 0.35, -0.8, 0.8))
        sides[f"gaze{axis}"] = [gaze, gaze]
    return name, sides


def _lid_travel(head: Head, points: NDArray[np.float64], side: int) -> float:
    """Weight of ``eyeBlink`` at which the lids of one side meet (``points`` with every other unit applied)."""
    upper, lower = head.lid_pairs[side, :, 0], head.lid_pairs[side, :, 1]
    moves = np.zeros_like(points)
    index, move = head.target(f"unit/eyeBlink{SIDE_NAMES[side]}")
    moves[index] = move
    gap = points[upper, 1] - points[lower, 1]
    closing = moves[lower, 1] - moves[upper, 1]
    return float(np.clip(np.mean(gap / np.maximum(closing, 1e-3)), 0.0, 1.5))


def _gaze(sides: Sides) -> dict[str, float]:
    """Eye-look units of both eyes for the signed gaze (horizontal: + the subject's left, vertical: + up)."""
    out: dict[str, float] = {}
    for side, name in enumerate(SIDE_NAMES):
        h, v = sides.get("gazeHorizontal", [0.0, 0.0])[side], sides.get("gazeVertical", [0.0, 0.0])[side]
        outward = h if side == LEFT else -h
        out[f"unit/eyeLook{'Out' if outward > 0 else 'In'}{name}"] = abs(outward)
        out[f"unit/eyeLook{'Up' if v > 0 else 'Down'}{name}"] = abs(v)
    return out


def move(
    head: Head,
    points: NDArray[np.float64],
    sides: Sides,
    extra: dict[str, float] | None = None,
    shape: Callable[[NDArray[np.float64]], None] | None = None,
) -> NDArray[np.float64]:
    """The head ``points`` [V, 3] (an identity at rest) after all face units.

    Args:
        extra: weights of further targets; shape: a change of the points in place before the lids close.

    Lids are closed last and by the distance that is left between them, so that they never pass through each other.
    """
    weights = dict(extra or {})
    for unit, (left, right) in sides.items():
        if unit == "eyeBlink" or unit.startswith("gaze"):
            continue
        if unit in ("mouthShift", "jawShift"):
            stem = unit.removesuffix("Shift")
            weights[f"unit/{stem}{'Left' if left > 0 else 'Right'}"] = abs(left)
        elif f"unit/{unit}Left" in head.order:
            weights[f"unit/{unit}Left"], weights[f"unit/{unit}Right"] = left, right
        else:
            weights[f"unit/{unit}"] = (left + right) / 2
    weights.update(_gaze(sides))
    out = head.moved(weights, points)
    if shape is not None:
        shape(out)
    for side, name in enumerate(SIDE_NAMES):
        fraction = sides.get("eyeBlink", [0.0, 0.0])[side]
        if fraction:
            fraction = min(fraction, 1.0)
            out = head.moved({f"unit/eyeBlink{name}": fraction * _lid_travel(head, out, side)}, out)
    return out
