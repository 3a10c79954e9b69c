"""Millimetres from an assumed scale: never a measurement, only where a user asks for them, with what is uncertain."""

from __future__ import annotations

import math

import numpy as np

from parface_bench.registry import UserError

PUPILS = 63.0  # mm between the pupils: mean of adults (Dodgson, 2004)
IRIS = 11.77  # mm across the iris: mean of men (Rüfer and others, 2005), which Emotrics takes


def millimetres(scale: str, pupils: np.ndarray) -> tuple[np.ndarray, str]:
    """Millimetres a pixel [N], and the sentence on how far they can be trusted.

    Args:
        scale: 'pupils' (63 mm between them), 'iris:RADIUS' (11.77 mm across an iris of this radius in pixels) or the
            millimetres a pixel.
        pupils: [N] distance of the pupils, pixels.

    Raises:
        UserError: none of these, or a radius in pixels for several faces.
    """
    kind, _, number = scale.partition(":")
    if kind == "pupils" and not number:
        with np.errstate(divide="ignore", invalid="ignore"):
            found = PUPILS / pupils
        return found, (
            f"mm at {PUPILS:g} mm between the pupils, a nominal scale: most adults have 50 to 75 mm, so lengths are "
            "uncertain by about 10 %; landmarks of 68 points have no pupils, their eyes' middles stand for them"
        )
    if kind == "iris":
        if len(pupils) != 1:
            raise UserError(f"--scale {scale}: a radius in pixels is that of one face, and there are {len(pupils)}")
        radius = _positive(scale, number)
        return np.array([IRIS / (2 * radius)]), (
            f"mm at {IRIS:g} mm across the iris, a nominal scale: published means differ by 1 to 4 % from it, and "
            "people "
            "by 3.6 % (SD)"
        )
    value = _positive(scale, scale)
    return np.full(len(pupils), value), f"mm at {value:g} mm a pixel, as given: as exact as that scale is at the face"


def _positive(scale: str, number: str) -> float:
    try:
        value = float(number)
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and value > 0):
        raise UserError(f"--scale {scale}: pupils, iris:RADIUS in pixels, or a number of millimetres a pixel")
    return value
