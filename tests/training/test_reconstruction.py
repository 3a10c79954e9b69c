"""Reconstruction figures against closed forms, and the way of them through a run."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest

from parface_bench.training.reconstruction import PCA, psnr, squared_error, ssim


def test_a_constant_shift_has_its_square_as_error_and_a_known_psnr() -> None:
    a = np.random.default_rng(0).uniform(0.2, 0.7, (3, 16, 16, 3))
    error = squared_error(a, a + 0.1)
    assert error == pytest.approx(0.01)
    assert psnr(error) == pytest.approx(20)
    assert psnr(np.zeros(1)) == pytest.approx(100)


def test_ssim_of_flat_pictures_is_its_luminance_term() -> None:
    a, b = 0.3, 0.6
    found = ssim(np.full((1, 16, 16, 3), a), np.full((1, 16, 16, 3), b))
    assert found == pytest.approx((2 * a * b + 1e-4) / (a * a + b * b + 1e-4), rel=1e-6)


def test_ssim_of_equal_pictures_is_1_and_of_their_negatives_below_0() -> None:
    a = np.random.default_rng(1).uniform(0, 1, (2, 24, 24, 3))
    assert ssim(a, a) == pytest.approx(1)
    assert (ssim(a, 1 - a) < 0).all()


def test_ssim_of_a_fainter_picture_is_the_formula_with_scaled_variances() -> None:
    # one window only (11 px): y = m + s (x - m) with m its weighted mean has variance s^2 v and covariance s v
    x = np.random.default_rng(2).uniform(0, 1, (11, 11))
    line = np.exp(-(np.arange(-5, 6) ** 2) / (2 * 1.5**2))
    weights = np.outer(line, line) / line.sum() ** 2
    m = float((weights * x).sum())
    v, s = float((weights * (x - m) ** 2).sum()), 0.4
    pictures = [np.repeat(p[None, :, :, None], 3, axis=-1) for p in (x, m + s * (x - m))]
    assert ssim(*pictures) == pytest.approx((2 * s * v + 9e-4) / (v + s * s * v + 9e-4), rel=1e-6)


def test_a_pca_leaves_the_variance_of_the_components_that_it_lacks() -> None:
    rng = np.random.default_rng(3)
    pictures = rng.integers(90, 160, (40, 4, 4, 3), dtype=np.uint8)
    rows = pictures.reshape(40, -1) / 255
    singular = np.linalg.svd(rows - rows.mean(0), compute_uv=False)
    for k in (1, 5, 20):
        error = squared_error(rows.reshape(40, 4, 4, 3), PCA(pictures, k)(rows.reshape(40, 4, 4, 3).astype(np.float32)))
        assert error.mean() == pytest.approx((singular[k:] ** 2).sum() / rows.size, rel=1e-4)


def test_a_pca_gives_back_data_of_its_own_rank_also_where_asked_for_more() -> None:
    rng = np.random.default_rng(4)
    patterns = rng.integers(0, 2, (3, 4, 4, 3))
    pictures = (60 + np.tensordot(rng.integers(0, 60, (30, 3)), patterns, 1)).astype(np.uint8)
    for k in (3, 9):
        found = PCA(pictures, k)(pictures.astype(np.float32) / 255)
        assert squared_error(pictures / 255, found).max() < 1e-8


def _stage(name: str, **more: object) -> dict[str, object]:
    return {"name": name, "epochs": 1, "needs_landmarks": False, "loss": "reconstruction_loss", **more}


def test_a_run_reports_reconstructions_of_the_test_crops_beside_a_pca(run, tmp_path: Path) -> None:
    stages = json.dumps([_stage("pictures"), {"name": "landmarks", "epochs": 1}])
    result = run("dot-coder", f"stages={stages}", "log.pictures=3", "method.code_size=4")
    (entry,) = result.document["reconstruction"]
    assert entry["stage"] == "1-pictures"
    assert entry["n"] == 7
    assert entry["MSE"] == pytest.approx(0.25**2, rel=1e-4)  # it gives every picture back a quarter brighter
    assert entry["PSNR"] == pytest.approx(-20 * np.log10(0.25), rel=1e-4)
    assert entry["pca"]["components"] == 4
    assert entry["pca"]["crops"] == 41
    assert 0 < entry["pca"]["MSE"] < 0.1
    folder = Path(result.folder)
    assert "reconstruction of 7 test crops: MSE 0.0625" in (folder / "log.txt").read_text()
    sheet = cv2.imread(str(folder / "figures" / "reconstructions-1-pictures.png"))
    assert sheet.shape == (3 * 128, 3 * 128, 3)
    light = sheet.reshape(3, 128, -1).mean(axis=(1, 2))
    assert light[1] - light[0] == pytest.approx(0.25 * 255, abs=4)  # bright dots are cut off at 1


def test_a_pca_of_too_few_crops_is_left_out_and_said_so(run) -> None:
    stages = json.dumps([_stage("pictures"), {"name": "landmarks", "epochs": 1}])
    result = run("dot-coder", f"stages={stages}", "method.code_size=41")
    (entry,) = result.document["reconstruction"]
    assert entry["pca"] is None
    assert "41 training crops are too few for 41 components" in entry["pca_left_out"]


def test_a_method_without_reconstruct_has_no_such_figures(run) -> None:
    assert "reconstruction" not in run("dot-net", "train.epochs=1").document
