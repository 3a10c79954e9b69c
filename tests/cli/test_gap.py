"""``pfbench gap``, from a scored table to the groups' difference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from parface_bench.testing import sample_shapes

N = 40


@pytest.fixture
def result(pfbench: Any, tmp_path: Path) -> Path:
    """Faces of two kinds, scored; the second kind has twice the error."""
    points = sample_shapes(N).points + 100
    names = [f"{axis}{i}" for i in range(68) for axis in "xy"]
    ill = np.arange(N) % 2

    def save(values: np.ndarray, name: str, **columns: Any) -> Path:
        frame = pd.DataFrame(values.reshape(N, -1), columns=names)
        frame.insert(0, "id", [f"f{i}" for i in range(N)])
        frame.assign(**columns).to_csv(tmp_path / f"{name}.csv", index=False)
        return tmp_path / f"{name}.csv"

    noise = np.random.default_rng(0).normal(0, 1, points.shape) * (1 + ill)[:, None, None]
    gt = save(points, "gt", **{"subset:kind=ill": ill, "subset:kind=healthy": 1 - ill})
    arguments = ("--pred", save(points + noise, "pred"), "--gt", gt, "--protocol", "300w", "--name", "star")
    assert pfbench("score", *arguments, "--out", tmp_path / "result").code == 0
    return tmp_path / "result"


def test_json(pfbench: Any, result: Path) -> None:
    done = pfbench("gap", result, "--by", "kind", "--permutations", "99", "--fidelity", "--json")
    assert done.code == 0, done.err
    found = json.loads(done.out)
    (one,) = found["results"][0]["tags"]["kind"]["comparisons"]
    assert one["group"] == "ill" and one["relative"] == pytest.approx(100, abs=20) and one["p"] == 0.01
    assert found["results"][0]["fidelity"]["measures"]["fai"]["n"] == N


def test_text(pfbench: Any, result: Path) -> None:
    done = pfbench("gap", result / "result.json", "--by", "kind", "--metric", "side:right", "--permutations", "99")
    assert done.code == 0, done.err
    assert "each group less kind=healthy" in done.out and "side:right" in done.out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--by", "palsy_grade"), "its tags: kind"),
        (("--by", "kind", "--where", "kind"), "expected TAG=VALUE"),
        (("--by", "kind", "--within", "yaw_bin"), "no tag 'yaw_bin'"),
        (("--by", "kind", "--metric", "side:affected"), "tells the affected side"),
    ],
)
def test_bad_requests(pfbench: Any, result: Path, arguments: tuple[str, ...], words: str) -> None:
    done = pfbench("gap", result, *arguments)
    assert done.code == 2 and words in done.err and done.err.count("\n") == 1


def test_no_result(pfbench: Any, tmp_path: Path) -> None:
    done = pfbench("gap", tmp_path, "--by", "kind")
    assert done.code == 2 and "give the folder of a result" in done.err
