"""Conversions between schemas and flips: they commute, and agree with the original's tables."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parface_bench.faces import conversions, convert, embed, flip_points, get_schema, register_conversion, schema_names
from parface_bench.registry import UserError

SEEDS = st.integers(0, 2**32 - 1)


def points_of(name: str, seed: int, dims: int = 2) -> np.ndarray:
    """Whole numbers, so that mirroring rounds nothing."""
    return np.random.default_rng(seed).integers(-2000, 2000, size=(3, len(get_schema(name)), dims)).astype(float)


@pytest.mark.parametrize(("src", "dst"), conversions())
@settings(max_examples=20)
@given(seed=SEEDS, width=st.integers(1, 4000), dims=st.sampled_from([2, 3]))
def test_flip_and_conversion_commute(src: str, dst: str, seed: int, width: int, dims: int) -> None:
    points = points_of(src, seed, dims)
    one = convert(flip_points(points, src, width), src, dst)
    other = flip_points(convert(points, src, dst), dst, width)
    np.testing.assert_allclose(one, other, rtol=0, atol=1e-9)


@pytest.mark.parametrize("name", schema_names())
@settings(max_examples=20)
@given(seed=SEEDS, width=st.integers(1, 4000))
def test_flipping_twice_changes_nothing(name: str, seed: int, width: int) -> None:
    points = points_of(name, seed, 3)
    before = points.copy()
    assert np.array_equal(flip_points(flip_points(points, name, width), name, width), before)
    assert np.array_equal(points, before)


def test_a_flipped_pixel_column() -> None:
    points = np.zeros((5, 2))
    points[0] = [0, 7]
    flipped = flip_points(points, "points5", 100)
    assert flipped[1].tolist() == [99, 7]  # the first pixel's centre becomes the last one's; the right eye the left


def test_wflw_to_ibug_as_the_original(golden: Path) -> None:
    table = json.loads((golden / "geometry.json").read_text())["lm98_to_lm68_index"]
    points = np.arange(98 * 2, dtype=float).reshape(98, 2)
    assert np.array_equal(convert(points, "wflw98", "ibug68"), points[table])


def test_ibug_to_five_points_as_the_original(golden: Path) -> None:
    want = json.loads((golden / "geometry.json").read_text())["lm68_to_lm5_of_mean_shape"]
    shape = np.load(golden / "metrics.npz")["mean_shape68"]
    np.testing.assert_allclose(convert(shape[:, :2], "ibug68", "points5"), want, atol=1e-9)


def test_ways_to_five_points_agree_on_real_faces(real_data: Path) -> None:
    """98 -> 5 and 98 -> 68 -> 5 differ only in which lid points make the eye centre."""
    annotations = json.loads((real_data / "mmpose-samples/wflw/test_wflw.json").read_text())["annotations"]
    faces = np.array([a["keypoints"] for a in annotations]).reshape(-1, 98, 3)[..., :2]
    straight = convert(faces, "wflw98", "points5")
    around = convert(convert(faces, "wflw98", "ibug68"), "ibug68", "points5")
    assert np.array_equal(straight[:, 2:], around[:, 2:])
    eye = np.linalg.norm(faces[:, 60] - faces[:, 64], axis=-1)
    assert (np.linalg.norm(straight[:, :2] - around[:, :2], axis=-1).max(axis=1) < 0.1 * eye).all()


def test_same_schema_gives_a_copy() -> None:
    points = np.zeros((5, 2))
    convert(points, "points5", "points5")[0] = 1
    assert not points.any()


def test_errors_name_what_is_possible() -> None:
    with pytest.raises(UserError, match="'menpo39' cannot become 'ibug68'; they convert to nothing"):
        convert(np.zeros((39, 2)), "menpo39", "ibug68")
    with pytest.raises(UserError, match="has 98 landmarks, found an array of shape"):
        convert(np.zeros((68, 2)), "wflw98", "ibug68")
    with pytest.raises(ValueError, match="needs 5 non-empty lists"):
        register_conversion("menpo39", "points5", [[1]])


@pytest.mark.parametrize("richer", ["wflw98", "lapa106", "menpo84"])
def test_embedding_undoes_a_conversion(richer):
    points = np.random.default_rng(0).normal(size=(3, 68, 2))
    placed = embed(points, "ibug68", richer)
    assert placed.shape == (3, len(get_schema(richer)), 2)
    assert np.isfinite(placed).all(axis=(0, 2)).sum() == 68
    np.testing.assert_array_equal(convert(placed, richer, "ibug68"), points)
    with pytest.raises(UserError, match="have no places in 'ibug68'"):
        embed(placed, richer, "ibug68")


def test_embedding_leaves_out_what_only_a_mean_is_known_of():
    placed = embed(np.ones((5, 2)), "points5", "ibug68")
    known = np.flatnonzero(np.isfinite(placed).all(axis=1)).tolist()
    assert known == [30, 48, 54]
