"""Loaders: order, resuming, shards, caches and unreadable pictures."""

from __future__ import annotations

import gc
import os
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import pytest
import torch
from filelock import FileLock

from parface_bench.data.batches.loader import FaceLoader, FaceSet
from parface_bench.data.images import crop_cache
from parface_bench.data.images.crop import Crop, apply, restore
from parface_bench.data.images.crop_cache import CropCache, open_cache
from parface_bench.data.index import index
from parface_bench.registry import UserError

CROP = Crop("bb_ground_truth", 32)


def table(
    root: Path, count: int = 11, points: int = 68, dims: int = 2, prefix: str = "f", **attrs: str
) -> pd.DataFrame:
    """Faces whose pictures have one colour each."""
    rng = np.random.default_rng(points)
    rows = []
    for i in range(count):
        name = f"{prefix}{i}.png"
        cv2.imwrite(str(root / name), np.full((60, 80, 3), 5 + 20 * i, np.uint8))
        rows.append((name, rng.uniform(20, 50, (points, dims))))
    frame = index(pd.DataFrame(rows, columns=["image", "landmarks"]), image="image", landmarks="landmarks")
    frame.attrs.update(root=root, fingerprint=f"{prefix}-{count}-{points}", **attrs)
    return frame


@pytest.fixture
def frame(tmp_path):
    return table(tmp_path)


def ids(loader: FaceLoader) -> list[list[str]]:
    return [batch.ids for batch in loader]


def test_batches_hold_crops_and_truth(frame):
    batch = next(iter(FaceLoader([frame], CROP, 4)))
    assert batch.images.dtype == torch.uint8 and batch.images.shape == (4, 3, 32, 32)
    assert batch.depth is None and batch.visible is None
    for i, row in enumerate(list(frame.itertuples())[:4]):
        assert batch.images[i, :, 16, 16].tolist() == [5 + 20 * i] * 3
        np.testing.assert_allclose(batch.landmarks[i], apply(row.landmarks, CROP.matrix(row)), atol=1e-4)
        np.testing.assert_allclose(
            restore(batch.landmarks[i].numpy(), batch.matrices[i].numpy()), row.landmarks, atol=1e-3
        )
    moved = batch.to("cpu")
    assert moved.images.dtype == torch.float32 and moved.images.max() <= 1
    assert moved.heatmaps.shape == (4, 68, 8, 8) and moved.points.shape == (4, 68, 2)
    assert batch[1:3].ids == batch.ids[1:3] and len(batch[1:3]) == 2


def test_order_depends_on_seed_and_epoch_alone(frame):
    one = FaceLoader([frame], CROP, 4, shuffle=True, seed=3)
    first = ids(one)
    one.set_epoch(1)
    second = ids(one)
    assert sorted(i for batch in first for i in batch) == sorted(frame["id"]) and first != second
    again = FaceLoader([frame], CROP, 4, shuffle=True, seed=3, cache="off")
    again.set_epoch(1)
    assert ids(again) == second
    assert ids(FaceLoader([frame], CROP, 4, shuffle=True, seed=4)) != first


def test_workers_give_the_same(frame):
    here = FaceLoader([frame], CROP, 4, shuffle=True, seed=3, cache="off")
    there = FaceLoader([frame], CROP, 4, shuffle=True, seed=3, cache="memory", workers=1)
    for epoch in (0, 1):
        for loader in (here, there):
            loader.set_epoch(epoch)
        for a, b in zip(here, there, strict=True):
            assert a.ids == b.ids and torch.equal(a.images, b.images) and torch.equal(a.landmarks, b.landmarks)
    assert there.dataset.cache.filled == 1.0


@pytest.mark.parametrize("first", [0, 1, 2])
def test_resumes_in_the_middle_of_an_epoch(frame, first):
    loader = FaceLoader([frame], CROP, 4, shuffle=True, seed=1)
    loader.set_epoch(5)
    whole = ids(loader)
    loader.set_epoch(5, first)
    assert ids(loader) == whole[first:] and len(loader) == 3


def test_last_batch_can_be_left_out(frame):
    loader = FaceLoader([frame], CROP, 4, shuffle=True, drop_last=True)
    assert len(loader) == 2 and [len(b) for b in ids(loader)] == [4, 4]
    few = FaceLoader([frame], CROP, 64, shuffle=True, drop_last=True)
    assert [len(b) for b in ids(few)] == [11]


@pytest.mark.parametrize("world", [1, 2, 3, 4])
def test_shards(frame, world):
    def parts(**how):
        return [FaceLoader([frame], CROP, 2, rank=r, world=world, **how) for r in range(world)]

    # scored: every face once, over all processes
    seen = [i for loader in parts() for batch in ids(loader) for i in batch]
    assert sorted(seen) == sorted(frame["id"])
    # trained: as many steps everywhere, every face at least once
    trained = parts(shuffle=True)
    assert len({len(loader) for loader in trained}) == 1
    seen = [i for loader in trained for batch in ids(loader) for i in batch]
    assert set(seen) == set(frame["id"])


def test_several_sets_are_mixed_and_converted(tmp_path):
    first = table(tmp_path, 6, 68, 3, "a", schema="ibug68")
    second = table(tmp_path, 5, 98, 2, "b", schema="wflw98")
    loader = FaceLoader([first, second], CROP, 11, schema="ibug68", shuffle=True)
    batch = next(iter(loader))
    assert batch.landmarks.shape == (11, 68, 2)
    from_second = torch.tensor([i.startswith("b") for i in batch.ids])
    assert torch.isnan(batch.depth[from_second]).all() and torch.isfinite(batch.depth[~from_second]).all()
    assert torch.isfinite(batch.landmarks).all()
    with pytest.raises(UserError, match="convert them to one schema"):
        FaceLoader([first, second], CROP, 4)


def test_faces_without_landmarks(tmp_path):
    frame = table(tmp_path)
    frame["bbox"] = [np.array([10.0, 10, 40, 50])] * len(frame)
    bare = frame.copy()
    bare["landmarks"] = pd.Series([None] * len(bare), dtype=object)
    bare.attrs = dict(frame.attrs)
    batch = next(iter(FaceLoader([bare], Crop("given", 32), 4)))
    assert batch.landmarks is None and batch.images.shape == (4, 3, 32, 32)
    with pytest.raises(ValueError, match="no landmarks"):
        _ = batch.to("cpu").heatmaps


def test_second_truth(tmp_path):
    frame = table(tmp_path, 3, 68, 3)
    other = [p[:, :2] + 1 for p in frame["landmarks"]]
    frame["landmarks_2d"] = pd.Series([other[0], None, other[2]], dtype=object)
    found = FaceSet([frame], CROP, truth="landmarks_2d")
    assert found.truth.depth is None
    expected = apply(other[0], CROP.matrix(next(frame.itertuples())))
    np.testing.assert_allclose(found.truth.landmarks[0], expected, atol=1e-4)


def test_visibility_and_margin(tmp_path):
    frame = table(tmp_path, 3)
    seen = np.arange(68) % 2 == 0
    frame["visible"] = pd.Series([seen, None, seen], dtype=object)
    batch = next(iter(FaceLoader([frame], CROP.with_margin(7), 3)))
    assert batch.visible[0].tolist() == seen.tolist() and batch.visible[1].all()
    assert batch.images.shape[-1] == 46 and batch.margin == 7
    plain = next(iter(FaceLoader([frame], CROP, 3)))
    inner = batch.without_margin()
    assert torch.allclose(inner.landmarks, plain.landmarks, atol=1e-4)
    assert torch.allclose(inner.matrices, plain.matrices) and inner.images.shape == plain.images.shape


def test_disk_cache_outlives_the_loader(frame, tmp_path):
    first = FaceLoader([frame], CROP, 4, cache="disk")
    images = torch.cat([b.images for b in first])
    assert first.dataset.cache.filled == 1.0
    second = FaceLoader([frame], CROP, 4, cache="disk")
    assert second.dataset.cache.filled == 1.0
    (tmp_path / "f0.png").rename(tmp_path / "elsewhere.png")
    again = torch.cat([b.images for b in second])
    assert torch.equal(images, again)
    # another geometry, or other pictures, do not use it
    (tmp_path / "elsewhere.png").rename(tmp_path / "f0.png")
    assert FaceLoader([frame], Crop("bb_ground_truth", 24), 4, cache="disk").dataset.cache.filled == 0
    cv2.imwrite(str(tmp_path / "f0.png"), np.zeros((61, 80, 3), np.uint8))
    assert FaceLoader([frame], CROP, 4, cache="disk").dataset.cache.filled == 0


def test_half_filled_cache_goes_on(frame):
    cache = open_cache("disk", [frame], CROP, 0)
    done = FaceSet([frame], CROP, cache=cache)[np.arange(5)].images
    reopened = FaceSet([frame], CROP, cache=open_cache("disk", [frame], CROP, 0))
    assert reopened.cache.missing(np.arange(11)).tolist() == list(range(5, 11))
    assert torch.equal(reopened[np.arange(11)].images[:5], done)


def test_damaged_cache_is_begun_anew(frame, tmp_path):
    folder = tmp_path / "cache"
    cache = CropCache(folder, 3, 8)
    cache.put(0, np.ones((8, 8, 3), np.uint8))
    (folder / "there.u8").write_bytes(b"\1")
    assert CropCache(folder, 3, 8).filled == 0


def test_what_a_killed_process_left_in_memory_is_removed(frame, tmp_path, monkeypatch):
    """But neither what another process holds, nor what is so new that its owner may not have locked it yet."""
    monkeypatch.setattr(crop_cache.tempfile, "tempdir", str(tmp_path))
    monkeypatch.setattr(crop_cache, "_memory_folder", lambda size: None)
    old, held, new = (tmp_path / f"pfbench-crops-{name}" for name in ("old", "held", "new"))
    for folder in (old, held, new):
        folder.mkdir()
        (folder / "crops.u8").write_bytes(b"1")
    lock = FileLock(held / ".lock")
    lock.acquire()
    for folder in (old, held):
        os.utime(folder, (1e9, 1e9))
    mine = open_cache("memory", [frame], CROP, 1.0)
    assert not old.exists() and held.exists() and new.exists()
    folder = mine.folder
    os.utime(folder, (1e9, 1e9))
    other = open_cache("memory", [frame], CROP, 1.0)
    assert folder.exists() and other.folder.exists()
    del mine, other
    gc.collect()
    assert sorted(tmp_path.glob("pfbench-*")) == [held, new]


def test_cache_modes(frame):
    assert open_cache("off", [frame], CROP, 9) is None
    assert open_cache("auto", [frame], CROP, 1e-9) is None
    kept = open_cache("auto", [frame], CROP, 1.0)
    folder = kept.folder
    assert folder.is_dir()
    del kept
    assert not folder.exists()
    with pytest.raises(UserError, match="did you mean 'memory'"):
        open_cache("memry", [frame], CROP, 1.0)


def test_unreadable_pictures_are_named(frame, tmp_path):
    (tmp_path / "f3.png").write_bytes(b"\x89PNG\r\n\x1a\nnothing")
    for workers in (0, 1):
        with pytest.raises(UserError, match=r"^[^\n]*f3\.png[^\n]*$"):
            list(FaceLoader([frame], CROP, 4, cache="off", workers=workers))


def test_faces_without_a_crop_are_named_at_once(frame):
    points = [np.zeros((68, 2)) if i == 2 else p for i, p in enumerate(frame["landmarks"])]
    frame["landmarks"] = pd.Series(points, dtype=object)
    with pytest.raises(UserError, match="f2"):
        FaceLoader([frame], CROP, 4)


def test_no_faces(frame):
    empty = frame.iloc[:0]
    empty.attrs = dict(frame.attrs)
    loader = FaceLoader([empty], CROP, 4)
    assert len(loader) == 0 and list(loader) == []
