"""Sizes of differences between two groups."""

from __future__ import annotations

import numpy as np


def hedges_g(a: np.ndarray, b: np.ndarray) -> float | None:
    """Difference of means (a - b) over the pooled standard deviation, corrected for small groups."""
    n, m = len(a), len(b)
    if n < 2 or m < 2:
        return None
    pooled = ((n - 1) * np.var(a, ddof=1) + (m - 1) * np.var(b, ddof=1)) / (n + m - 2)
    if pooled <= 0:
        return None
    return float((np.mean(a) - np.mean(b)) / np.sqrt(pooled) * (1 - 3 / (4 * (n + m) - 9)))


def within_strata(
    values: np.ndarray, group: np.ndarray, stratum: np.ndarray, shares: np.ndarray
) -> tuple[float | None, float]:
    """Hedges' g and Cliff's delta inside strata, averaged with the shares of the strata [S].

    g is the mean difference over the standard deviation inside strata and groups.
    """
    squares, free, gap, delta = 0.0, 0, 0.0, 0.0
    for s in np.flatnonzero(shares > 0):
        a, b = values[(stratum == s) & group], values[(stratum == s) & ~group]
        squares += float(np.sum((a - a.mean()) ** 2) + np.sum((b - b.mean()) ** 2))
        free += len(a) + len(b) - 2
        gap += shares[s] * float(a.mean() - b.mean())
        delta += shares[s] * cliff_delta(a, b)
    if free < 1 or squares <= 0:
        return None, delta
    return gap / np.sqrt(squares / free) * (1 - 3 / (4 * free - 1)), delta


def standardised_mean(d: np.ndarray) -> float | None:
    """Mean of paired differences over their standard deviation, corrected likewise."""
    sd = np.std(d, ddof=1) if len(d) > 1 else 0.0
    return float(np.mean(d) / sd * (1 - 3 / (4 * len(d) - 5))) if sd > 0 else None


def cliff_delta(a: np.ndarray, b: np.ndarray) -> float:
    """How much oftener a value of ``a`` is above one of ``b`` than below: -1 to 1."""
    from scipy.stats import rankdata

    ranks = rankdata(np.concatenate([a, b]))
    n, m = len(a), len(b)
    above = ranks[:n].sum() - n * (n + 1) / 2
    return float(2 * above / (n * m) - 1)
