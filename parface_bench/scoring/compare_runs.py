"""Comparing two methods over their runs: faces and seeds are both samples, and both make a difference uncertain.

Faces and seeds cross: every run has scored every face; :mod:`parface_bench.scoring.crossed` gives interval and p.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from itertools import combinations
from typing import Any

import numpy as np

from parface_bench.registry import UserError
from parface_bench.scoring.compare import COMPARED, Recorded, compare_results, shared_landmarks
from parface_bench.scoring.crossed import crossed, depends_on_seed, holm
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

    Over several runs ``ci95`` and ``p`` are of faces and seeds together; where one side has one run only, of a method
    that was trained, the spread of its seeds is taken to be that of the other.

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
    shared = shared_landmarks(left.document, right.document, left.runs[0], right.runs[0])
    trained = [depends_on_seed(side.document) for side in (left, right)]
    for subset, found in document["subsets"].items():
        faces = _faces(left, right, subset)
        for metric, entry in found.items():
            if entry["n"] > 1:
                sides = [_errors(side, faces, COMPARED[metric], shared) for side in (left, right)]
                difference = crossed(*sides, trained=trained)
                half = difference.half()
                entry["difference"]["ci95"] = [difference.value - half, difference.value + half]
                entry["p"] = difference.p()
    document["seeds"] = {"a": len(a), "b": len(b)}
    document["notes"].append(
        f"over {len(a)} and {len(b)} seeds: interval and p are of faces and seeds together (crossed random effects)"
    )
    return document


def compare_all(
    methods: Sequence[Sequence[Recorded]], *, resamples: int = RESAMPLES, seed: int = 0
) -> list[dict[str, Any]]:
    """:func:`compare_runs` of every two of some methods; p-values are corrected over all pairs together.

    Args:
        methods: for each method its runs.
        resamples, seed: of the bootstrap.

    Raises:
        UserError: see :func:`compare_results`.
    """
    pairs = [compare_runs(a, b, resamples=resamples, seed=seed) for a, b in combinations(methods, 2)]
    correct(pairs)
    return pairs


def correct(documents: Sequence[dict[str, Any]]) -> None:
    """Add ``p_holm`` to every comparison and say in ``correction`` of how many tests.

    The main subsets of all documents are one family of tests, those by attribute (``tag=value``) another, so that many
    attributes do not blur the main question. Subsets of the same faces are one test.
    """
    counts = []
    for by_tag in (False, True):
        tests: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
        for number, document in enumerate(documents):
            for subset, found in document["subsets"].items():
                for metric, entry in found.items():
                    if ("=" in subset) == by_tag and entry["n"]:
                        same = number, metric, entry["n"], entry["a"], entry["b"], entry["p"]
                        tests.setdefault(same, []).append(entry)
        for entries, p in zip(tests.values(), holm([e[0]["p"] for e in tests.values()]), strict=True):
            for entry in entries:
                entry["p_holm"] = p
        counts.append(len(tests))
    for document in documents:
        document["correction"] = {"method": "Holm", "tests": counts[0], "tests_by_attribute": counts[1]}


def _faces(left: MeanOfRuns, right: MeanOfRuns, subset: str) -> Any:
    """Names of the faces of a subset that both sides have."""
    first, second = left.runs[0], right.runs[0]
    common = first.index[first.index.isin(second.index)]
    column = f"subset:{subset}"
    if column not in first or column not in second:
        return common
    inside = first.loc[common, column].to_numpy(dtype=bool) & second.loc[common, column].to_numpy(dtype=bool)
    return common[inside]


def _errors(side: MeanOfRuns, faces: Any, column: str, shared: Sequence[str] | None) -> np.ndarray:
    """Errors [S, N] of a side's runs; over the ``shared`` landmarks where the sides have scored different ones."""
    if shared is None or column != "nme":
        return np.stack([table.loc[faces, column].to_numpy(dtype=np.float64) for table in side.runs])
    parts = [table.loc[faces, list(shared)].to_numpy(dtype=np.float64) for table in side.runs]
    return np.stack([np.nanmean(part, axis=1) for part in parts])
