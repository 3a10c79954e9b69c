"""Confidence against error: does a method know where it errs?"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from parface_bench.registry import METRICS, PfError, UserError
from parface_bench.results.result import Result
from parface_bench.results.worst import PREDICTIONS
from parface_bench.scoring.face_errors import Faces
from parface_bench.scoring.metrics import Metric, resolve_metric

BINS, POINTS, GROUPS = 10, 41, 20


def of(result: Result) -> dict[str, Any] | None:
    """What a result tells about its confidence; None where it has none at hand, or of other landmarks.

    Returns:
        ``bins``: of the landmarks by confidence, surest first, each ``n``, ``low`` and ``high`` (confidence), ``mean``
        and quartiles ``q25``, ``q75`` of the error (percent of the normalising distance); ``left`` and ``oracle``: mean
        error of what is kept as the least sure landmarks (or those with the largest errors) are taken away, percent of
        the mean of all, at :data:`POINTS` shares taken from 0 to 1; ``metrics``: name -> value and interval, of the
        metrics of confidence.
    """
    errors, sure = _landmarks(result)
    if errors is None or sure is None:
        return None
    known = np.isfinite(errors) & np.isfinite(sure)
    if not known.any():
        return None
    e, c = errors[known], sure[known]
    return {
        "bins": bins(e, c),
        "left": sparsified(e, c),
        "oracle": sparsified(e, -e),
        "metrics": _metrics(result, errors, sure),
    }


def section(found: Mapping[str, dict[str, Any]]) -> dict[str, Any] | None:
    """What the page shows without a script: the metrics, and a sentence for each method."""
    if not found:
        return None
    first = next(iter(found.values()))["metrics"]
    names = [name for name in first if all(name in one["metrics"] for one in found.values())]
    arrow = {True: "↑", False: "↓"}
    heads = [(name, first[name]["unit"], arrow[first[name]["higher_is_better"]]) for name in names]
    rows = [(who, [one["metrics"][name] for name in names]) for who, one in found.items()]
    said = [_sentence(who, one["bins"]) for who, one in found.items()]
    notes = [f"{name}: {first[name]['summary']}." for name in names]
    return {"heads": heads, "rows": rows, "said": said, "notes": notes}


def drawn(one: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """What the page's script draws."""
    return None if one is None else {key: one[key] for key in ("bins", "left", "oracle")}


def _sentence(who: str, found: list[dict[str, float]]) -> str:
    if len(found) < 2:
        return f"{who} is equally sure of all landmarks, so its confidence says nothing about their errors."
    sure, unsure = found[0], found[-1]
    text = (
        f"{who}: where it is surest ({100 * sure['n'] / sum(b['n'] for b in found):.0f} % of the landmarks), the mean "
        f"error is {sure['mean']:.2f} %; where it is least sure, {unsure['mean']:.2f} %"
    )
    return text + ("." if unsure["mean"] > sure["mean"] else ", so its confidence does not tell where it errs.")


def bins(errors: np.ndarray, sure: np.ndarray, count: int = BINS) -> list[dict[str, float]]:
    """Landmarks [M] in ``count`` groups of about equal size by confidence, surest first; equal ones stay together."""
    edges = np.unique(np.quantile(sure, np.linspace(0, 1, count + 1)[1:-1]))
    which = np.searchsorted(edges, sure, side="right")
    out = []
    for number in np.unique(which)[::-1]:
        e, c = errors[which == number], sure[which == number]
        low, high = np.quantile(e, [0.25, 0.75])
        values = {"low": c.min(), "high": c.max(), "mean": e.mean(), "q25": low, "q75": high}
        out.append({"n": len(e), **{name: round(float(value), 4) for name, value in values.items()}})
    return out


def sparsified(errors: np.ndarray, sure: np.ndarray, points: int = POINTS) -> list[float]:
    """Mean error of the landmarks kept, percent of the mean of all, as the least sure are taken away.

    Landmarks that are equally sure are taken in no order: each counts as their mean. At least one in a hundred is kept.
    """
    _, which, count = np.unique(-sure, return_inverse=True, return_counts=True)
    mean = np.bincount(which, errors) / count
    ordered = np.repeat(mean, count)  # surest first
    kept = np.maximum(np.round((1 - np.linspace(0, 1, points)) * len(errors)).astype(int), -(-len(errors) // 100))
    whole = errors.mean()
    if not whole > 0:
        return [100.0] * points
    return [round(float(v), 2) for v in 100 * np.cumsum(ordered)[kept - 1] / kept / whole]


def _landmarks(result: Result) -> tuple[np.ndarray | None, np.ndarray | None]:
    """Errors and confidences [N, L] of the same faces and landmarks."""
    import pandas as pd

    folders = (result.folder, Path(result.document.get("run_dir") or result.folder))
    file = next((f / PREDICTIONS for f in folders if (f / PREDICTIONS).is_file()), None)
    if file is None:
        return None, None
    try:
        found, table = pd.read_parquet(file), result.errors()
    except (UserError, OSError, ValueError):
        return None, None
    own = [name for name in table if name[:1] == "e" and name[1:].isdecimal()]
    given = [f"c{name[1:]}" for name in own]
    if not own or not set(given) <= set(found.columns) or f"c{len(own)}" in found:
        return None, None
    sure = found.assign(id=found["id"].astype(str)).set_index("id")[given].reindex(table["id"].astype(str))
    return table[own].to_numpy(dtype=np.float64), sure.to_numpy(dtype=np.float64)


def _metrics(result: Result, errors: np.ndarray, sure: np.ndarray) -> dict[str, dict[str, Any]]:
    """The metrics of confidence: as recorded, else computed."""
    recorded = result.document["subsets"]["full"]
    faces = _as_faces(errors, sure)
    out = {}
    for spec in METRICS:
        if spec.of != "confidence" or spec.parameter:
            continue
        try:
            metric = resolve_metric(spec.name)
            out[spec.name] = {**metric.facts(), "summary": spec.summary}
            out[spec.name] |= recorded.get(spec.name) or _estimate(metric, faces)
        except PfError:  # it needs more, such as visibility
            out.pop(spec.name, None)
    return out


def _as_faces(errors: np.ndarray, sure: np.ndarray) -> Faces:
    """Faces that have these errors."""
    truth = np.where(np.isfinite(errors)[..., None], np.zeros((*errors.shape, 2)), np.nan)
    moved = np.stack([np.nan_to_num(errors), np.zeros_like(errors)], axis=-1)
    ids = np.arange(len(errors)).astype(str)
    return Faces(ids, None, truth, moved, np.full(len(errors), 100.0), confidence=sure)


def _estimate(metric: Metric, faces: Faces) -> dict[str, Any]:
    """Value and 95 % interval by the jackknife over :data:`GROUPS` groups of faces.

    The jackknife (Efron and Tibshirani, 1993, chapter 11) needs 20 values where the bootstrap needs hundreds.
    """
    from scipy.stats import t

    weighted = metric.weighted(faces)
    n = len(faces)
    value = float(weighted(np.ones(n)))
    if n < 2 * GROUPS or not np.isfinite(value):
        return {"value": value if np.isfinite(value) else None, "ci95": None}
    group = np.random.default_rng(0).permutation(n) % GROUPS
    without = np.array([weighted((group != g).astype(np.float64)) for g in range(GROUPS)])
    error = np.sqrt((GROUPS - 1) / GROUPS * np.sum((without - without.mean()) ** 2))
    half = float(t.ppf(0.975, GROUPS - 1) * error)
    return {"value": value, "ci95": [value - half, value + half]}
