"""Which faces a stage gets: self-supervised ones from any mixture of data sets, the others only what is annotated."""

from __future__ import annotations

import cv2
import numpy as np
import pandas as pd
import pytest

from parface_bench.data.batches.loader import FaceSet
from parface_bench.data.images.crop import Crop, apply, face_box
from parface_bench.data.roots import remember
from parface_bench.data.source import open_source
from parface_bench.methods.stage import Stage
from parface_bench.registry import UserError
from parface_bench.training.selection import Selection

UNLABELLED = {"data": ("image-folder", "ffhq", "landmark-table", "target"), "needs_landmarks": False}


@pytest.fixture
def mixture(tmp_path):
    """Pictures without landmarks, and a table of six-point faces beside the five points of the dots."""
    rng = np.random.default_rng(0)
    folder, table = tmp_path / "pictures", tmp_path / "table"
    for place in (folder, table):
        place.mkdir()
    for i in range(5):
        cv2.imwrite(str(folder / f"{i}.png"), rng.integers(0, 255, (40, 60, 3), dtype=np.uint8))
    rows = []
    for i in range(6):
        cv2.imwrite(str(table / f"{i}.png"), rng.integers(0, 255, (64, 64, 3), dtype=np.uint8))
        rows.append([f"{i}.png", *rng.uniform(10, 50, 12)])
    columns = ["image", *[f"{a}{i}" for i in range(6) for a in "xy"]]
    pd.DataFrame(rows, columns=columns).to_csv(table / "train.csv", index=False)
    remember("image-folder", folder)
    remember("landmark-table", table)
    return folder


def test_self_supervised_stages_mix_any_data_sets(mixture, dots_root):
    selection = Selection.of(open_source("dots", dots_root), 2)
    tables = selection.training(Stage(name="self", **UNLABELLED))
    assert selection.used == ["image-folder:all", "landmark-table:train", "dots:train"]
    assert selection.skipped == ["ffhq"]
    assert [len(table) for table in tables] == [5, 6, 41]
    assert all(a is b for a, b in zip(tables, selection.training(Stage(name="again", **UNLABELLED)), strict=True))

    faces = FaceSet(tables, Crop(size=32).for_any(), schema="points5", truth="")
    batch = faces[[0, 5, 11]]
    assert batch.images.shape == (3, 3, 32, 32)
    assert batch.landmarks is None and batch.depth is None and batch.visible is None
    # a picture of 60 x 40 of which nothing is known: its middle square, pixel edges on pixel edges
    np.testing.assert_allclose(
        apply(np.array([[9.5, -0.5], [49.5, 39.5]]), faces.matrices[0]), [[-0.5] * 2, [31.5] * 2]
    )
    # annotated faces have the crop that they have in any other stage
    dots = tables[2].iloc[0]
    np.testing.assert_array_equal(faces.matrices[11], Crop(size=32).matrix(dots))


def test_stages_with_landmarks_take_annotated_faces_alone(mixture, dots_root):
    selection = Selection.of(open_source("dots", dots_root), 2)
    tables = selection.training(Stage(data=("image-folder", "target")))
    assert [len(table) for table in tables] == [41]
    with pytest.raises(UserError, match="learns from landmarks, but image-folder has none"):
        selection.training(Stage(data=("image-folder",)))


def test_parface_learns_by_itself_from_a_mixture(mixture, dots_root, run):
    done = run(
        "parface",
        "image_size=64",
        "method.width=0.125",
        "train.data=[image-folder,ffhq,landmark-table,target]",
        "train.epochs=1",
        "train.batch_size=16",
        stages="1",
    )
    trained = done.document["trained_on"]
    assert trained == ["image-folder:all", "landmark-table:train", "dots:train"]


@pytest.mark.parametrize("mode", ["lm_ground_truth", "bb_ground_truth", "given"])
@pytest.mark.parametrize("geometry", ["half-pixel", "parface"])
def test_any_crop_takes_landmarks_or_boxes(mode, geometry):
    points = np.random.default_rng(1).uniform(40, 120, (68, 2))
    crop = Crop(mode, 64, geometry=geometry)
    box = np.array([30.0, 35, 130, 125])
    for face in ({"landmarks": points, "bbox": None}, {"landmarks": None, "bbox": box}):
        assert np.isfinite(crop.for_any().matrix({"id": "a", **face})).all()
    own = {"id": "a", "landmarks": points, "bbox": face_box(points)}
    np.testing.assert_array_equal(crop.for_any().matrix(own), crop.matrix(own))
    with pytest.raises(UserError, match="face 'a'"):
        crop.for_any().matrix({"id": "a", "landmarks": None, "bbox": None})


def test_names_that_mean_one_table_give_it_once(mixture, dots_root):
    selection = Selection.of(open_source("dots", dots_root), 2)
    tables = selection.training(Stage(name="twice", data=("target", "dots:train", "dots")))
    assert [len(table) for table in tables] == [41]
