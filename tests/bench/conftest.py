"""A data set of six pictures and two methods, as a single-file plugin that jobs can load too."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest

from parface_bench.registry import catalogue

PLUGIN = '''
import os
from pathlib import Path
import numpy as np
import pandas as pd
from parface_bench import Method, dataset, index, method


@dataset("bench-faces", schema="points5", protocol="{protocol}", licence="none", how_to_get="made by the test")
def bench_faces(root, split):
    """Six pictures."""
    table = pd.DataFrame({{"file": sorted(p.name for p in Path(root).glob("*.png"))}})
    marks = np.array([[20.0, 20], [44, 20], [32, 34], [24, 46], [40, 46]])
    return index(table, image="file", landmarks=lambda r: marks + float(r.file[0]), split=split)


class Shifted(Method):
    schema = "points5"
    shift = 0.0

    def predict(self, images, boxes):
        if type(self) is Far and os.environ.get("BENCH_BREAK"):
            raise RuntimeError("cannot be")
        marks = np.array([[20.0, 20], [44, 20], [32, 34], [24, 46], [40, 46]]) + self.shift
        return np.stack([marks] * len(images))


@method("bench-near")
class Near(Shifted):
    """Near."""


@method("bench-far")
class Far(Shifted):
    """Far."""

    shift = 9.0
'''

PROTOCOL = """
name: bench-protocol
version: 1
schemas: [points5]
crop: lm_ground_truth
norm: bbox
metrics: [NME, FR@10, AUC@10]
"""


@pytest.fixture(scope="module")
def plugin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """The plugin's file, loaded; ``plugin.parent / "faces"`` is the data set's folder."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "faces").mkdir()
    for i in range(6):
        picture = np.full((64, 64, 3), 40 * i, np.uint8)
        cv2.imwrite(str(folder / "faces" / f"{i}.png"), picture)
    (folder / "protocol.yaml").write_text(PROTOCOL)
    file = folder / "bench_plugin.py"
    file.write_text(PLUGIN.format(protocol=folder / "protocol.yaml"))
    with catalogue.temporarily():
        module = catalogue.load_file(file)
        yield file
    sys.modules.pop(module.__name__, None)
