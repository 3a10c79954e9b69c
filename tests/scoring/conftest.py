"""Faces to score: real ones with the predictions of a published method, and made ones with known errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest


class Scored(NamedTuple):
    ids: list[str]
    truth: np.ndarray
    predicted: np.ndarray
    subsets: dict[str, np.ndarray]


@pytest.fixture(scope="session")
def spiga(real_data: Path) -> Scored:
    """SPIGA on the 689 public 300W test faces; subsets helen, lfpw, common, ibug."""
    folder = real_data / "predictions-spiga/300wpublic"

    def read(name: str) -> Any:
        return json.loads((folder / name).read_text())

    truth, predicted = read("ground_truth.json"), read("results_300wpublic_test.json")
    rows = np.arange(len(truth))
    return Scored(
        [face["imgpath"] for face in truth],
        np.array([face["landmarks"] for face in truth]),
        np.array([face["landmarks"] for face in predicted]),
        {name: np.isin(rows, found) for name, found in read("db_info.json")["test_subsets"].items()},
    )


@pytest.fixture(scope="session")
def table() -> Callable[..., pd.DataFrame]:
    """``table(points, ids=None, **columns)`` -> a landmark table of [N, L, D]."""

    def make(points: np.ndarray, ids: list[str] | None = None, **columns: Any) -> pd.DataFrame:
        n, length, dims = points.shape
        names = [f"{axis}{i}" for i in range(length) for axis in "xyz"[:dims]]
        frame = pd.DataFrame(points.reshape(n, -1), columns=names)
        frame.insert(0, "id", ids or [f"face{i}" for i in range(n)])
        return frame.assign(**columns)

    return make


@pytest.fixture
def faces() -> Callable[..., tuple[np.ndarray, np.ndarray]]:
    """``faces(n, dims=2, seed=0)`` -> truth and predictions [n, 68, dims], errors of a few percent."""

    def make(n: int, dims: int = 2, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
        rng = np.random.default_rng(seed)
        truth = rng.uniform(0, 200, size=(1, 68, dims)) + rng.normal(0, 4, size=(n, 68, dims))
        return truth, truth + rng.normal(0, 1, size=truth.shape) * rng.gamma(2, 3, size=(n, 1, 1))

    return make
