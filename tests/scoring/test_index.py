"""Scoring of an index table: its tags, yaw, boxes and visibility, and what plugins add."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from parface_bench.data.index import index
from parface_bench.evaluation import score_index
from parface_bench.registry import UserError, catalogue
from parface_bench.scoring import load_protocol
from parface_bench.scoring.subsets import index_subsets


@pytest.fixture
def frame(faces: Callable[..., Any]) -> tuple[pd.DataFrame, np.ndarray]:
    """Eight faces with yaw, a 0/1 tag with a gap, a tag of names and one of grades; and predictions."""
    truth, predicted = faces(8, 3)
    labels = pd.DataFrame(
        {
            "file": [f"im/{i}.jpg" for i in range(8)],
            "yaw": [0, 10, 31, -45, 60, 61, -90, np.nan],
            "occluded": [True, False, True, False, False, False, None, False],
            "side": ["left", "left", "right", "right", "right", "", None, "left"],
            "grade": pd.Series([1, 2, 2, 3, 3, 3, 4, 4], dtype="Int64"),
        }
    )
    table = index(
        labels,
        image="file",
        landmarks=lambda r: truth[int(Path(r.file).stem)],
        bbox=lambda r: [0, 0, 50, 200],
        yaw="yaw",
        tags=["occluded", "side", "grade"],
    )
    return table, predicted


def test_subsets_of_tags_and_yaw(frame: Any) -> None:
    table, predicted = frame
    rows = score_index(table, predicted, "parface").document["subsets"]
    assert {name: row["n"] for name, row in rows.items()} == {
        "full": 8,
        "yaw-0-30": 2,
        "yaw-30-60": 3,
        "yaw-60-90": 2,
        "occluded": 2,
        "side=left": 3,
        "side=right": 3,
        "grade=1": 1,
        "grade=2": 2,
        "grade=3": 3,
        "grade=4": 2,
    }


def test_ids_and_intersections(frame: Any) -> None:
    table, predicted = frame
    evaluation = score_index(table, predicted, "aflw2000-3d", only=["occluded & side=left"], with_intersections=True)
    assert list(evaluation.document["subsets"]) == ["full", "occluded & side=left"]
    assert evaluation.document["subsets"]["occluded & side=left"]["n"] == 1
    assert evaluation.errors["id"].tolist() == [f"im/{i}" for i in range(8)]


def test_box_is_used_for_face_size(frame: Any, tmp_path: Path) -> None:
    table, predicted = frame
    file = tmp_path / "sized.yaml"
    file.write_text("{base: aflw, name: sized, version: 1, schemas: [ibug68]}")
    errors = score_index(table, predicted, load_protocol(file)).errors
    assert errors["norm"].tolist() == [100.0] * 8


def test_visibility_is_used(frame: Any) -> None:
    table, predicted = frame
    truth = np.stack(table["landmarks"])
    seen = np.ones(68, bool)
    seen[:17] = False
    table["visible"] = [seen] * 7 + [None]
    found = score_index(table, predicted, "aflw2000-3d").document["subsets"]["full"]
    norm = np.sqrt(np.prod(np.ptp(truth[..., :2], axis=1), axis=1))
    e = 100 * np.linalg.norm((predicted - truth)[..., :2], axis=2) / norm[:, None]
    want = np.append(e[:7, 17:].mean(axis=1), e[7].mean())  # a face that tells nothing is all visible
    assert found["NME_visible"]["value"] == pytest.approx(want.mean())


def test_a_face_without_landmarks_is_named(frame: Any) -> None:
    table, predicted = frame
    table["landmarks"] = [None if i == 3 else marks for i, marks in enumerate(table["landmarks"])]
    with pytest.raises(UserError, match="im/3"):
        score_index(table, predicted, "parface")


@pytest.fixture
def plugin(tmp_path: Path) -> Iterator[None]:
    """A plugin file that adds a subset."""
    file = tmp_path / "hooks_of_a_test.py"
    file.write_text(
        "def pfbench_subsets(index):\n    return {'last-two': [i >= len(index) - 2 for i in range(len(index))]}\n"
    )
    with catalogue.temporarily():
        catalogue.load_file(file)
        yield


@pytest.mark.usefixtures("plugin")
def test_subsets_that_a_plugin_adds(frame: Any) -> None:
    table, _ = frame
    assert index_subsets(table, load_protocol("300w"))["last-two"].tolist() == [False] * 6 + [True] * 2
