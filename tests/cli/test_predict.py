"""``pfbench predict`` as it is typed: exit codes, stdout, stderr."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from parface_bench.data.readers.pts import parse_pts
from parface_bench.registry import METHODS, MethodSpec, catalogue

STAND_IN = """
import numpy as np
from parface_bench.registry import method
from parface_bench.methods.base import Method

@method("corner", schema="points5", summary="five points in the middle of the box")
class Corner(Method):
    schema = "points5"
    def predict(self, images, boxes):
        return np.repeat((boxes[:, None, :2] + boxes[:, None, 2:]) / 2, 5, axis=1)
"""


@pytest.fixture
def corner(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A method from a plugin file, forgotten afterwards; the working directory holds a picture and a broken one."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "corner.py").write_text(STAND_IN)
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    with catalogue.temporarily():
        module = catalogue.load_file("corner.py")
        yield
    sys.modules.pop(module.__name__, None)


@pytest.mark.usefixtures("corner")
def test_as_typed(pfbench):
    done = pfbench("predict", "*.png", "--model", "corner", "--detector", "none")
    assert done.code == 0, done.err
    table = list(csv.DictReader(io.StringIO(done.out)))
    assert [row["id"] for row in table] == ["a", "b"] and float(table[0]["x3"]) == 19.5
    assert "b.png" in done.err and "b.png" in table[1]["reason"]

    wrong = pfbench("predict", "*.png", "--model", "cornr")
    assert wrong.code == 2 and "did you mean 'corner'" in wrong.err and "Traceback" not in wrong.err
    finder = pfbench("predict", "a.png", "--model", "yuface")
    assert finder.code == 2 and "give it to 'pfbench predict' as --detector" in finder.err
    options = ("predict", "a.png", "--model", "corner", "--detector", "none", "--set")
    for setting, says in (
        ("method.none=1", "none"),
        ("weights=x", "write method.weights=... or detector.weights=..."),
        ("method.a={", "cannot be read"),
        ("method.a", "expected KEY=VALUE"),
    ):
        wrong = pfbench(*options, setting)
        assert wrong.code == 2 and says in wrong.err, (setting, wrong.err)
    place = pfbench("predict", "a.png", "--model", "corner", "--detector", "none", "--out", "b.png/out")
    assert place.code == 2 and "give another folder with --out" in place.err
    nowhere = pfbench("predict", "a.png", "--model", "corner", "--detector", "none", "--device", "cuda:77")
    assert nowhere.code == 2 and "--device cuda:77" in nowhere.err
    drawn = pfbench("predict", "a.png", "--model", "corner", "--detector", "none", "--draw")
    assert drawn.code == 0 and drawn.out.strip() == "predictions/predictions.csv"
    assert Path("predictions/overlays/a.png").is_file()


@pytest.mark.parametrize(
    "name", ["dlib", "mediapipe-mesh", "face-alignment", "yuface", "mtcnn", "mtcnn-faces", "twin68"]
)
def test_facts_of_detectors(name):
    spec = METHODS.spec(name)
    assert spec.licence and spec.reference and not spec.trainable
    assert "trained on" in f"{spec.licence} {spec.summary}"


def test_a_photograph_alone(pfbench, real_data, tmp_path, monkeypatch):
    """``pfbench predict photo.jpg`` and ``pfbench measure photo.jpg``: no model, no option."""
    pytest.importorskip("yuface")
    monkeypatch.chdir(tmp_path)
    annotated = sorted((real_data / "300w/helen/trainset").glob("*.pts"))[3]
    photo = annotated.with_suffix(".jpg")
    truth = parse_pts(annotated.read_bytes(), annotated.name)
    done = pfbench("predict", photo)
    assert done.code == 0, done.err
    (row,) = csv.DictReader(io.StringIO(done.out))
    found = np.array([[float(row[f"x{i}"]), float(row[f"y{i}"])] for i in range(68)])
    apart = np.linalg.norm(found - truth, axis=1).mean() / np.linalg.norm(truth[36] - truth[45])
    assert apart < 0.08 and 0 < float(row["confidence"]) <= 1

    measured = pfbench("measure", photo, "--json")
    assert measured.code == 0, measured.err
    (values,) = json.loads(measured.out)["faces"].values()
    width = np.linalg.norm(truth[36] - truth[45])
    assert values["outer_px"] == pytest.approx(width, rel=0.1)


def test_which_model_is_taken(pfbench, tmp_path):
    picture = tmp_path / "a.png"
    Image.new("RGB", (40, 20)).save(picture)
    taken = [(s.task, s.name) for s in METHODS if s.default]
    assert sorted(taken) == [("detection", "yuface"), ("landmarks", "twin68")]
    listed = json.loads(pfbench("list", "method", "--json").out)
    assert {m["name"] for m in listed if m["default"]} == {"yuface", "twin68"}
    with catalogue.temporarily():
        catalogue.add(MethodSpec(name="mine", target="x:y", default=True, owner="mine.py"))
        both = pfbench("predict", picture)
    assert both.code == 2 and "mine and twin68 each want to be taken where no model is named" in both.err
