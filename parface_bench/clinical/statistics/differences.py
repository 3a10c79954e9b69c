"""The difference between two groups of faces, or within pairs of them, with interval, test and size."""

from __future__ import annotations

from typing import Any

import numpy as np

from parface_bench.clinical.statistics.effects import cliff_delta, hedges_g, standardised_mean, within_strata
from parface_bench.clinical.statistics.intervals import RESAMPLES, bootstrap, totals_by_person
from parface_bench.clinical.statistics.permutation import paired, two_groups, weights

DRAWS = 10_000


def difference(
    values: np.ndarray,
    group: np.ndarray,
    person: np.ndarray | None = None,
    stratum: np.ndarray | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
) -> dict[str, Any]:
    """Mean of the first group minus mean of the second, with its interval by person.

    Args:
        values: [N]; ``group``: bool [N], the first group.
        person: [N], who is shown, or None.
        stratum: [N]: differences are taken within each stratum that has both groups, and averaged with the weights
            n1 n2 / (n1 + n2).
        seed, resamples: of the bootstrap.

    Returns:
        ``value`` and ``ci95`` (None for fewer than five persons).
    """
    strata = np.zeros(len(values), dtype=np.intp) if stratum is None else np.unique(stratum, return_inverse=True)[1]
    first, _ = weights(group, strata)
    n1 = np.bincount(strata, weights=group, minlength=len(first))
    used = np.flatnonzero(first > 0)
    share = (first * n1)[used]
    centred = values - values.mean()
    # the sums of a person: for each stratum faces and values of either group
    columns = np.concatenate(
        [np.stack([m, m * centred], axis=1) for s in used for m in (_in(strata, s, group), _in(strata, s, ~group))],
        axis=1,
    )

    def gap(sums: np.ndarray) -> np.ndarray:
        one = sums.reshape(*sums.shape[:-1], len(used), 4)
        means = one[..., 1] / one[..., 0] - one[..., 3] / one[..., 2]
        known = np.isfinite(means)
        weighted = np.where(known, share, 0.0)
        total: np.ndarray = np.sum(weighted * np.where(known, means, 0.0), axis=-1) / np.sum(weighted, axis=-1)
        return total

    def slope(sums: np.ndarray) -> np.ndarray:
        one = sums.reshape(len(sums), len(used), 4)
        n1, n2 = one[..., 0], one[..., 2]
        parts = np.stack([-one[..., 1] / n1**2, 1 / n1, one[..., 3] / n2**2, -1 / n2], axis=-1)
        known = np.isfinite(parts).all(axis=-1)
        weighted = np.where(known, share, 0.0)
        weighted /= np.sum(weighted, axis=-1, keepdims=True)
        return (np.where(known[..., None], parts, 0.0) * weighted[..., None]).reshape(sums.shape)

    totals, rng = totals_by_person(columns, person), np.random.default_rng([seed, len(values)])
    value, ends = bootstrap(totals, {"gap": gap}, rng, resamples, gradients={"gap": slope})["gap"]
    return {"value": value, "ci95": ends}


def compare_groups(
    values: np.ndarray,
    group: np.ndarray,
    person: np.ndarray | None = None,
    stratum: np.ndarray | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """Two groups of faces: ``difference`` (see :func:`difference`), ``p``, ``exact``, ``hedges_g``, ``cliff_delta``."""
    rng = np.random.default_rng([seed, len(values), 1])
    p, exact = two_groups(values, group, person, stratum, draws=draws, rng=rng)
    a, b = values[group], values[~group]
    g, delta = hedges_g(a, b), cliff_delta(a, b)
    if stratum is not None:
        number = np.unique(stratum, return_inverse=True)[1]
        g, delta = within_strata(values, group, number, weights(group, number)[0] * np.bincount(number, weights=group))
    return {
        "paired": False,
        "difference": difference(values, group, person, stratum, seed=seed, resamples=resamples),
        "p": p,
        "exact": exact,
        "hedges_g": g,
        "cliff_delta": delta,
    }


def compare_pairs(
    a: np.ndarray,
    b: np.ndarray,
    person: np.ndarray | None = None,
    *,
    seed: int = 0,
    resamples: int = RESAMPLES,
    draws: int = DRAWS,
) -> dict[str, Any]:
    """Pairs [P] of faces that differ in one thing only: a - b, tested by flips of sign; else as :func:`compare_groups`.

    ``hedges_g`` is the mean difference over the standard deviation of the differences.
    """
    d = a - b
    p, exact = paired(d, person, draws=draws, rng=np.random.default_rng([seed, len(d), 2]))
    totals = totals_by_person(np.stack([np.ones(len(d)), d], axis=1), person)
    rng = np.random.default_rng([seed, len(d)])
    value, ends = bootstrap(totals, {"mean": lambda s: s[..., 1] / s[..., 0]}, rng, resamples)["mean"]
    return {
        "paired": True,
        "difference": {"value": value, "ci95": ends},
        "p": p,
        "exact": exact,
        "hedges_g": standardised_mean(d),
        "cliff_delta": cliff_delta(a, b),
    }


def _in(strata: np.ndarray, one: Any, group: np.ndarray) -> np.ndarray:
    return ((strata == one) & group).astype(np.float64)
