"""Results made by hand, so that the truth is known without the scoring code."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

FACTS = {
    "NME": {"higher_is_better": False, "unit": "%"},
    "FR@10": {"higher_is_better": False, "unit": "%"},
    "AUC@10": {"higher_is_better": True, "unit": "%"},
}


def estimate(value: float, half: float = 0.1) -> dict[str, Any]:
    """A metric's entry, with a symmetric interval."""
    return {"value": value, "ci95": [value - half, value + half]}


@pytest.fixture
def make() -> Callable[..., dict[str, Any]]:
    """Make a document: ``make("star", nme=3.0, seed=1, ...)``."""

    def document(method: str = "star", nme: float = 3.0, half: float = 0.1, **more: Any) -> dict[str, Any]:
        subsets = {
            "full": {
                "n": 100,
                "NME": estimate(nme, half),
                "FR@10": estimate(nme / 3, half),
                "AUC@10": estimate(100 - 10 * nme, half),
            },
            "hard": {"n": 40, "NME": estimate(nme + 1, half), "AUC@10": estimate(90 - 10 * nme, half)},
        }
        return {
            "method": method,
            "dataset": "toy",
            "data_fingerprint": "0123456789abcdef",
            "protocol": "toy-protocol",
            "protocol_version": 1,
            "n": 100,
            "excluded": [],
            "subsets": subsets,
            "metrics": FACTS,
            **more,
        }

    return document


@pytest.fixture
def errors() -> pd.DataFrame:
    """Per-face errors of ten faces, two landmarks; the first four are the subset 'hard'."""
    nme = np.linspace(1.0, 10.0, 10)
    table = pd.DataFrame({"id": [f"face{i}" for i in range(10)], "nme": nme, "e0": nme - 0.5, "e1": nme + 0.5})
    table["subset:full"] = True
    table["subset:hard"] = np.arange(10) < 4
    return table


@pytest.fixture
def honest(make) -> Callable[..., tuple[dict[str, Any], pd.DataFrame]]:
    """A document and its per-face errors, which belong together: ``honest("star", nme [N], seed=1)``."""

    def both(method: str, nme: np.ndarray, **more: Any) -> tuple[dict[str, Any], pd.DataFrame]:
        nme = np.asarray(nme, dtype=float)
        hard = np.arange(len(nme)) % 2 == 0
        table = pd.DataFrame({"id": [f"face{i}" for i in range(len(nme))], "nme": nme, "e0": nme, "e1": nme})
        table["subset:full"], table["subset:hard"] = True, hard

        def row(errors: np.ndarray) -> dict[str, Any]:
            metrics = {"NME": errors, "FR@10": 100.0 * (errors > 10), "AUC@10": 100 * np.maximum(0, 1 - errors / 10)}
            half = {name: 1.96 * v.std(ddof=1) / np.sqrt(len(v)) for name, v in metrics.items()}
            return {"n": len(errors)} | {name: estimate(float(v.mean()), half[name]) for name, v in metrics.items()}

        return make(method, **{"n": len(nme), "subsets": {"full": row(nme), "hard": row(nme[hard])}, **more}), table

    return both
