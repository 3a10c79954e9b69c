"""Comparing two methods over their runs: faces and seeds are both samples, and both make a difference uncertain.

Faces and seeds cross: every run has scored every face. The interval is that of a two-way random-effects model by its
moments, with Satterthwaite's degrees of freedom. A bootstrap over three seeds would give two thirds of their variance.
"""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from parface_bench.registry import UserError
from parface_bench.scoring.compare import COMPARED, Recorded, compare_results
from parface_bench.scoring.scorer import RESAMPLES


class MeanOfRuns:
    """Several runs of one method as one: each face's errors are the mean over the runs.

    Attributes:
        document: the newest run's.
        runs: their errors, tables by id, of the faces that all of them have scored.
    """

    def __init__(self, runs: Sequence[Recorded]) -> None:
        self.document = {**runs[-1].document, "run_id": ", ".join(r.document["run_id"] for r in runs)}
        tables = [run.errors().set_index("id") for run in runs]
        common = [face for face in tables[0].index if all(face in table.index for table in tables)]
        if not common:
            raise UserError(f"the runs of {self.document['method']} have no face in common")
        self.runs = [table.loc[common] for table in tables]

    def errors(self) -> Any:
        """The mean table, with ``id`` as a column."""
        mean = self.runs[0].copy()
        for column in mean:
            if column in ("nme", "gte") or re.fullmatch(r"e\d+", column):
                mean[column] = np.mean([table[column].to_numpy(dtype=np.float64) for table in self.runs], axis=0)
        return mean.reset_index()


def compare_runs(
    a: Sequence[Recorded], b: Sequence[Recorded], *, resamples: int = RESAMPLES, seed: int = 0
) -> dict[str, Any]:
    """Paired difference A - B over all runs of two methods, see :func:`compare_results`, and ``seeds`` {a, b}.

    Over several runs ``ci95`` and ``p`` (of a t-test) are of faces and seeds together; where one side has one run only,
    the spread of its seeds is taken to be that of the other.

    Args:
        a, b: runs that differ by the seed, at least one each.
        resamples, seed: of the bootstrap, which is used where there is one run of each.

    Raises:
        UserError: see :func:`compare_results`.
    """
    if len(a) == len(b) == 1:
        return {**compare_results(a[0], b[0], resamples=resamples, seed=seed), "seeds": {"a": 1, "b": 1}}
    left, right = MeanOfRuns(a), MeanOfRuns(b)
    document = compare_results(left, right, resamples=resamples, seed=seed)
    for subset, found in document["subsets"].items():
        for metric, entry in found.items():
            if entry["n"] > 1:
                means = [
                    _means(side, subset, COMPARED[metric], other) for side, other in ((left, right), (right, left))
                ]
                _widen(entry, means, left, right, subset, COMPARED[metric])
    document["seeds"] = {"a": len(a), "b": len(b)}
    document["notes"].append(
        f"over {len(a)} and {len(b)} seeds: interval and p are of faces and seeds together (t-test of a random-effects "
        "model)"
    )
    return document


def _faces(side: MeanOfRuns, other: MeanOfRuns, subset: str) -> Any:
    first, second = side.runs[0], other.runs[0]
    common = first.index[first.index.isin(second.index)]
    column = f"subset:{subset}"
    return common[first.loc[common, column].to_numpy(dtype=bool)] if column in first else common


def _means(side: MeanOfRuns, subset: str, column: str, other: MeanOfRuns) -> np.ndarray:
    """Mean error of each run over the faces of a subset."""
    faces = _faces(side, other, subset)
    return np.array([table.loc[faces, column].mean() for table in side.runs])


def _widen(
    entry: dict[str, Any], means: list[np.ndarray], left: MeanOfRuns, right: MeanOfRuns, subset: str, column: str
) -> None:
    from scipy.stats import t as student

    faces = _faces(left, right, subset)
    d = np.mean([r.loc[faces, column] for r in left.runs], axis=0) - np.mean(
        [r.loc[faces, column] for r in right.runs], axis=0
    )
    spreads = [float(np.var(m, ddof=1)) if len(m) > 1 else None for m in means]
    known = [s for s in spreads if s is not None]
    parts = [(float(np.var(d, ddof=1)) / len(d), len(d) - 1)]
    for own, spread in zip(means, spreads, strict=True):
        freedom = max(len(own) - 1, *(len(m) - 1 for m in means)) if spread is None else len(own) - 1
        parts.append(((known[0] if spread is None else spread) / len(own), freedom))
    total = sum(variance for variance, _ in parts)
    value = entry["difference"]["value"]
    if total == 0:
        entry["difference"]["ci95"], entry["p"] = [value, value], 1.0 if value == 0 else 0.0
        return
    joint = total**2 / sum(variance**2 / own for variance, own in parts if variance)
    half = float(student.ppf(0.975, joint)) * math.sqrt(total)
    entry["difference"]["ci95"] = [value - half, value + half]
    entry["p"] = float(2 * student.sf(abs(value) / math.sqrt(total), joint))
