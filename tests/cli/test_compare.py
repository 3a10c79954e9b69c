"""``pfbench compare``, from two scored tables to the paired difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest


@pytest.fixture
def results(pfbench: Any, tmp_path: Path) -> dict[str, Path]:
    """A: small errors; B: larger ones; C: as A under another protocol; each a folder with a result."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 200, size=(30, 68, 2))
    names = [f"{axis}{i}" for i in range(68) for axis in "xy"]
    noise = rng.normal(0, 2, size=truth.shape)

    def save(points: np.ndarray, name: str, **columns: Any) -> Path:
        frame = pd.DataFrame(points.reshape(30, -1), columns=names)
        frame.insert(0, "id", [f"f{i}" for i in range(30)])
        frame.assign(**columns).to_csv(tmp_path / f"{name}.csv", index=False)
        return tmp_path / f"{name}.csv"

    gt = save(truth, "gt", **{"subset:odd": np.arange(30) % 2})
    found = {}
    for name, factor, protocol in (("A", 1.0, "300w"), ("B", 1.5, "300w"), ("C", 1.0, "300w-pupil")):
        pred = save(truth + factor * noise, f"pred{name}")
        found[name] = tmp_path / name
        arguments = ("--pred", pred, "--gt", gt, "--protocol", protocol, "--name", name, "--out", found[name])
        assert pfbench("score", *arguments).code == 0
    return found


def test_paired_difference(pfbench: Any, results: dict[str, Path]) -> None:
    done = pfbench("compare", results["A"], results["B"] / "result.json", "--json")
    assert done.code == 0
    document = json.loads(done.out)
    full = document["subsets"]["full"]["NME"]
    assert full["difference"]["value"] == pytest.approx(full["a"] - full["b"])
    assert full["b"] == pytest.approx(1.5 * full["a"])
    assert full["difference"]["ci95"][1] < 0 and full["p"] < 1e-6 and full["a_better"] == 1
    assert document["subsets"]["odd"]["NME"]["n"] == 15
    text = pfbench("compare", results["A"], results["B"]).out
    assert text.startswith("A = A, B = B: gt, protocol 300w version 1") and "odd" in text


def test_other_protocol_is_refused(pfbench: Any, results: dict[str, Path]) -> None:
    done = pfbench("compare", results["A"], results["C"])
    assert done.code == 2 and done.out == ""
    assert "different protocols, '300w' and '300w-pupil'" in done.err


def test_not_a_result(pfbench: Any, results: dict[str, Path], tmp_path: Path) -> None:
    done = pfbench("compare", results["A"], tmp_path / "nothing")
    assert done.code == 2 and "nothing" in done.err
    (results["B"] / "errors.parquet").unlink()
    done = pfbench("compare", results["A"], results["B"])
    assert done.code == 2 and "errors.parquet" in done.err


def test_three_results_are_every_pair_with_corrected_p(pfbench: Any, results: dict[str, Path]) -> None:
    three = [results["A"], results["B"], results["A"]]
    pairs = json.loads(pfbench("compare", *three, "--json").out)["pairs"]
    assert len(pairs) == 3 and pairs[0]["subsets"]["full"]["NME"]["p_holm"] > pairs[0]["subsets"]["full"]["NME"]["p"]
    text = pfbench("compare", *three).out
    assert text.count("A = ") == 3 and "p is corrected by Holm's method for the 6 tests" in text
    assert pfbench("compare", results["A"]).code == 2
