"""Crops in the parface geometry against the numbers of the original code."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from parface_bench.data.images import parface_geometry as pg
from parface_bench.data.images.crop import Crop, apply, restore, warp

FACES = ("frontal", "tilt20", "small_corner", "off_left", "big")


@pytest.fixture(scope="module")
def facts(golden: Path) -> dict[str, Any]:
    return json.loads((golden / "geometry.json").read_text())


@pytest.fixture(scope="module")
def arrays(golden: Path) -> dict[str, np.ndarray]:
    return dict(np.load(golden / "geometry.npz"))


@pytest.fixture(scope="module")
def picture() -> np.ndarray:
    i, j, c = np.meshgrid(np.arange(400), np.arange(500), np.arange(3), indexing="ij")
    return np.floor(127.5 + 60 * np.sin(0.031 * i * (1 + 0.2 * c) + 0.5 * c) + 60 * np.cos(0.027 * j + 0.8 * c)).astype(
        np.uint8
    )


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize("align", [False, True])
@pytest.mark.parametrize("size", [256, 363])
def test_landmark_regions(facts, arrays, name, align, size):
    key = f"{name}_landmarks{'_aligned' if align else ''}_{size}"
    points, expected = arrays[f"lms3d_{name}"], facts["face_crop"][key]
    roi = pg.roi_from_landmarks(points, align)
    assert roi.tl.tolist() == expected["tl"] and roi.br.tolist() == expected["br"]
    m = pg.roi_matrix(roi, size)
    np.testing.assert_allclose(m, np.array(expected["M"])[:2], atol=1e-4)
    np.testing.assert_allclose(apply(points, m)[:, :2], arrays[f"crop_{key}"], atol=1e-3)
    if not align:
        np.testing.assert_allclose(apply(points, m), arrays[f"crop3d_{key}"], atol=1e-3)
        np.testing.assert_allclose(restore(apply(points, m), m)[:, :2], arrays[f"cropinv_{key}"], atol=1e-3)


@pytest.mark.parametrize("name", ["84pts", "98pts"])
def test_other_counts(facts, arrays, name):
    expected = facts["face_crop"][f"{name}_landmarks_256"]
    roi = pg.roi_from_landmarks(arrays[f"lms_{name}"])
    assert roi.tl.tolist() == expected["tl"] and roi.br.tolist() == expected["br"]


@pytest.mark.parametrize("name", FACES)
def test_box_regions(facts, name):
    expected = facts["face_crop"][f"{name}_bbox_roi_256"]
    roi = pg.roi_from_box(expected["bbox_in"], 256)
    assert roi.tl.tolist() == expected["tl"] and roi.br.tolist() == expected["br"]


def test_box_extension(facts):
    sides = {"dl": "left", "dt": "top", "dr": "right", "db": "bottom"}
    for case in facts["extend_bbox"]:
        shares = {sides[k]: v for k, v in case["kw"].items()}
        assert pg.extend_box_truncated(case["bbox"], **shares).tolist() == case["out"]


def test_region_sizes(facts):
    for size, diagonal in facts["get_diagonal"].items():
        assert pg.roi_size(int(size)) == diagonal
    assert facts["dataset"]["roi_size"] == pg.roi_size(256)


@pytest.mark.parametrize("name", FACES)
@pytest.mark.parametrize(
    ("mode", "align", "prefix"),
    [
        ("lm_ground_truth", False, "lm_ground_truth"),
        ("lm_ground_truth", True, "lm_ground_truth_aligned"),
        ("bb_ground_truth", False, "bb_ground_truth"),
    ],
)
def test_pipeline_end_to_end(arrays, picture, name, mode, align, prefix):
    crop = Crop(mode, geometry="parface", align=align)
    row = {"id": name, "landmarks": arrays[f"lms3d_{name}"]}
    found, expected = apply(row["landmarks"], crop.matrix(row)), arrays[f"ds_{prefix}_{name}_landmarks"]
    # the original moves coordinates below 0 to 0
    np.testing.assert_allclose(np.maximum(found[:, :2], 0), expected, atol=1e-3)
    if not align:
        np.testing.assert_allclose(found[:, 2], arrays[f"ds_{prefix}_{name}_landmarks_3d"][:, 2], atol=1e-3)
    if align and name == "off_left":
        return  # the original turned the picture in a step of its own, which shows where its edge crosses the crop
    pixels = crop.pixels(picture, row)[::32, ::32].transpose(2, 0, 1) / 255.0
    expected = arrays[f"ds_{prefix}_{name}_image_strided"] + np.array([0.518, 0.418, 0.361])[:, None, None]
    assert np.abs(pixels - expected).max() * 255 < 1.5


def test_crop_pictures(facts, arrays, picture):
    for key in ("landmarks_256", "bbox_roi_256", "landmarks_363", "bbox_roi_363"):
        for name in ("frontal", "small_corner"):
            expected, size = facts["face_crop"][f"{name}_{key}"], int(key[-3:])
            roi = pg.Corners(np.array(expected["tl"], float), np.array(expected["br"], float), None)
            pixels = warp(picture, pg.for_pixels(pg.roi_matrix(roi, size)), size, interpolation="cubic")
            wanted = arrays[f"cropimg_{name}_{key}"].astype(int)
            # beyond the crop's outermost pixels the original repeats them, where there may be black
            assert np.abs(pixels[::16, ::16].astype(int) - wanted)[1:, 1:].max() <= 1


def test_counts_that_the_original_refuses(arrays):
    for name in ("5pts", "19pts"):
        row = {"id": name, "landmarks": arrays[f"lms_{name}"]}
        with pytest.raises(Exception, match="knows 68, 84 and 98 landmarks"):
            Crop(geometry="parface").matrix(row)
        assert np.isfinite(Crop().matrix(row)).all()
