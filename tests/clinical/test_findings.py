"""The script of findings.md works on whatever results a store holds, and writes nothing where there are none."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from parface_bench.clinical.beside import side_tables
from parface_bench.evaluation import score_index
from parface_bench.results.record import record
from parface_bench.testing import sample_shapes

N = 80


@pytest.fixture
def findings() -> Any:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "findings.py"
    spec = importlib.util.spec_from_file_location("findings", path)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["findings"] = module  # dataclasses look their module up
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def add(tmp_path: Path) -> Callable[..., None]:
    """Record a method with so much error on healthy faces and on those with palsy."""
    points = sample_shapes(N).points + np.array([100.0, 60.0])
    frame = pd.DataFrame({"id": [f"f{i}" for i in range(N)], "image": "", "landmarks": list(points), "split": "test"})
    frame["bbox"] = None
    frame["healthy"] = np.arange(N) % 2 == 0
    frame["palsy_grade"] = np.where(frame["healthy"], "I", np.where(np.arange(N) < 60, "III", "VI"))
    frame["palsy_kind"] = np.where(frame["healthy"], "healthy", "flaccid")
    frame["palsy_side"] = np.where(frame["healthy"], "none", np.where(np.arange(N) % 4 == 1, "left", "right"))
    frame["pair"] = np.arange(N) // 2
    frame.attrs.update(tags=["healthy", "palsy_grade", "palsy_kind", "palsy_side"], schema="ibug68")

    def one(name: str, paired: bool, beside: bool = True, **more: Any) -> None:
        index = frame if paired else frame.drop(columns="pair")
        index.attrs = frame.attrs
        size = np.where(frame["healthy"], 1.0, 1.5)[:, None, None]
        predicted = points + size * np.random.default_rng(0).normal(0, 1.5, points.shape)
        evaluation = score_index(index, predicted, "300w", resamples=10)
        facts = {"method": name, "dataset": "palsy-twin", "data_fingerprint": "0" * 16, "seed": 0}
        document = {**evaluation.document, **facts, "split": ["paired" if paired else "test"], **more}
        record(document, evaluation.errors, tmp_path, tables=side_tables(index, predicted) if beside else {})

    return one


def test_page(findings: Any, add: Callable[..., None], tmp_path: Path) -> None:
    add("star", paired=False)
    add("star", paired=False, trained_on=["palsy-twin:train-healthy"])
    add("star", paired=True)
    add("old", paired=False, beside=False)
    text = findings.page(tmp_path, "palsy-twin", draws=99, resamples=100)
    paired, apart = (text.index(f"## What palsy costs: {t}") for t in ("the same picture", "different faces"))
    assert paired < apart < text.index("## Symmetrisation") < text.index("## Which measures survive")
    assert "star (trained on healthy faces only)" in text
    assert "paired; p:" in text[paired:apart] and "palsy_grade=VI (10)" in text
    (row,) = [line for line in text[paired:apart].splitlines() if "healthy=no" in line]
    assert float(row.split("|")[5].strip().split()[0]) == pytest.approx(50, abs=8)  # percent more error
    assert "- old: " in text[text.index("## What is missing") :]
    assert "nan" not in text.lower().replace("nominal", "")


def test_without_results_nothing_is_written(findings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "findings.md"
    monkeypatch.setattr(sys, "argv", ["findings", "--store", str(tmp_path / "none"), "--out", str(out)])
    with pytest.raises(SystemExit, match="no results of 'palsy-twin'"):
        findings.main()
    assert not out.exists()
