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
