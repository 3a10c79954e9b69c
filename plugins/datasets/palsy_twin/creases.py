"""Folds and wrinkles: how deep each is, given the movement of each side, and their relief in the skin picture.

Depth follows the muscles that make the fold, so that a paralysed side loses its forehead lines and nasolabial fold.
"""

from __future__ import annotations

from functools import cache

import cv2
import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.expression import Sides
from parface_bench.plugins.datasets.palsy_twin.look import Look
from parface_bench.plugins.datasets.palsy_twin.palsy import REST_EXPONENT, Palsy
from parface_bench.plugins.datasets.palsy_twin.skin import HEIGHT, WIDTH, skin_space

Picture = NDArray[np.float32]

# Name -> (fine or broad, lines on the subject's left in frontal rest coordinates of the base head, dm).
LINES: dict[str, tuple[str, tuple[tuple[tuple[float, float], ...], ...]]] = {
    "forehead": (
        "fine",
        (
            ((0.0, 7.62), (0.15, 7.635), (0.30, 7.65), (0.43, 7.62)),
            ((0.0, 7.71), (0.18, 7.725), (0.34, 7.735), (0.46, 7.70)),
            ((0.0, 7.80), (0.16, 7.81), (0.36, 7.81)),
        ),
    ),
    "glabella": ("fine", (((0.045, 7.40), (0.055, 7.48), (0.05, 7.56)), ((0.085, 7.43), (0.09, 7.50)))),
    "bunny": ("fine", (((0.04, 7.30), (0.075, 7.25)), ((0.055, 7.22), (0.10, 7.17)), ((0.07, 7.15), (0.12, 7.10)))),
    "crow": (
        "fine",
        (
            ((0.50, 7.295), (0.56, 7.32), (0.62, 7.35)),
            ((0.505, 7.275), (0.57, 7.27), (0.63, 7.27)),
            ((0.495, 7.25), (0.55, 7.215), (0.60, 7.18)),
        ),
    ),
    "lid": ("fine", (((0.185, 7.315), (0.25, 7.372), (0.33, 7.385), (0.40, 7.365), (0.455, 7.32)),)),
    "under eye": ("broad", (((0.19, 7.215), (0.27, 7.165), (0.36, 7.165), (0.42, 7.20)),)),
    "nasolabial": ("broad", (((0.155, 6.90), (0.20, 6.845), (0.27, 6.755), (0.315, 6.66), (0.33, 6.58)),)),
    "marionette": ("broad", (((0.265, 6.585), (0.29, 6.51), (0.295, 6.43)),)),
    "chin": ("broad", (((0.0, 6.385), (0.08, 6.385), (0.15, 6.40)),)),
    "philtrum": ("fine", (((0.018, 6.80), (0.022, 6.72)),)),
}


def depths(look: Look, sides: Sides, palsy: Palsy) -> dict[str, list[float]]:
    """Depth of every fold on the left and right, about 0 ... 1, from age and the movement that is really made."""
    age = look.wrinkles

    def unit(name: str, side: int) -> float:
        return max(0.0, sides.get(name, [0.0, 0.0])[side])

    out: dict[str, list[float]] = {}
    for side in (0, 1):
        slack, tight = 0.0, 0.0
        severity = palsy.on(side)
        if severity > 0:
            slack = severity**REST_EXPONENT if palsy.kind == "flaccid" else 0.0
            tight = unit("mouthDimple", side) if palsy.kind == "synkinetic" else 0.0
        brow = (unit("browInnerUp", side) + unit("browOuterUp", side)) / 2
        squeeze = 0.6 * unit("cheekSquint", side) + 0.4 * unit("eyeSquint", side)
        smile = unit("mouthSmile", side) + 0.5 * unit("mouthUpperUp", side) + 0.5 * unit("noseSneer", side)
        values = {
            "forehead": (0.35 * age * (1 - slack)) + brow * (0.35 + 0.65 * age),
            "glabella": 0.25 * age * (1 - slack) + 0.8 * unit("browDown", side),
            "bunny": 0.8 * unit("noseSneer", side),
            "crow": (0.3 * age * (1 - slack)) + squeeze * (0.25 + 0.75 * age),
            "lid": look.lid_crease * (1 - 0.5 * unit("eyeBlink", side)),
            "under eye": 0.10 + 0.5 * age + 0.15 * slack,
            "nasolabial": (0.12 + 0.5 * age) * (1 - 0.9 * slack) + 0.6 * smile + 0.8 * tight,
            "marionette": 0.4 * age + 0.4 * unit("mouthFrown", side),
            "chin": 0.35,
            "philtrum": 0.25,
        }
        for name, value in values.items():
            out.setdefault(name, []).append(value)
    return out


@cache
def _strokes() -> dict[str, list[list[NDArray[np.int32]]]]:
    """Every fold's lines on the left and right in texture pixels times 16."""
    out: dict[str, list[list[NDArray[np.int32]]]] = {}
    for name, (_, lines) in LINES.items():
        for sign in (1.0, -1.0):
            strokes = []
            for line in lines:
                knots = np.array(line)
                at = np.linspace(0, len(knots) - 1, 14)
                x, y = (np.interp(at, np.arange(len(knots)), knots[:, k]) for k in (0, 1))
                strokes.append(np.round(skin_space().texel(sign * x, y) * 16).astype(np.int32))
            out.setdefault(name, []).append(strokes)
    return out


def relief(depth: dict[str, list[float]]) -> Picture:
    """Height of the skin [HEIGHT, WIDTH], 0 where it is smooth, -1 in the bottom of a deep fold."""
    out = np.zeros((HEIGHT, WIDTH), np.float32)
    for kind, thick, soft in (("fine", 1, 1.1), ("broad", 2, 2.6)):
        layer = np.zeros((HEIGHT, WIDTH), np.float32)
        for name, (group, _) in LINES.items():
            if group != kind:
                continue
            for strokes, deep in zip(_strokes()[name], depth[name], strict=True):
                if deep >= 0.03:
                    for pixels in strokes:
                        cv2.polylines(layer, [pixels], False, float(min(deep, 1.3)), thick, cv2.LINE_AA, 4)
        out -= cv2.GaussianBlur(layer, (0, 0), soft) * (2.2 if kind == "fine" else 2.8)
    return out


def emboss(height: Picture) -> Picture:
    """Factor [H, W] on reflected light: folds are darker, and their lower flank, which faces the sky, is lighter."""
    slope = cv2.Sobel(height, cv2.CV_32F, 0, 1, ksize=3) / 8
    return np.asarray(np.clip(1 + 0.32 * height + 0.55 * slope, 0.35, 1.4), np.float32)
