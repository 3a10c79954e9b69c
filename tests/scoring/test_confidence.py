"""Metrics of confidence: against scipy, scikit-learn's definitions written out, and curves drawn step by step."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from parface_bench.registry import UserError
from parface_bench.scoring import evaluate
from parface_bench.scoring.face_errors import Faces
from parface_bench.scoring.metrics import resolve_metric


def faces(seed: int = 0, n: int = 7, ties: bool = True) -> Faces:
    rng = np.random.default_rng(seed)
    truth = rng.uniform(0, 100, (n, 9, 2))
    predicted = truth + rng.normal(size=truth.shape) * rng.uniform(0.5, 5, (n, 9, 1))
    sure = rng.normal(size=(n, 9)) - np.linalg.norm(predicted - truth, axis=-1) / 3
    sure = np.round(sure, 1) if ties else sure
    visible = rng.uniform(size=(n, 9)) + sure / 4 > 0.2
    ids = np.arange(n).astype(str)
    return Faces(ids, None, truth, predicted, np.full(n, 100.0), None, visible, sure)


def repeated(sample: Faces, counts: np.ndarray) -> Faces:
    return sample.take(np.repeat(np.arange(len(sample)), counts))


@given(seed=st.integers(0, 30))
@settings(max_examples=15, deadline=None)
def test_rank_correlation_is_scipy_s(seed):
    sample = faces(seed)
    found = resolve_metric("rank_corr")(sample)[0, 0]
    assert found == pytest.approx(stats.spearmanr(-sample.confidence.ravel(), sample.errors.ravel()).statistic)


@given(seed=st.integers(0, 30), t=st.floats(0.5, 6))
@settings(max_examples=15, deadline=None)
def test_roc_area_counts_the_pairs_in_the_right_order(seed, t):
    sample = faces(seed)
    unsure, above = -sample.confidence.ravel(), sample.errors.ravel() > t
    if above.all() or not above.any():
        return
    gap = unsure[above][:, None] - unsure[~above][None]
    assert resolve_metric(f"AUROC@{t}")(sample)[0, 0] == pytest.approx(((gap > 0) + 0.5 * (gap == 0)).mean())


@given(seed=st.integers(0, 30))
@settings(max_examples=15, deadline=None)
def test_average_precision_step_by_step(seed):
    sample = faces(seed)
    hidden = ~sample.visible.ravel()
    if not hidden.any():
        return
    unsure, want, before = -sample.confidence.ravel(), 0.0, 0.0
    for threshold in np.unique(unsure)[::-1]:
        taken = unsure >= threshold
        recall = (taken & hidden).sum() / hidden.sum()
        want += (recall - before) * (taken & hidden).sum() / taken.sum()
        before = recall
    assert resolve_metric("AP_occluded")(sample)[0, 0] == pytest.approx(100 * want)


def area(errors: np.ndarray) -> float:
    """Area under the mean error of the kept share, drawn with many steps within each landmark."""
    steps = 400
    fine = np.repeat(errors, steps) / steps
    kept = np.arange(1, len(fine) + 1) / steps
    return float((np.cumsum(fine) / kept).mean())


def test_sparsification_area_is_that_of_the_curves():
    sample = faces(3, ties=False)
    errors = sample.errors.ravel()
    by_sure = errors[np.argsort(-sample.confidence.ravel())]
    want = 100 * (area(by_sure) - area(np.sort(errors))) / errors.mean()
    assert resolve_metric("AUSE")(sample)[0, 0] == pytest.approx(want, rel=2e-3)


def test_sparsification_of_a_perfect_and_of_a_constant_confidence():
    sample = faces(1)
    perfect = Faces(sample.ids, None, sample.landmarks, sample.predicted, sample.norm, confidence=-sample.errors)
    assert resolve_metric("AUSE")(perfect)[0, 0] == pytest.approx(0, abs=1e-9)
    even = Faces(sample.ids, None, sample.landmarks, sample.predicted, sample.norm, confidence=0 * sample.errors)
    errors = np.sort(sample.errors.ravel())
    want = 100 * (errors.mean() - area(errors)) / errors.mean()
    assert resolve_metric("AUSE")(even)[0, 0] == pytest.approx(want, rel=2e-3)
    assert resolve_metric("AUROC@2")(even)[0, 0] == pytest.approx(0.5)


@given(seed=st.integers(0, 20), counts=st.lists(st.integers(0, 3), min_size=7, max_size=7))
@settings(max_examples=25, deadline=None)
@pytest.mark.parametrize("name", ["rank_corr", "AUSE", "AUROC@2", "AP_occluded"])
def test_weights_are_repetitions(name, seed, counts):
    """The weighted value is that of the faces taken so many times: the bootstrap is of the metric itself."""
    sample, metric = faces(seed), resolve_metric(name)
    if not any(counts):
        return
    found = metric.weighted(sample)(np.array(counts, dtype=float))
    want = metric(repeated(sample, np.array(counts)))[0, 0]
    assert found == pytest.approx(want, nan_ok=True)


def test_a_score_with_confidence():
    sample = faces(2, n=40)
    document = evaluate(
        sample.landmarks,
        sample.predicted,
        "any",
        visible=sample.visible,
        confidence=sample.confidence,
        metrics=["rank_corr", "AUSE", "AUROC@10", "AP_occluded"],
        resamples=60,
    ).document
    row = document["subsets"]["full"]
    for name in ("rank_corr", "AUSE", "AP_occluded"):
        low, high = row[name]["ci95"]
        assert low <= row[name]["value"] <= high
        assert high > low
    assert document["metrics"]["AUSE"]["higher_is_better"] is False


def test_what_is_missing_is_named():
    sample = faces()
    bare = {"resamples": 5, "metrics": ["AUSE"]}
    with pytest.raises(UserError, match="columns c0 to c8.*--confidence flip"):
        evaluate(sample.landmarks, sample.predicted, "any", **bare)
    with pytest.raises(UserError, match=r"confidences must have the shape \(7, 9\), found \(7, 8\)"):
        evaluate(sample.landmarks, sample.predicted, "any", confidence=sample.confidence[:, :8])
    with pytest.raises(UserError, match="needs data that tell which landmarks are visible"):
        evaluate(
            sample.landmarks,
            sample.predicted,
            "any",
            confidence=sample.confidence,
            metrics=["AP_occluded"],
            resamples=5,
        )
