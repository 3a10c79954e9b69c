"""Laws that scores obey, whatever the faces."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parface_bench.plugins.metrics import curve
from parface_bench.scoring import evaluate, load_protocol
from parface_bench.scoring.face_errors import Faces

SEEDS = st.integers(0, 2**32 - 1)
NORMS = ["outer", "inner", "pupil", "parface-pupil", "bbox", "bbox-max", "bbox-diag"]


def random_faces(seed: int, n: int, dims: int = 2, spread: float = 3.0) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 200, size=(n, 68, dims))
    return truth, truth + rng.normal(0, 1, truth.shape) * rng.gamma(1, spread, size=(n, 1, 1))


def metrics(truth: np.ndarray, predicted: np.ndarray, protocol: Any = "parface") -> dict[str, float]:
    row = evaluate(truth, predicted, protocol, resamples=2).document["subsets"]["full"]
    return {k: v["value"] for k, v in row.items() if k != "n"}


@settings(max_examples=20)
@given(
    seed=SEEDS, norm=st.sampled_from(NORMS), angle=st.floats(-3, 3), size=st.floats(0.1, 10), move=st.floats(-1e3, 1e3)
)
def test_moving_turning_and_scaling_the_picture(seed: int, norm: str, angle: float, size: float, move: float) -> None:
    """A similarity of the picture changes no score, save that a box does not turn with it."""
    truth, predicted = random_faces(seed, 5)
    if norm.startswith("bbox"):
        angle = 0.0
    turn = size * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    protocol = replace(load_protocol("300w"), norm=norm)
    one, other = metrics(truth, predicted, protocol), metrics(truth @ turn + move, predicted @ turn + move, protocol)
    for name in ("NME", "SD_faces", "P50", "P90"):
        assert other[name] == pytest.approx(one[name], rel=1e-8)


@settings(max_examples=20)
@given(seed=SEEDS, n=st.integers(1, 30))
def test_order_of_faces_does_not_matter(seed: int, n: int) -> None:
    truth, predicted = random_faces(seed, n, 3)
    order = np.random.default_rng(seed).permutation(n)
    assert metrics(truth[order], predicted[order]) == pytest.approx(metrics(truth, predicted), rel=1e-9)


@settings(max_examples=20)
@given(seed=SEEDS, factor=st.floats(0.01, 50))
def test_nme_is_proportional_to_the_errors(seed: int, factor: float) -> None:
    truth, predicted = random_faces(seed, 4, 3)
    farther = truth + factor * (predicted - truth)
    one, other = metrics(truth, predicted), metrics(truth, farther)
    for name in ("NME", "STD_NME", "GTE", "STD_GTE", "SD_faces", "P95"):
        assert other[name] == pytest.approx(factor * one[name], rel=1e-6)


@settings(max_examples=30)
@given(seed=SEEDS, n=st.integers(1, 60), spread=st.floats(0.1, 30), t=st.sampled_from([3.0, 5.0, 8.0, 10.0]))
def test_bounds_and_exact_area(seed: int, n: int, spread: float, t: float) -> None:
    truth, predicted = random_faces(seed, n, 3, spread)
    faces = Faces(np.arange(n).astype(str), None, truth, predicted, np.full(n, 150.0))
    auc, fr, nme = curve.area_under_curve(faces, t).mean(), curve.failure_rate(faces, t).mean(), faces.nme.mean()
    assert 100 * (1 - nme / t) - 1e-9 <= auc <= 100 - fr + 1e-9
    # the area under the step function CED, piece by piece between its jumps
    jumps = np.concatenate([[0.0], np.sort(faces.nme[faces.nme < t]), [t]])
    area = sum((b - a) * np.mean(faces.nme <= a) for a, b in pairwise(jumps))
    assert auc == pytest.approx(100 * area / t, abs=1e-9)
    grid = np.linspace(0, t, 20001)
    ced = (faces.nme[:, None] <= grid).mean(axis=0)
    assert auc == pytest.approx(100 * np.trapezoid(ced, grid) / t, abs=0.02)


@settings(max_examples=20)
@given(seed=SEEDS)
def test_better_predictions_score_better(seed: int) -> None:
    truth, predicted = random_faces(seed, 20, 3)
    closer = truth + 0.7 * (predicted - truth)
    near, far = metrics(truth, closer), metrics(truth, predicted)
    for name, facts in evaluate(truth, predicted, "parface", resamples=2).document["metrics"].items():
        better, worse = (near, far) if facts["higher_is_better"] else (far, near)
        assert better[name] >= worse[name] - 1e-12, name


@settings(max_examples=10)
@given(seed=SEEDS)
def test_perfect_predictions(seed: int) -> None:
    truth, _ = random_faces(seed, 5, 3)
    found = metrics(truth, truth.copy())
    for name, value in found.items():
        assert value == (100 if name == "AUC@10" else 1 if name == "auc-sum50" else 0), name


@settings(max_examples=10)
@given(seed=SEEDS)
def test_nothing_that_was_given_is_changed(seed: int) -> None:
    truth, predicted = random_faces(seed, 6, 3)
    before = truth.copy(), predicted.copy()
    truth.flags.writeable = predicted.flags.writeable = False
    metrics(truth, predicted)
    assert np.array_equal(truth, before[0]) and np.array_equal(predicted, before[1])
