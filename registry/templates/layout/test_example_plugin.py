"""The layout example-plugin and its data set keep to the contract."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from parface_bench.data.source import load_index
from parface_bench.evaluation import score_index
from parface_bench.faces import flip_points, get_schema
from parface_bench.registry import DATASETS, catalogue
from parface_bench.scoring import protocol_of
from parface_bench.testing import check_plugin


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in DATASETS:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


@pytest.fixture
def sample(tmp_path: Path) -> Path:
    """Two faces, whose eyes are 40 px apart: one to train on and one to test."""
    rows = ["image,split,x0,y0,x1,y1,x2,y2,x3,y3,x4,y4"]
    for split in ("train", "test"):
        cv2.imwrite(str(tmp_path / f"{split}.png"), np.full((100, 100, 3), 90, np.uint8))
        rows.append(f"{split}.png,{split},30,40,70,40,50,60,20,10,80,10")
    (tmp_path / "labels.csv").write_text("\n".join(rows))
    return tmp_path


def test_conforms(sample: Path) -> None:
    check_plugin("layout", "example-plugin")
    check_plugin("dataset", "example-plugin", root=sample)


def test_mirrored(sample: Path) -> None:
    points = load_index("example-plugin", "test", sample)["landmarks"][0]
    mirrored = flip_points(points, get_schema("example-plugin"), 101)  # the sample is symmetric about x = 50
    np.testing.assert_allclose(mirrored, points)


def test_errors_over_its_norm(sample: Path) -> None:
    frame = load_index("example-plugin", "test", sample)
    predicted = np.stack(frame["landmarks"]) + np.array([0.0, 4.0])
    document = score_index(frame, predicted, protocol_of(DATASETS.spec("example-plugin"))).document
    assert document["subsets"]["full"]["NME"]["value"] == pytest.approx(10.0)  # 4 of 40 px
