"""Comparing over seeds: the interval covers what faces and seeds together make uncertain."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner

from parface_bench.cli.main import build_app
from parface_bench.results.result import load_runs
from parface_bench.scoring.compare import all_pairs, compare_results, correction
from parface_bench.scoring.compare_runs import compare_all, compare_runs
from parface_bench.scoring.crossed import crossed
from tests.scoring.test_compare import stored, with_landmarks

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


def test_p_values_are_corrected_over_the_main_subsets_and_apart_over_those_by_attribute():
    """By hand: Holm over two tests here, three there; a subset of the same faces is the same test."""
    rng = np.random.default_rng(5)
    nme = rng.gamma(2, 1, (2, 60))
    a, b = stored("A", nme[0]), stored("B", nme[0] + 0.1 * nme[1] - 0.15)
    for result in (a, b):
        result.table["subset:same"] = True
        for k in range(3):
            result.table[f"subset:tag={k}"] = np.arange(60) % 3 == k
            result.document["subsets"][f"tag={k}"] = {}
        result.document["subsets"]["same"] = {}
    [document] = compare_all([[a], [b]])
    p = {name: found["NME"]["p"] for name, found in document["subsets"].items()}
    corrected = {name: found["NME"]["p_holm"] for name, found in document["subsets"].items()}
    low, high = sorted(["full", "hard"], key=p.get)
    assert corrected[low] == pytest.approx(min(1, 2 * p[low])) and corrected["same"] == corrected["full"]
    assert corrected[high] == pytest.approx(min(1, max(p[high], 2 * p[low])))
    tags = sorted((f"tag={k}" for k in range(3)), key=p.get)
    assert corrected[tags[0]] == pytest.approx(min(1, 3 * p[tags[0]]))
    assert document["correction"] == {"method": "Holm", "tests": 2, "tests_by_attribute": 3}
    assert "Holm's method for the 2 tests of the main subsets, and apart from them for the 3" in correction(document)


def test_of_more_than_two_methods_every_pair_counts():
    rng = np.random.default_rng(6)
    methods = [[stored(name, rng.gamma(2, 1, 30) + shift)] for name, shift in (("A", 0), ("B", 0.5), ("C", 3))]
    pairs = compare_all(methods)
    assert [(d["a"]["method"], d["b"]["method"]) for d in pairs] == [("A", "B"), ("A", "C"), ("B", "C")]
    found = [e["NME"] for d in pairs for e in d["subsets"].values()]
    least = min(found, key=lambda e: e["p"])
    assert least["p_holm"] == pytest.approx(6 * least["p"]) and all(e["p_holm"] >= e["p"] for e in found)
    assert len(all_pairs(pairs).rows) == 3 and len(all_pairs(pairs, everything=True).rows) == 6


def test_over_seeds_only_the_landmarks_of_both_count():
    rng = np.random.default_rng(7)
    errors = rng.gamma(2, 2, (4, 40, 5))
    errors[:2, :, 4] += 20  # what only A has scored
    a = [with_landmarks(f"A{s}", errors[s], [0]) for s in range(2)]
    b = [with_landmarks(f"B{s}", errors[2 + s], [3, 4]) for s in range(2)]
    full = compare_runs(a, b)["subsets"]["full"]["NME"]
    truth = crossed(errors[:2, :, [1, 2]].mean(axis=2), errors[2:, :, [1, 2]].mean(axis=2))
    assert full["difference"]["value"] == pytest.approx(truth.value) and full["p"] == pytest.approx(truth.p())
