"""Permutation tests of a difference between two groups of faces: by person, within strata, and paired.

A p-value is (hits + 1) / (draws + 1) of random arrangements (Phipson and Smyth, 2010), or the exact share where there
are at most 10,000 arrangements.
"""

from __future__ import annotations

from itertools import combinations, product
from math import comb

import numpy as np

from parface_bench.clinical.statistics.intervals import blocks

MOST_EXACT = 10_000


def two_groups(
    values: np.ndarray,
    group: np.ndarray,
    person: np.ndarray | None = None,
    stratum: np.ndarray | None = None,
    *,
    draws: int = 10_000,
    rng: np.random.Generator,
) -> tuple[float, bool]:
    """Two-sided p of no difference between the means of two groups.

    Labels are exchanged within strata. Where persons have several faces, whole sets of labels are exchanged between
    persons with as many faces in the same strata, and within each person; where every person is in one group only and
    there are no strata, persons are exchanged whatever their number of faces.

    Args:
        values: [N] numbers.
        group: bool [N], which faces are in the first group; both groups have faces.
        person, stratum: [N] labels, or None.
        draws: random arrangements.
        rng: random numbers.

    Returns:
        p, and whether it is exact.
    """
    values = np.asarray(values, dtype=np.float64)
    group = np.asarray(group, dtype=bool)
    strata = np.zeros(len(values), dtype=np.intp) if stratum is None else np.unique(stratum, return_inverse=True)[1]
    who = np.arange(len(values)) if person is None else np.unique(person, return_inverse=True)[1]
    values = values - values.mean()
    faces_of = np.bincount(who)
    inside = np.bincount(who, weights=group)
    if strata.max(initial=0) == 0 and np.all((inside == 0) | (inside == faces_of)):
        sums, counts = np.bincount(who, weights=values), faces_of.astype(np.float64)
        return _whole_persons(sums, counts, inside > 0, draws, rng)
    return _labels(values, group, who, strata, draws, rng)


def paired(
    differences: np.ndarray, person: np.ndarray | None = None, *, draws: int = 10_000, rng: np.random.Generator
) -> tuple[float, bool]:
    """Two-sided p of no mean difference of pairs [N] by flips of sign, those of one person together.

    Returns:
        p, and whether it is exact.
    """
    d = np.asarray(differences, dtype=np.float64)
    sums = d if person is None else np.bincount(np.unique(person, return_inverse=True)[1], weights=d)
    observed = abs(sums.sum()) * (1 - 1e-12)
    if 2 ** min(len(sums), 60) <= MOST_EXACT:
        found = np.abs(np.array(list(product((-1.0, 1.0), repeat=len(sums)))) @ sums)
        return float(np.mean(found >= observed)), True
    hits = 0
    for size in blocks(draws, len(sums)):
        signs = rng.integers(0, 2, size=(size, len(sums)), dtype=np.int8)
        hits += int(np.sum(np.abs(2.0 * (signs @ sums) - sums.sum()) >= observed))
    return (hits + 1) / (draws + 1), False


def _whole_persons(
    sums: np.ndarray, counts: np.ndarray, chosen: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[float, bool]:
    k, n = int(chosen.sum()), len(sums)
    if k > n - k:  # the smaller group is drawn
        chosen, k = ~chosen, n - k
    total, faces = sums.sum(), counts.sum()

    def difference(a: np.ndarray, m: np.ndarray) -> np.ndarray:
        return np.abs(a / m - (total - a) / (faces - m))

    observed = float(difference(sums[chosen].sum(), counts[chosen].sum())) * (1 - 1e-12)
    if comb(n, k) <= MOST_EXACT:
        rows = np.array(list(combinations(range(n), k)))
        return float(np.mean(difference(sums[rows].sum(axis=1), counts[rows].sum(axis=1)) >= observed)), True
    hits = 0
    same = bool(np.all(counts == counts[0]))
    for size in blocks(draws, n):
        rows = _subsets(size, n, k, rng)
        m = counts[0] * k if same else counts[rows].sum(axis=1)
        hits += int(np.sum(difference(sums[rows].sum(axis=1), m) >= observed))
    return (hits + 1) / (draws + 1), False


def _labels(
    values: np.ndarray, group: np.ndarray, who: np.ndarray, strata: np.ndarray, draws: int, rng: np.random.Generator
) -> tuple[float, bool]:
    """By exchange of sets of labels between persons with the same strata, and within persons."""
    first, second = weights(group, strata)
    # the difference is the sum of value * (coefficient of its group)
    gain, base = values * (first + second)[strata], float(np.sum(values * second[strata]))
    observed = abs(float(gain[group].sum()) - base) * (1 - 1e-12)
    order = np.lexsort((strata, who))
    kinds: dict[tuple[int, ...], list[np.ndarray]] = {}
    starts = np.flatnonzero(np.r_[True, np.diff(who[order]) > 0])
    for rows in np.split(order, starts[1:]):
        kinds.setdefault(tuple(strata[rows]), []).append(rows)
    hits = 0
    most = max(len(persons) * len(kind) for kind, persons in kinds.items())
    for size in blocks(draws, most):
        total = np.full(size, -base)
        for kind, persons in kinds.items():
            total += _exchanged(gain[np.array(persons)], group[np.array(persons)], np.array(kind), size, rng)
        hits += int(np.sum(np.abs(total) >= observed))
    return (hits + 1) / (draws + 1), False


def weights(group: np.ndarray, strata: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Coefficient of each face of the first and of the second group, by stratum [S].

    The difference of means within each stratum counts by n1 n2 / (n1 + n2), as in Cochran's and Mantel's; strata with
    one group only do not count.
    """
    size = int(strata.max(initial=0)) + 1
    n1 = np.bincount(strata, weights=group, minlength=size)
    n2 = np.bincount(strata, minlength=size) - n1
    with np.errstate(invalid="ignore", divide="ignore"):
        share = np.where((n1 > 0) & (n2 > 0), n1 * n2 / (n1 + n2), 0.0)
        share = share / share.sum()
        return np.where(share > 0, share / n1, 0.0), np.where(share > 0, share / n2, 0.0)


def _exchanged(
    gain: np.ndarray, labels: np.ndarray, kind: np.ndarray, size: int, rng: np.random.Generator
) -> np.ndarray:
    """[size] sums of gains [C, m] under exchanged labels [C, m] of persons whose faces are in the strata ``kind``."""
    count, m = labels.shape
    if m == 1:
        k = int(labels.sum())
        few = min(k, count - k)
        if few == 0:
            return np.full(size, gain.sum() if k else 0.0)
        found = gain[:, 0][_subsets(size, count, few, rng)].sum(axis=1)
        return found if few == k else gain.sum() - found
    moved = labels[_orders(size, count, rng)]
    for one in np.unique(kind):
        columns = np.flatnonzero(kind == one)
        if len(columns) == 2:
            a, b = columns
            swap = rng.integers(0, 2, size=(size, count), dtype=np.int8).astype(bool)
            moved[..., a], moved[..., b] = (
                np.where(swap, moved[..., b], moved[..., a]),
                np.where(swap, moved[..., a], moved[..., b]),
            )
        elif len(columns) > 2:
            within = np.argsort(rng.random((size, count, len(columns)), dtype=np.float32), axis=2)
            moved[..., columns] = np.take_along_axis(moved[..., columns], within, axis=2)
    return moved.reshape(size, -1) @ gain.ravel()


def _orders(size: int, n: int, rng: np.random.Generator) -> np.ndarray:
    return np.argsort(rng.random((size, n), dtype=np.float32), axis=1)


def _subsets(size: int, n: int, k: int, rng: np.random.Generator) -> np.ndarray:
    """[size, k] rows of random subsets of n."""
    keys = rng.random((size, n), dtype=np.float32)
    return np.argpartition(keys, k - 1, axis=1)[:, :k]
