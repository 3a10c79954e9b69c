"""Comparing over seeds: the interval covers what faces and seeds together make uncertain."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from parface_bench.cli.main import build_app
from parface_bench.results.result import load_runs
from parface_bench.scoring.compare import compare_results
from parface_bench.scoring.compare_runs import compare_runs
from tests.scoring.test_compare import stored

STORE = Path(__file__).parents[2] / "leaderboards" / "300w"


def runs(rng, seeds, level, faces, seed_spread):
    """Runs with a common difficulty of each face, a level of each seed, and noise."""
    return [stored(f"r{s}", level + faces + rng.normal(0, seed_spread) + rng.normal(0, 0.1, len(faces)))
            for s in range(seeds)]  # fmt: skip


def test_one_run_each_is_the_paired_comparison():
    rng = np.random.default_rng(0)
    a, b = (runs(rng, 1, level, rng.gamma(2, 1, 60), 0.1) for level in (3.0, 3.1))
    assert compare_runs(a, b) == {**compare_results(a[0], b[0]), "seeds": {"a": 1, "b": 1}}


def test_the_interval_holds_the_true_difference_as_often_as_it_says():
    """300 experiments of 40 faces and 3 seeds a side: the seeds' spread dominates, as with few labels."""
    rng = np.random.default_rng(1)
    hits = faces_alone = 0
    for _ in range(300):
        faces = rng.gamma(2, 1, 40)
        a, b = (runs(rng, 3, level, faces, 0.3) for level in (3.0, 3.2))
        low, high = compare_runs(a, b, resamples=10)["subsets"]["full"]["NME"]["difference"]["ci95"]
        hits += low <= -0.2 <= high
        low, high = compare_results(a[0], b[0], resamples=50)["subsets"]["full"]["NME"]["difference"]["ci95"]
        faces_alone += low <= -0.2 <= high
    assert 0.92 <= hits / 300 <= 0.99
    assert faces_alone / 300 < 0.5  # what a single pair of runs would have claimed


def test_a_methods_folder_takes_its_runs():
    words = ["compare", str(STORE / "heatmap"), str(STORE / "integral"), "--json"]
    document = json.loads(CliRunner().invoke(build_app(), words, catch_exceptions=False).stdout)
    assert document["seeds"] == {"a": 3, "b": 3} and document["n"] == 330
    full = document["subsets"]["full"]["NME"]
    means = [np.mean([r.errors()["nme"].mean() for r in load_runs(STORE / m)]) for m in ("heatmap", "integral")]
    assert full["difference"]["value"] == pytest.approx(means[0] - means[1])
    assert full["difference"]["ci95"][0] < full["difference"]["value"] < full["difference"]["ci95"][1]
