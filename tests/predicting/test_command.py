"""``pfbench predict`` as it is typed: exit codes, stdout, stderr."""

from __future__ import annotations

import csv
import io
import subprocess
import sys
from pathlib import Path

import pytest

from parface_bench.registry import METHODS

STAND_IN = """
import numpy as np
from parface_bench.registry import method
from parface_bench.training.method import Method

@method("corner", schema="points5", summary="five points in the middle of the box")
class Corner(Method):
    schema = "points5"
    def predict(self, images, boxes):
        return np.repeat((boxes[:, None, :2] + boxes[:, None, 2:]) / 2, 5, axis=1)
"""


def pfbench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parface_bench.cli.main", "predict", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=120)


def test_as_typed(tmp_path):
    from PIL import Image

    (tmp_path / "corner.py").write_text(STAND_IN)
    Image.new("RGB", (40, 20)).save(tmp_path / "a.png")
    (tmp_path / "b.png").write_bytes(b"")
    done = pfbench("*.png", "--plugin", "corner.py", "--model", "corner", "--detector", "none", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    table = list(csv.DictReader(io.StringIO(done.stdout)))
    assert [row["id"] for row in table] == ["a", "b"] and float(table[0]["x3"]) == 19.5
    assert "b.png" in done.stderr and "b.png" in table[1]["reason"]

    wrong = pfbench("*.png", "--plugin", "corner.py", "--model", "cornr", cwd=tmp_path)
    assert wrong.returncode == 2 and "did you mean 'corner'" in wrong.stderr and "Traceback" not in wrong.stderr


@pytest.mark.parametrize("name", ["dlib", "mediapipe-mesh", "face-alignment", "yuface"])
def test_facts_of_detectors(name):
    spec = METHODS.spec(name)
    assert spec.licence and spec.reference and not spec.trainable
    assert "trained on" in f"{spec.licence} {spec.summary}"
