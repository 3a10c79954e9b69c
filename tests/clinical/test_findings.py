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
from parface_bench.results.record import record
from parface_bench.scoring import load_protocol
from parface_bench.testing import sample_shapes
from parface_bench.training.predictions import score_faces

N = 80


@pytest.fixture
def findings(monkeypatch: pytest.MonkeyPatch) -> Any:
    path = Path(__file__).resolve().parents[2] / "benchmarks" / "findings.py"
    monkeypatch.syspath_prepend(path.parent)
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

    def one(
        name: str, paired: bool, beside: bool = True, palsy: bool = True, worse: float = 1.5, lost: int = 0, **more: Any
    ) -> None:
        index = frame if paired else frame.drop(columns="pair")
        index.attrs = frame.attrs
        size = np.where(frame["healthy"], 1.0, worse)[:, None, None]
        noise = np.random.default_rng(more.get("seed", 0)).normal(0, 1.5, points.shape)
        predicted = points + size * noise
        if lost:
            predicted[1 : 2 * lost : 2] = np.nan  # faces with palsy
        evaluation = score_faces(index, predicted, load_protocol("300w"), resamples=10)
        facts = {"method": name, "dataset": "palsy-twin", "data_fingerprint": "0" * 16, "seed": 0}
        trained = {
            "trained_on": ["palsy-twin:train"],
            "config": {"recipe": {"dataset": {} if palsy else {"palsy": False}}},
        }
        document = {**evaluation.document, **facts, **trained, "split": ["paired" if paired else "test"], **more}
        record(document, evaluation.errors, tmp_path, tables=side_tables(index, predicted) if beside else {})

    return one


def test_page(findings: Any, add: Callable[..., None], tmp_path: Path) -> None:
    add("star", paired=False)
    add("star", paired=False, palsy=False, worse=3.0)
    add("star", paired=True)
    add("star", paired=True, palsy=False, worse=3.0)
    add("still", paired=True, worse=1.0, trained_on=[])
    add("half", paired=False, lost=10, trained_on=[])
    add("old", paired=False, beside=False)
    text = findings.page(tmp_path, "palsy-twin", tmp_path / "findings.md", draws=999, resamples=100)
    titles = ("## In short", "same picture", "different faces", "Where on", "Symmetrisation", "survive", "mend it")
    places = [text.index(title) for title in titles]
    assert places == sorted(places)
    short = text[places[0] : places[1]]
    # star's errors are 1.5 times as large with palsy, still's are the same
    assert "In pairs that differ in palsy alone, the error is larger with palsy for 1 of 2 methods" in short
    assert "No difference was found for" in short and "(still); that does not show that there is none" in short
    assert "the error on faces with palsy is larger for 1 of 1 method" in short
    assert (
        "the error on healthy faces is larger for 0 of 1 method, smaller for 0; for 1 no difference was found" in short
    )
    (row,) = [line for line in text[places[1] : places[2]].splitlines() if line.startswith("| star | **+")][:1]
    assert float(row.split("|")[2].split()[-2]) == pytest.approx(50, abs=8)  # percent more error
    cost = text[places[6] :]
    (row,) = [line for line in cost.splitlines() if line.startswith("| star (healthy) | **+")]
    assert float(row.split("|")[2].split()[-2]) == pytest.approx(200, abs=30)
    assert "| star | healthy faces only | test |" in text
    assert "- old, single faces: " in text
    assert "| half | 0.0 | 25.0 | **+25.00** [" in text and "70, 10 not found" in text
    assert "nan" not in text.lower().replace("nominal", "")
    for name in ("palsy", "symmetrisation"):
        assert (tmp_path / f"findings-{name}.svg").stat().st_size < 100_000


def test_seeds_are_averaged_face_by_face(findings: Any, add: Callable[..., None], tmp_path: Path) -> None:
    for seed in (0, 1):
        add("star", paired=True, seed=seed)
    from answers.entries import entries

    (entry,) = entries(tmp_path, "palsy-twin")
    assert len(entry.seeds) == 2 and entry.seeds[0] != entry.seeds[1]
    assert entry.faces.errors["nme"].mean() == pytest.approx(np.mean(entry.seeds), abs=1e-5)


def test_without_results_nothing_is_written(findings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "findings.md"
    monkeypatch.setattr(sys, "argv", ["findings", "--store", str(tmp_path / "none"), "--out", str(out)])
    with pytest.raises(SystemExit, match="no results of 'palsy-twin'"):
        findings.main()
    assert not out.exists()
