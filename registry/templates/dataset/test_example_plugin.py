"""The data set example-plugin reads a small made-up sample as it should."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from parface_bench import UserError
from parface_bench.data.index import stack
from parface_bench.data.source import load_index
from parface_bench.registry import DATASETS, catalogue
from parface_bench.testing import check_plugin


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in DATASETS:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


def points(face: int) -> np.ndarray:
    """[68, 2] made-up landmarks, pixels, 0-based."""
    return np.random.default_rng(face).uniform(20, 100, (68, 2)).round(2)


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Three faces, two to train on and one to test."""
    rows = ["image,pts,split,side,grade"]
    for face, (split, side) in enumerate([("train", "left"), ("train", "none"), ("test", "right")]):
        cv2.imwrite(str(tmp_path / f"{face}.png"), np.full((120, 110, 3), 60 * face, np.uint8))
        lines = [f"{x + 1:.2f} {y + 1:.2f}" for x, y in points(face)]  # .pts files count from 1
        (tmp_path / f"{face}.pts").write_text("\n".join(["version: 1", "n_points: 68", "{", *lines, "}"]))
        rows.append(f"{face}.png,{face}.pts,{split},{side},II")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path


def test_conforms(sample: Path) -> None:
    check_plugin("dataset", "example-plugin", root=sample)


def test_rows(sample: Path) -> None:
    frame = load_index("example-plugin", "train", sample)
    assert list(frame["image"]) == ["0.png", "1.png"]
    assert list(frame["side"]) == ["left", "none"]
    np.testing.assert_allclose(stack(frame), np.stack([points(0), points(1)]))


def test_a_missing_file_is_named(sample: Path) -> None:
    (sample / "2.pts").unlink()
    with pytest.raises(UserError, match=r"2\.pts"):
        load_index("example-plugin", "test", sample)
