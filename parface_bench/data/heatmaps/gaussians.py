"""Heatmaps as products of two profiles, on the CPU: every pixel is computed and written once, in several threads."""

from __future__ import annotations

import math

import numba
import numpy as np

from parface_bench.data.recycled import recycled
from parface_bench.data.threads import in_threads

# of the exponential, from the 12th power down
_SERIES = tuple(1 / math.factorial(n) for n in range(12, -1, -1))


@numba.njit(nogil=True, cache=True)
def _row(profile: np.ndarray, factor: float, out: np.ndarray) -> None:
    for x in range(out.size):
        out[x] = profile[x] * factor


@numba.njit(nogil=True, cache=True)
def _fill(profiles: np.ndarray, out: np.ndarray) -> None:
    for i in range(out.shape[0]):
        profile = profiles[i, 0]
        for y in range(out.shape[1]):
            _row(profile, profiles[i, 1, y], out[i, y])


@numba.njit(nogil=True, cache=True)
def _gaussian(centre: float, factor: float, faint: float, out: np.ndarray) -> None:
    for x in range(out.size):
        exponent = factor * (x - centre) * (x - centre)
        # exp by its series and six squarings: products and sums alone, so that eight pixels are made at a time
        part = max(exponent, -50.0) / 64.0
        value = 0.0
        for coefficient in _SERIES:
            value = value * part + coefficient
        for _ in range(6):
            value *= value
        out[x] = value if value > faint else 0.0


@numba.njit(nogil=True, cache=True)
def _fill_gaussians(centres: np.ndarray, factor: float, faint: float, out: np.ndarray) -> None:
    across, down = np.empty(out.shape[2], np.float32), np.empty(out.shape[1], np.float32)
    for i in range(out.shape[0]):
        _gaussian(centres[i, 0], factor, faint, across)
        _gaussian(centres[i, 1], factor, faint, down)
        for y in range(out.shape[1]):
            _row(across, down[y], out[i, y])


def gaussians(centres: np.ndarray, size: int, sigma: float, faint: float, threads: int = 1) -> np.ndarray:
    """Maps of Gaussians of height 1, in recycled memory.

    Args:
        centres: float64 [N, 2 (x, y)], pixels.
        size: side of the maps.
        sigma: standard deviation, pixels.
        faint: a profile is 0 where it is not above this.
        threads: parts that are made at the same time.

    Returns:
        float32 [N, size, size], of which each profile is within 1e-7 of the exponential.
    """
    out = recycled((len(centres), size, size), np.float32)
    factor = -0.5 / sigma**2
    in_threads(lambda part: _fill_gaussians(centres[part], factor, faint, out[part]), len(centres), threads)
    return out


def outer(profiles: np.ndarray, threads: int = 1) -> np.ndarray:
    """Maps of the products of a horizontal and a vertical profile each, in recycled memory.

    Args:
        profiles: float32 [N, 2 (x, y), S].
        threads: parts that are made at the same time.

    Returns:
        float32 [N, S, S].
    """
    count, _, size = profiles.shape
    out = recycled((count, size, size), np.float32)
    in_threads(lambda part: _fill(profiles[part], out[part]), count, threads)
    return out
