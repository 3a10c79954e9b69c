"""Heatmaps as products of two profiles, on the CPU: every pixel is computed and written once, in several threads."""

from __future__ import annotations

import numba
import numpy as np

from parface_bench.data.memory import recycled
from parface_bench.data.threads import in_threads


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
