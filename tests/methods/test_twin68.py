"""The model in the package: what its file holds, what its card says, and what it finds in photographs."""

from __future__ import annotations

import json
import re
import struct
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

from parface_bench import load_model
from parface_bench.data.images.crop import face_box
from parface_bench.data.source import load_index
from parface_bench.plugins.methods.twin68.method import WEIGHTS
from parface_bench.registry import METHODS, UserError
from parface_bench.scoring import evaluate, load_protocol

CARD = Path(__file__).resolve().parents[2] / "docs" / "reference" / "methods" / "twin68.md"


@pytest.fixture(scope="module")
def header() -> dict:
    data = WEIGHTS.read_bytes()
    return json.loads(data[8 : 8 + struct.unpack("<Q", data[:8])[0]])


@pytest.fixture(scope="module")
def facts(header) -> dict:
    return json.loads(header["__metadata__"]["parface-bench"])


@pytest.fixture(scope="module")
def helen(real_data):
    """The 330 faces of HELEN's test set: pictures, landmarks and boxes around them."""
    from parface_bench.data.images.reading import read_image

    frame = load_index("300w", "full", root=real_data / "300w")
    points = np.stack(list(frame["landmarks"]))
    images = [read_image(frame.attrs["root"], ref) for ref in frame["image"]]
    return images, points, np.stack([face_box(p) for p in points])


def outer(found, truth):
    return np.linalg.norm(found - truth, axis=2).mean(1) / np.linalg.norm(truth[:, 36] - truth[:, 45], axis=1)


def test_the_file_holds_numbers_and_nothing_else(header):
    """Read by hand: a header of JSON, then tensors that fill the rest of the file to the last byte."""
    size = WEIGHTS.stat().st_size
    assert size <= 2_500_000
    tensors = [value for name, value in header.items() if name != "__metadata__"]
    assert {t["dtype"] for t in tensors} <= {"F16", "I64"}
    spans = sorted(tuple(t["data_offsets"]) for t in tensors)
    assert spans[0][0] == 0 and all(a[1] == b[0] for a, b in pairwise(spans))
    assert spans[-1][1] == size - 8 - struct.unpack("<Q", WEIGHTS.read_bytes()[:8])[0]
    for t in tensors:
        width = {"F16": 2, "I64": 8}[t["dtype"]]
        assert t["data_offsets"][1] - t["data_offsets"][0] == width * int(np.prod(t["shape"]))


def test_what_it_was_trained_on_is_declared(facts):
    spec = METHODS.spec("twin68")
    assert set(facts["trained_on"]) == set(spec.trained_on) == {"palsy-twin:train", "palsy-twin-v1:train"}
    assert facts["card"]["licence"] in spec.licence
    assert "300W" in facts["card"]["real_data"]


def test_the_card_tells_the_scores_of_the_header(facts):
    text = CARD.read_text(encoding="utf-8")
    scores = facts["card"]["scores"]
    assert {"300W helen/testset", "palsy-twin test"} <= set(scores)
    for name, row in scores.items():
        cells = re.search(rf"^\| {re.escape(name)} \|(.*)\|$", text, re.MULTILINE)
        assert cells, name
        numbers = [float(n) for n in re.findall(r"\d+(?:\.\d+)?", cells[1])]
        assert numbers == [
            row["found"], row["faces"], *(n for key in ("NME", "FR@10") for n in (row[key]["value"], *row[key]["ci95"]))
        ]  # fmt: skip
    assert f"{WEIGHTS.stat().st_size / 1e6:.1f} MB" in text


def test_scores_of_photographs_are_as_the_card_says(helen, facts):
    images, points, boxes = helen
    model = load_model()
    found = np.concatenate([model.predict(images[i : i + 66], boxes[i : i + 66]) for i in range(0, len(images), 66)])
    assert np.isfinite(model.confidence).all() and (model.confidence >= 0).all() and (model.confidence <= 1).all()
    full = evaluate(points, found, load_protocol("300w"), resamples=2).document["subsets"]["full"]
    told = facts["card"]["scores"]["300W helen/testset"]
    assert len(points) == told["faces"]
    assert full["NME"]["value"] == pytest.approx(100 * outer(found, points).mean(), abs=1e-6)
    assert full["NME"]["value"] == pytest.approx(told["NME"]["value"], abs=0.02)
    assert told["NME"]["value"] < 4.8


def test_boxes_and_company_matter_little(helen):
    images, _, boxes = (part[:6] for part in helen)
    model = load_model("twin68")
    found = model.predict(images, boxes)
    alone = np.concatenate([model.predict([i], b[None]) for i, b in zip(images, boxes, strict=True)])
    np.testing.assert_allclose(found, alone, atol=0.05)
    side = (boxes[:, 2:] - boxes[:, :2]).max(1, keepdims=True)
    moved = model.predict(images, boxes + np.hstack([-0.08 * side, -0.03 * side, 0.03 * side, 0.08 * side]))
    assert np.median(outer(moved, found)) < 0.02
    boxes = boxes.copy()
    boxes[2] = np.nan
    gap = model.predict(images, boxes)
    assert np.isnan(gap[2]).all() and np.isfinite(gap[[0, 1, 3, 4, 5]]).all()


def test_without_boxes_it_finds_the_face_itself(helen):
    pytest.importorskip("yuface")
    images, points, _ = (part[:3] for part in helen)
    assert np.median(outer(load_model().predict(images), points)) < 0.08
    assert np.isnan(load_model().predict([np.zeros((64, 64, 3), np.uint8)])).all()


def test_a_picture_of_nothing_is_no_error():
    model = load_model()
    for value in (0, 255):
        assert model.predict([np.full((40, 50, 3), value, np.uint8)], np.array([[5.0, 5, 35, 35]])).shape == (1, 68, 2)
    assert model.predict([], np.zeros((0, 4))).shape == (0, 68, 2)
    with pytest.raises(UserError, match="passes 0 must be at least 1"):
        load_model("twin68", passes=0)
