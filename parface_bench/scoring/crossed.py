"""What faces and seeds together leave uncertain, of a mean error or of the difference of two: one place for all.

Faces and seeds are crossed random effects: every run has scored every face. Their variances are estimated by moments
(Searle, Casella and McCulloch, Variance Components, 1992, chapter 4). Each has its own Student quantile, and the halves
are added as squares (as Graybill and Wang, JASA 1980), which keeps 95 percent whichever of the two dominates. A
bootstrap over three seeds would find two thirds of their variance, and Satterthwaite's degrees of freedom fall short
where seeds dominate.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parface_bench.scoring.bootstrap import LEVEL


@dataclass(frozen=True)
class Crossed:
    """A mean with the variances of its two sources of chance.

    Attributes:
        value: the mean, or the difference of two.
        faces, faces_free: variance of the value over samples of faces, and its degrees of freedom.
        seeds, seeds_free: the same over seeds; 0 where there is one seed, or where nothing is random.
    """

    value: float
    faces: float
    faces_free: float
    seeds: float = 0.0
    seeds_free: float = 1.0

    def half(self, level: float = LEVEL) -> float:
        """Half the width of the interval; infinite for a single face."""
        from scipy.stats import t as student

        tail = (1 + level) / 2
        if self.faces_free < 1:
            return math.inf
        squares = student.ppf(tail, self.faces_free) ** 2 * self.faces
        if self.seeds:
            squares += student.ppf(tail, self.seeds_free) ** 2 * self.seeds
        return math.sqrt(squares)

    def p(self) -> float:
        """The smallest 1 - level whose interval leaves out 0; 1 where the value is 0."""
        from scipy.optimize import brentq
        from scipy.stats import t as student

        if self.value == 0 or self.faces_free < 1:
            return 1.0
        if not (self.faces or self.seeds):
            return 0.0
        parts = [(self.faces, self.faces_free), (self.seeds, self.seeds_free)]

        def surplus(log_p: float) -> float:
            p = math.exp(log_p)
            return sum(v * student.isf(p / 2, free) ** 2 for v, free in parts if v) - self.value**2

        least = math.log(1e-100)
        return 0.0 if surplus(least) < 0 else math.exp(brentq(surplus, least, 0.0, xtol=1e-9))


def crossed(*sides: np.ndarray, trained: Sequence[bool] = (True, True)) -> Crossed:
    """The mean of one method over faces and runs, or the difference of the means of two.

    Args:
        sides: [S, N] what each face contributes to each run's mean, one array for each method; the same faces in both.
        trained: whether a method's runs depend on the seed. If they do and there is one run only, the spread of its
            seeds is not known: it is taken to be the other method's.
    """
    signs = (1.0, -1.0)[: len(sides)]
    n = sides[0].shape[1]
    by_face = np.sum([sign * side.mean(axis=0) for sign, side in zip(signs, sides, strict=True)], axis=0)
    faces = float(np.var(by_face, ddof=1)) / n if n > 1 else math.inf
    found = [_seeds(side) for side in sides]
    parts = []  # variances over seeds of each side's mean, with their degrees of freedom
    for k, (side, own) in enumerate(zip(sides, found, strict=True)):
        if own is not None:
            parts.append((own / len(side), len(side) - 1, k))
        elif len(sides) > 1 and trained[k] and (other := found[1 - k]) is not None:
            parts.append((other, len(sides[1 - k]) - 1, 1 - k))
    whose = {k for *_, k in parts}
    seeds = sum(v for v, *_ in parts)
    if len(whose) > 1 and seeds:  # two estimates, added by Welch's rule; one estimate used twice keeps its own freedom
        free = seeds**2 / sum(v**2 / f for v, f, _ in parts)
    else:
        free = parts[0][1] if parts else 1
    return Crossed(float(by_face.mean()), faces, n - 1, seeds, free)


def of_summaries(values: Sequence[float], halves: Sequence[float]) -> Crossed:
    """The same from each run's value and half its interval over faces, where the faces themselves are not at hand.

    It is somewhat too wide: what is random in both, face and seed, cannot be told apart and counts twice.
    """
    z = 1.959963984540054  # of LEVEL
    faces = float(np.mean(np.square(halves))) / z**2
    seeds = float(np.var(values, ddof=1)) / len(values) if len(values) > 1 else 0.0
    return Crossed(float(np.mean(values)), faces, math.inf, seeds, max(len(values) - 1, 1))


def depends_on_seed(document: Mapping[str, Any]) -> bool:
    """Whether another seed may change a result: not where a method was run that learns nothing."""
    return not (document.get("config") and document.get("profile") is None)


def _seeds(runs: np.ndarray) -> float | None:
    """Variance of a run's mean over seeds [S, N], without the part that comes of its faces; None for one run."""
    s, n = runs.shape
    if s < 2:
        return None
    means, by_face = runs.mean(axis=1), runs.mean(axis=0)
    rest = runs - means[:, None] - by_face + runs.mean()
    noise = float(np.sum(rest * rest)) / ((s - 1) * max(n - 1, 1))
    return max(float(np.var(means, ddof=1)) - noise / n, 0.0)


def quantiles(count: int = 64) -> list[float]:
    """Student's quantile where 1 / degrees of freedom is 0, 1 / count, ..., 1: for a page that has no scipy."""
    from scipy.stats import norm
    from scipy.stats import t as student

    tail = (1 + LEVEL) / 2
    return [round(float(student.ppf(tail, count / k) if k else norm.ppf(tail)), 6) for k in range(count + 1)]


def holm(p: Sequence[float]) -> list[float]:
    """p-values adjusted for their number (Holm, 1979), in the order given."""
    values = np.asarray(p, dtype=np.float64)
    order = np.argsort(values, kind="stable")
    factors = len(values) - np.arange(len(values))
    adjusted = np.empty_like(values)
    adjusted[order] = np.minimum(np.maximum.accumulate(values[order] * factors), 1.0)
    return [float(v) for v in adjusted]
