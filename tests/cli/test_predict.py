"""``pfbench predict`` as it is typed: exit codes, stdout, stderr."""

from __future__ import annotations

import csv
import io
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from parface_bench.registry import METHODS, catalogue

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
    from PIL import Image

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


@pytest.mark.parametrize("name", ["dlib", "mediapipe-mesh", "face-alignment", "yuface"])
def test_facts_of_detectors(name):
    spec = METHODS.spec(name)
    assert spec.licence and spec.reference and not spec.trainable
    assert "trained on" in f"{spec.licence} {spec.summary}"
