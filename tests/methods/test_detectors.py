"""Detectors brought along: on real photographs where they are installed, and what is said where something lacks."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parface_bench.data.images.crop import face_box
from parface_bench.data.images.reading import read_image
from parface_bench.data.readers.pts import parse_pts
from parface_bench.plugins.methods.weights import Published
from parface_bench.registry import METHODS, UserError


def build(name: str, **options):
    try:
        return METHODS.build(name, **options)
    except UserError as error:
        pytest.skip(str(error))


@pytest.fixture(scope="module")
def photographs(real_data):
    paths = sorted((real_data / "300w/helen/testset").glob("*.pts"))[:200:20]
    points = np.stack([parse_pts(p.read_bytes(), p.name) for p in paths])
    return [read_image("/", str(p.with_suffix(".jpg"))[1:]) for p in paths], points


def outer(found, truth):
    return np.linalg.norm(found[..., :2] - truth, axis=2).mean(1) / np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)


@pytest.mark.parametrize(("name", "most"), [("dlib", 0.04), ("mediapipe-mesh", 0.08)])
def test_on_photographs(photographs, name, most):
    images, truth = photographs
    method = build(name)
    boxes = np.stack([face_box(p) for p in truth])
    found = method.predict(images, boxes)
    assert found.shape[:2] == (len(images), 68)
    assert np.median(outer(found, truth)) < most
    boxes[0] = np.nan
    assert np.isnan(method.predict(images[:2], boxes[:2])[0]).all()


@pytest.mark.parametrize("name", ["yuface", "mtcnn-faces"])
def test_faces_are_found(photographs, name):
    images, truth = photographs
    detector = build(name)
    for image, points in zip(images, truth, strict=True):
        faces = detector.detect(image)
        assert faces.shape[1] == 5 and (np.diff(faces[:, 4]) <= 0).all()
        box = face_box(points)
        centre, side = (box[:2] + box[2:]) / 2, (box[2:] - box[:2]).max()
        found = faces[np.argmin(np.linalg.norm((faces[:, :2] + faces[:, 2:4]) / 2 - centre, axis=1))]
        # its boxes stand for ours: near the centre, of nearly the size
        assert np.linalg.norm((found[:2] + found[2:4]) / 2 - centre) < 0.15 * side
        assert 0.75 < (found[2:4] - found[:2]).max() / side < 1.3


@pytest.mark.parametrize("shape", [(4, 4), (5, 900), (1500, 40), (200, 200)])
@pytest.mark.parametrize("name", ["yuface", "mtcnn-faces"])
def test_no_faces_in_odd_pictures(shape, name):
    assert build(name).detect(np.full((*shape, 3), 90, np.uint8)).shape == (0, 5)


def test_five_points(photographs):
    """Eye centres, nose tip and mouth corners, where the annotators' 68 have them."""
    images, truth = photographs
    boxes = np.stack([face_box(p) for p in truth])
    five = np.stack([truth[:, 36:42].mean(1), truth[:, 42:48].mean(1), *truth[:, [30, 48, 54]].swapaxes(0, 1)], axis=1)
    method = build("mtcnn")
    found = method.predict(images, boxes)
    apart = np.linalg.norm(found - five, axis=2) / np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)[:, None]
    assert np.median(apart) < 0.06 and (np.median(apart, axis=0) < 0.09).all()
    assert (method.confidence > 0.9).all()
    boxes[0] = np.nan
    assert np.isnan(method.predict(images[:2], boxes[:2])[0]).all()


def test_a_larger_picture_has_the_same_faces(photographs):
    import cv2

    image, detector = photographs[0][0], build("mtcnn-faces", side=400)
    large = cv2.resize(image, None, fx=3, fy=3, interpolation=cv2.INTER_CUBIC)
    box, triple = detector.detect(image)[0], detector.detect(large)[0]
    assert np.abs((triple[:4] + 0.5) / 3 - 0.5 - box[:4]).max() < 0.06 * (box[2] - box[0])


def test_depth_is_toward_the_viewer(photographs):
    images, truth = photographs
    found = build("mediapipe-mesh").predict(images, np.stack([face_box(p) for p in truth]))
    assert (found[:, 30, 2] > found[:, [0, 16], 2].max(axis=1)).all()  # the nose is nearer than the ears


def test_dlib_box_follows_the_yaw():
    """Found again for dlib's own boxes: as far as the published regression reaches."""
    dlib = pytest.importorskip("parface_bench.plugins.methods.dlib")
    points = np.random.default_rng(0).uniform(0, 100, (68, 2))
    points[30], points[36:48] = [50, 55], [50, 30]
    frontal = dlib.dlib_box(points)
    points[30, 0] += 10
    assert dlib.dlib_box(points)[0] > frontal[0]
    moved = dlib.dlib_box(points * 3 + [7, -5])
    np.testing.assert_allclose(moved, dlib.dlib_box(points) * 3 + [7, -5, 7, -5])


def test_weights_missing_or_other(tmp_path: Path):
    own = Published("w.dat", "aa" * 32, "no-such-distribution", "pip install w")
    with pytest.raises(UserError, match=r"w\.dat: not found; pip install w"):
        own.locate()
    with pytest.raises(UserError, match="no such file; pip install w"):
        own.locate(tmp_path / "x.dat")
    (tmp_path / "x.dat").write_bytes(b"other")
    with pytest.raises(UserError, match=r"SHA-256 .* is not that of the published w\.dat"):
        own.locate(tmp_path / "x.dat")
    assert own.locate(tmp_path / "x.dat", check=False) == tmp_path / "x.dat"


@pytest.mark.parametrize("name", ["dlib", "mediapipe-mesh", "face-alignment", "mtcnn"])
def test_damaged_weights_are_named(tmp_path, name):
    if name in ("dlib", "mediapipe-mesh"):
        pytest.importorskip({"dlib": "dlib", "mediapipe-mesh": "ai_edge_litert"}[name])
    bad = tmp_path / ("pnet.pt" if name == "mtcnn" else "bad.bin")
    bad.write_bytes(b"not weights at all")
    with pytest.raises(UserError) as error:
        METHODS.build(name, weights=str(tmp_path if name == "mtcnn" else bad), check=False)
    assert "\n" not in str(error.value)
    assert bad.name in str(error.value) or "pip install" in str(error.value)


def test_fan_with_random_weights(tmp_path):
    """The plumbing of FAN, whose weights are not distributed in any package."""
    import torch

    from parface_bench.plugins.methods.fan import StackedHourglass

    network = StackedHourglass()
    torch.save(network.state_dict(), tmp_path / "fan.pth")
    method = METHODS.build("face-alignment", weights=str(tmp_path / "fan.pth"), check=False, flip=False)
    image = np.random.default_rng(0).integers(0, 255, (90, 120, 3), dtype=np.uint8)
    found = method.predict([image], np.array([[20.0, 10, 80, 80]]))
    assert found.shape == (1, 68, 2) and np.isfinite(found).all()
    assert found.min() > -60 and found.max() < 160
    with pytest.raises(UserError, match="SHA-256"):
        METHODS.build("face-alignment", weights=str(tmp_path / "fan.pth"))
