"""How much worse a method is on one group of faces than on another: interval, permutation test, size, confounders."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from parface_bench.clinical.numbers import numbers
from parface_bench.clinical.scored import Scored, kinds
from parface_bench.clinical.statistics.differences import DRAWS, compare_groups, compare_pairs
from parface_bench.clinical.statistics.intervals import RESAMPLES
from parface_bench.registry import UserError
from parface_bench.scoring.crossed import holm

FEWEST = 10  # faces in a group below which it is shown and not tested
HEALTHY = (
    "healthy",
    "none",
    "control",
    "normal",
    "I",
    "no",
    "0",
    "rest",
)  # what a group is compared with, if it is there
SUSPECT = 0.05  # p of the association of a tag with the groups, below which it is named


def gap(
    results: Sequence[Scored],
    by: Sequence[str],
    metrics: Sequence[str] = ("NME",),
    *,
    within: Sequence[str] = (),
    reference: str = "",
    side_tag: str = "",
    draws: int = DRAWS,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> dict[str, Any]:
    """Differences between the groups of one or several tags, for one or several results and metrics.

    Args:
        results: faces of results, see :func:`parface_bench.clinical.scored.scored`.
        by: tags whose groups are compared, each with the reference group.
        metrics: see :func:`parface_bench.clinical.numbers.numbers`.
        within: tags: differences are taken within faces that are alike in them.
        reference: value of the group that the others are compared with; default: one named healthy, none, control, I,
            no, ... and otherwise the largest.
        side_tag: tag that tells the affected side; default: the one with values left and right.
        draws, resamples, seed: of the permutation test and the bootstrap.

    Returns:
        A document: ``by``, ``within``, ``metrics``, ``tests`` (how many p-values were adjusted together), ``draws``,
        ``resamples``, ``seed``, ``results``: for each result its ``method``, ``run_id``, ``dataset``, ``protocol``,
        ``n``, ``persons``, ``notes`` and ``tags`` {TAG: {``reference``, ``groups`` {VALUE: {n, METRIC: mean}},
        ``untagged``, ``comparisons`` [...], ``differ_in`` [...]}}.

    Raises:
        UserError: a tag or metric that a result lacks, or no groups to compare.
    """
    document: dict[str, Any] = {
        "by": list(by),
        "within": list(within),
        "metrics": list(metrics),
        "draws": draws,
        "resamples": resamples,
        "seed": seed,
        "correction": "Holm over all tests of this report",
        "results": [],
    }
    tested: list[dict[str, Any]] = []
    for faces in results:
        strata = _strata(faces, within)
        values = {name: numbers(faces, name, side_tag) for name in metrics}
        entry: dict[str, Any] = {key: faces.result.document.get(key) for key in ("method", "run_id", "dataset", "seed")}
        entry |= {"protocol": faces.result.document.get("protocol"), "n": len(faces)}
        entry["persons"] = None if faces.person is None else len(np.unique(faces.person))
        entry["notes"], entry["tags"] = list(faces.notes), {}
        for tag in by:
            found = _tag(faces, tag, values, strata, reference, within, draws, resamples, seed)
            entry["tags"][tag] = found
            tested += [c for c in found["comparisons"] if c["p"] is not None]
        document["results"].append(entry)
    for comparison, adjusted in zip(tested, holm([c["p"] for c in tested]), strict=True):
        comparison["p_holm"] = adjusted
    document["tests"] = len(tested)
    return document


def _tag(
    faces: Scored,
    tag: str,
    values: dict[str, np.ndarray],
    strata: np.ndarray | None,
    reference: str,
    within: Sequence[str],
    draws: int,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    labels = faces.tag(tag)
    groups = kinds(labels)
    if len(groups) < 2:
        raise UserError(f"tag {tag!r} has one value only, {groups[0] if groups else 'none'!r}: nothing to compare")
    base = _reference(labels, groups, reference, tag)
    others = [g for g in groups if g != base]
    found: dict[str, Any] = {"reference": base, "groups": {}, "untagged": int(sum(v is None for v in labels))}
    for group in [base, *others]:
        mask = labels == group
        means = {name: _mean(v[mask]) for name, v in values.items()}
        found["groups"][group] = {"n": int(mask.sum()), **means}
    found["comparisons"] = [
        _comparison(faces, name, v, labels, group, base, strata, draws, resamples, seed)
        for group in others
        for name, v in values.items()
    ]
    found["differ_in"] = [one for group in others for one in confounders(faces, labels, group, base, (tag, *within))]
    return found


def _comparison(
    faces: Scored,
    metric: str,
    values: np.ndarray,
    labels: np.ndarray,
    group: str,
    base: str,
    strata: np.ndarray | None,
    draws: int,
    resamples: int,
    seed: int,
) -> dict[str, Any]:
    """One group against the reference; not tested where either has fewer than ten faces."""
    known = np.isfinite(values)
    first, second = (labels == group) & known, (labels == base) & known
    if strata is not None:  # only strata with both groups can tell anything
        shared = np.isin(strata, np.intersect1d(strata[first], strata[second]))
        first, second = first & shared & (strata >= 0), second & shared & (strata >= 0)
    one: dict[str, Any] = {"metric": metric, "group": group, "reference": base}
    pairs = _pairs(faces, first, second)
    if pairs is not None:
        first, second = (np.isin(np.arange(len(values)), side) for side in pairs)
    a, b = int(first.sum()), int(second.sum())
    one |= {"n": a, "n_reference": b, "undefined": int((((labels == group) | (labels == base)) & ~known).sum())}
    one |= {"mean": _mean(values[first]), "mean_reference": _mean(values[second])}
    empty = {"paired": pairs is not None, "difference": None, "p": None, "p_holm": None, "exact": None}
    if min(a, b) < FEWEST:
        few = f"fewer than {FEWEST} faces{' in common strata' if strata is not None else ''}"
        return {**one, **empty, "relative": None, "hedges_g": None, "cliff_delta": None, "not_tested": few}
    settings: dict[str, Any] = {"seed": seed, "resamples": resamples, "draws": draws}
    if pairs is not None:
        person = None if faces.person is None else faces.person[pairs[0]]
        found = compare_pairs(values[pairs[0]], values[pairs[1]], person, **settings)
    else:
        both = first | second
        person = None if faces.person is None else faces.person[both]
        if person is not None and len(np.unique(person)) == len(person):
            person = None
        found = compare_groups(values[both], first[both], person, None if strata is None else strata[both], **settings)
    low = one["mean_reference"]
    relative = 100 * found["difference"]["value"] / low if low else None
    return {**one, **empty, **found, "relative": relative, "not_tested": ""}


def _pairs(faces: Scored, first: np.ndarray, second: np.ndarray) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows of the pairs with one face in each group; None unless every face of the first group has its other half."""
    if faces.pair is None or not first.any():
        return None
    other = {pair: row for row, pair in zip(np.flatnonzero(second), faces.pair[second], strict=True)}
    rows = np.flatnonzero(first)
    partner = np.array([other.get(pair, -1) for pair in faces.pair[first]])
    whole = partner >= 0
    # a face that was not found takes its other half with it; groups that are not halves of pairs are no pairs
    return (rows[whole], partner[whole]) if whole.mean() > 0.5 else None


def confounders(faces: Scored, labels: np.ndarray, group: str, base: str, known: Sequence[str]) -> list[dict[str, Any]]:
    """Other tags in which two groups differ: ``tag``, ``cramers_v`` and the ``p`` of a chi-squared test.

    Tags that have one value only within either group are left out: they are part of what makes the groups.
    """
    from scipy.stats import chi2_contingency
    from scipy.stats.contingency import association

    found = []
    for tag, values in faces.tags.items():
        if tag in known:
            continue
        use = np.array([v is not None for v in values]) & ((labels == group) | (labels == base))
        first, second = values[use & (labels == group)], values[use & (labels == base)]
        if len(first) < FEWEST or len(second) < FEWEST or min(len(set(first)), len(set(second))) < 2:
            continue
        levels = sorted({*first, *second})
        table = np.array([[int(np.sum(side == level)) for level in levels] for side in (first, second)])
        p = float(chi2_contingency(table).pvalue)
        if p < SUSPECT:
            v = float(association(table, method="cramer"))
            found.append({"group": group, "reference": base, "tag": tag, "cramers_v": v, "p": p})
    return sorted(found, key=lambda one: -one["cramers_v"])


def _strata(faces: Scored, within: Sequence[str]) -> np.ndarray | None:
    """Number of the stratum of each face, -1 where one of the tags is missing."""
    if not within:
        return None
    columns = [faces.tag(tag) for tag in within]
    keys = [tuple(values) for values in zip(*columns, strict=True)]
    numbered = {key: i for i, key in enumerate(sorted({k for k in keys if None not in k}))}
    return np.array([numbered.get(key, -1) for key in keys])


def _reference(labels: np.ndarray, groups: Sequence[str], asked: str, tag: str) -> str:
    if asked:
        if asked not in groups:
            raise UserError(f"tag {tag!r} has no value {asked!r} to compare with; it has {', '.join(groups)}")
        return asked
    if tag in HEALTHY and "yes" in groups:  # a tag that says itself that a face is healthy
        return "yes"
    named = [name for name in HEALTHY if name in groups]
    return named[0] if named else max(groups, key=lambda g: int(np.sum(labels == g)))


def _mean(values: np.ndarray) -> float | None:
    known = values[np.isfinite(values)]
    return float(known.mean()) if len(known) else None
