"""Cumulative error curves as short lists of numbers."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from parface_bench.results.result import Result

POINTS = 101
_LIMIT = re.compile(r"(?:AUC|FR)@(\d+(?:\.\d+)?)$")


def limit_of(document: dict[str, Any]) -> float:
    """Where the error axis ends: the largest t of the result's ``AUC@t`` and ``FR@t``, else 10 (percent)."""
    found = [float(m[1]) for name in document.get("metrics", {}) if (m := _LIMIT.match(name))]
    return max(found, default=10.0)


def curve(errors: np.ndarray, limit: float, points: int = POINTS) -> list[float]:
    """Percent of the faces with an error of at most t, at ``points`` values of t from 0 to ``limit``.

    Args:
        errors: [N] per-face errors, percent.
    """
    ordered = np.sort(np.asarray(errors, dtype=np.float64))
    share = np.searchsorted(ordered, np.linspace(0, limit, points), side="right") / max(len(ordered), 1)
    return [round(100 * float(value), 2) for value in share]


def band(results: Sequence[Result], limit: float) -> dict[str, list[float]] | None:
    """Mean curve over the seeds of one method, with the lowest and highest; None where no result has its errors."""
    from parface_bench.registry import UserError

    curves = []
    for result in results:
        try:
            curves.append(curve(result.errors()["nme"].to_numpy(), limit))
        except UserError:
            continue
    if not curves:
        return None
    stack = np.array(curves)
    found = {"mean": stack.mean(axis=0).round(2).tolist()}
    if len(curves) > 1:
        found |= {"low": stack.min(axis=0).tolist(), "high": stack.max(axis=0).tolist()}
    return found
