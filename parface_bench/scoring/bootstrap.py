"""Percentile bootstrap over faces (Efron and Tibshirani, 1993, chapter 13), vectorised over metrics.

Faces are drawn with replacement, as many as there are; the 2.5 and 97.5 percent quantiles of the resampled values bound
the interval. One face can only be drawn again and again, so that its interval has no width: it says nothing about other
faces, and tables print none.
"""

from __future__ import annotations

import zlib

import numpy as np

LEVEL = 0.95
_BLOCK_BYTES = 32 << 20


def generator(seed: int, name: str) -> np.random.Generator:
    """Random numbers that depend on the seed and a name, not on what else is drawn."""
    return np.random.default_rng([seed, zlib.crc32(name.encode())])


def name_of(chosen: np.ndarray) -> str:
    """A name for the chosen faces (boolean [N]): subsets of the same faces, under any names, get the same interval."""
    return f"{zlib.crc32(np.packbits(chosen).tobytes()):08x}"


def resampled_means(columns: np.ndarray, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Means of each column over each resample: [resamples, K] of ``columns`` [N, K].

    A NaN is a face for which the column is not defined; means are over the others (NaN where a resample has none).
    """
    n, k = columns.shape
    gaps = np.isnan(columns)
    open_columns = np.flatnonzero(gaps.any(axis=0))
    if len(open_columns):
        columns = np.concatenate([np.where(gaps, 0.0, columns), ~gaps[:, open_columns]], axis=1, dtype=np.float64)
    out = np.empty((resamples, columns.shape[1]))
    block = max(1, min(resamples, _BLOCK_BYTES // (8 * n)))
    counts = np.empty((block, n))
    for start in range(0, resamples, block):
        rows = min(block, resamples - start)
        for row in counts[:rows]:
            row[:] = np.bincount(rng.integers(0, n, size=n, dtype=np.uint32), minlength=n)
        out[start : start + rows] = counts[:rows] @ columns
    out /= n
    if len(open_columns):
        with np.errstate(invalid="ignore", divide="ignore"):
            out[:, open_columns] /= out[:, k:]
    return out[:, :k]


def resampled_quantiles(values: np.ndarray, q: float, resamples: int, rng: np.random.Generator) -> np.ndarray:
    """Quantile ``q`` in [0, 1] of each resample (linear interpolation): [resamples] of ``values`` [N].

    The k-th smallest of N uniform numbers is Beta distributed, and where it falls among N equal cells is the k-th
    smallest of N drawn faces: so the order statistics are drawn directly, without drawing the resample.
    """
    ordered = np.sort(values)
    n = len(ordered)
    place = q * (n - 1)
    k = min(int(place), n - 1)
    low = rng.beta(k + 1, n - k, size=resamples)
    high = low + (1 - low) * rng.beta(1, n - k - 1, size=resamples) if k < n - 1 else low
    at_low, at_high = (ordered[np.minimum((u * n).astype(np.intp), n - 1)] for u in (low, high))
    return at_low + (place - k) * (at_high - at_low)


def interval(draws: np.ndarray) -> list[float] | None:
    """The 95 percent interval of resampled values; None where there are none."""
    draws = draws[np.isfinite(draws)]
    if not len(draws):
        return None
    tail = (1 - LEVEL) / 2
    low, high = np.quantile(draws, [tail, 1 - tail])
    return [float(low), float(high)]
