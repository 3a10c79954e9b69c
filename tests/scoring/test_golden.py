"""The published ParFace code's own numbers, case by case."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parface_bench.faces import get_schema
from parface_bench.plugins.metrics import curve, errors
from parface_bench.scoring import evaluate, load_protocol
from parface_bench.scoring.face_errors import Faces, landmark_variance
from parface_bench.scoring.norms import normalising_distance

NORMS = {"pupil": "parface-pupil", "outer": "outer", "bb": "bbox", "none": "none"}


@pytest.fixture(scope="module")
def case(golden: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    return json.loads((golden / "metrics.json").read_text()), dict(np.load(golden / "metrics.npz"))


def scored(truth: np.ndarray, predicted: np.ndarray, norm: str, schema: str | None, size: float | None = None) -> Faces:
    s = None if schema is None else get_schema(schema)
    distance = normalising_distance(norm, truth[..., :2], s, image_size=size)
    depth = normalising_distance(norm, truth, s, image_size=size) if truth.shape[2] == 3 else None
    return Faces(np.arange(len(truth)).astype(str), s, truth, predicted, distance, depth)


@pytest.mark.parametrize("norm", NORMS)
@pytest.mark.parametrize("dims", [2, 3])
def test_errors_of_each_landmark(case: Any, norm: str, dims: int) -> None:
    facts, arrays = case
    name = f"68_{dims}d_{norm}"
    faces = scored(arrays["gt68_3d"][..., :dims], arrays["pred68_3d"][..., :dims], NORMS[norm], "ibug68")
    found = faces.errors if dims == 2 else faces.errors_3d
    np.testing.assert_allclose(found, arrays[f"nme_{name}"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(landmark_variance(found), arrays[f"var_{name}"], rtol=0, atol=1e-9)
    assert found.mean() == pytest.approx(facts[name]["mean_nme"], abs=1e-9)
    assert np.sqrt(landmark_variance(found).mean()) == pytest.approx(facts[name]["sqrt_mean_var"], abs=1e-9)
    failing = (found.mean(axis=1) > 10).sum()
    assert failing == facts[name]["n_fail_10"]


@pytest.mark.parametrize(
    ("points", "norm", "schema", "size"),
    [
        (98, "outer", "wflw98", None),
        (84, "outer", "menpo84", None),
        (5, "outer", "points5", None),
        (19, "image", "aflw19", 256),
        (37, "image", None, 256),
    ],
)
def test_other_numbers_of_landmarks(case: Any, points: int, norm: str, schema: str | None, size: float | None) -> None:
    facts, arrays = case
    faces = scored(arrays[f"gt{points}_2d"], arrays[f"pred{points}_2d"], norm, schema, size)
    np.testing.assert_allclose(faces.errors, arrays[f"nme_{points}_2d"], rtol=0, atol=1e-9)
    np.testing.assert_allclose(errors.variance_within_face(faces), arrays[f"var_{points}_2d"], rtol=0, atol=1e-9)
    assert faces.nme.mean() == pytest.approx(facts[f"{points}_2d"]["mean_nme"], abs=1e-9)
    assert curve.failure_rate(faces, 10).mean() == pytest.approx(100 * facts[f"{points}_2d"]["failure_rate_10"])


@pytest.mark.parametrize("norm", NORMS)
def test_final_figures(case: Any, norm: str) -> None:
    """The original computes the depth error over the 3D outer eye distance, whatever the other norm is."""
    facts, arrays = case
    truth, predicted = arrays["gt68_3d"], arrays["pred68_3d"]
    before = truth.copy(), predicted.copy()
    protocol = replace(load_protocol("parface"), norm=NORMS[norm])
    full = evaluate(truth, predicted, protocol, resamples=10).document["subsets"]["full"]
    want = facts["final"][norm]
    for metric, key in (("NME", "NME"), ("STD_NME", "STD_NME"), ("FR@10", "FR10_percent"), ("auc-sum50", "AUC")):
        assert full[metric]["value"] == pytest.approx(want[key], abs=1e-9)
    for metric in ("GTE", "STD_GTE"):
        assert full[metric]["value"] == pytest.approx(want[metric], abs=1e-9)
    assert np.array_equal(truth, before[0])
    assert np.array_equal(predicted, before[1])


def test_terms_of_the_cumulative_error_curve(case: Any) -> None:
    _, arrays = case
    for norm, name in NORMS.items():
        nme = scored(arrays["gt68_3d"], arrays["pred68_3d"], name, "ibug68").nme
        ced = (nme[:, None] <= curve.SUM50_THRESHOLDS).mean(axis=0)
        np.testing.assert_allclose(ced / 50, arrays[f"ced_terms_{norm}"], rtol=0, atol=1e-12)


def test_without_the_jaw(case: Any) -> None:
    _, arrays = case
    faces = scored(arrays["gt68_3d"], arrays["pred68_3d"], "outer", "ibug68")
    np.testing.assert_allclose(errors.nme_no_jaw(faces), arrays["per_img_no_outline_outer"], rtol=0, atol=1e-9)


def test_single_precision_predictions(case: Any) -> None:
    """float32 tables are computed in float64; the original's float32 run differs from that by its own rounding only."""
    facts, arrays = case
    truth, predicted = (arrays[k][..., :2].astype(np.float32) for k in ("gt68_3d", "pred68_3d"))
    full = evaluate(truth, predicted, "aflw2000-3d", resamples=10).document["subsets"]["full"]
    assert full["NME"]["value"] == pytest.approx(facts["68_2d_bb_f32"]["mean_nme"], abs=1e-8)


def test_sum50_of_exact_and_nearly_exact_predictions(case: Any) -> None:
    facts, arrays = case
    truth = arrays["gt68_3d"]
    for predicted, key in (
        (truth, "auc_of_exact_prediction"),
        (truth + np.array([1e-6, 0, 0]), "auc_of_near_perfect_prediction"),
    ):
        full = evaluate(truth, predicted, "parface", resamples=10).document["subsets"]["full"]
        assert full["auc-sum50"]["value"] == pytest.approx(facts[key], abs=1e-9)
        assert full["AUC@10"]["value"] == pytest.approx(100, abs=1e-4)


def test_grid_of_the_published_curves(golden: Path) -> None:
    """FR and AUC as PIPNet's and STAR's code computes them, at thresholds where its grid ends right and one too far."""
    arrays = np.load(golden / "methods" / "pipnet.npz")
    nme = 100 * arrays["metric_nmes"]
    faces = replace(scored(np.zeros((len(nme), 5, 2)), np.zeros((len(nme), 5, 2)), "none", None))
    faces.__dict__["nme"] = nme
    for t, name in ((10, "metric_fr_auc"), (10, "metric_star_fr_auc_wflw"), (5, "metric_star_fr_auc_300w")):
        found = [f(faces, float(t)).mean() / 100 for f in (curve.failure_rate_grid, curve.area_under_curve_grid)]
        np.testing.assert_allclose(found, arrays[name], atol=1e-4 if "star" in name else 1e-9)
    sizes = json.loads((golden / "methods" / "pipnet.json").read_text())["auc_grid"]
    for t, (points, last) in sizes.items():
        grid = curve._grid(100 * float(t))
        assert (len(grid), grid[-1]) == (points, pytest.approx(last, abs=1e-12))
