"""A stranger's network, written as the docs promise, goes through the whole run."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import parface_bench as pf
from parface_bench.registry import catalogue
from tests.training.conftest import PLUGIN

NET = '''
from parface_bench import BACKBONES, LOSSES, TrainableMethod, method
from parface_bench.methods.heads import HeatmapHead, subpixel_argmax


@method("my-net", trainable=True, reference="a stranger's paper")
class MyNet(TrainableMethod):
    """A stranger's network."""

    def __init__(self, schema, backbone="resnet18", image_size=256):
        super().__init__()
        self.features = BACKBONES.build(backbone, features_only=True)
        self.head = HeatmapHead(self.features.channels[-1], len(schema))
        self.loss_fn = LOSSES.build("adaptive_wing")

    def forward(self, images):
        return self.head(self.features(images)[-1])

    def loss(self, batch):
        return self.loss_fn(self(batch.images), batch.heatmaps)

    def decode(self, heatmaps):
        return subpixel_argmax(heatmaps)
'''
FOREIGN = '''
import numpy as np
from parface_bench import Method, method


@method("their-detector", schema="points5", trained_on=["dots:train"])
class TheirDetector(Method):
    """Somebody's detector: the middle of the box for every landmark; it never finds the third face."""

    schema = "points5"

    def predict(self, images, boxes):
        middle = (boxes[:, :2] + boxes[:, 2:]) / 2
        out = np.repeat(middle[:, None], 5, axis=1) + np.arange(5)[None, :, None]
        if len(out) > 2:
            out[2] = np.nan
        return out
'''


@pytest.fixture(scope="module")
def places(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Path]]:
    folder = tmp_path_factory.mktemp("author")
    with catalogue.temporarily():
        if "dot-net" not in catalogue["method"]:
            catalogue.load_file(PLUGIN)
        for name, code in (("my_net", NET), ("theirs", FOREIGN)):
            (folder / f"{name}.py").write_text(code)
            catalogue.load_file(folder / f"{name}.py")
        root = sys.modules["pfbench_plugin_dots"].make_root(folder / "dots", {"train": 12, "test": 5})
        yield {"data_root": root, "out": folder / "runs", "store": folder / "store"}


def test_a_network_without_a_recipe_of_its_own(places):
    sets = ["image_size=64", "train.epochs=1", "train.batch_size=4", "method.backbone=resnet10t", "log.pictures=0"]
    result = pf.run("my-net", "dots", profile="quick", device="cpu", overrides=sets, **places)
    assert result.document["n"] == 5
    assert result.document["cost"]["parameters"] > 4e6
    model = pf.load_model(result.folder)
    assert model.features.channels == [64, 64, 128, 256, 512]
    assert result.table().loc["full", "NME"] > 0
    assert len(result.worst(2).ids) == 2


def test_a_detector_from_elsewhere(places):
    result = pf.run("their-detector", "dots", device="cpu", **places)
    document = json.loads((result.folder / "result.json").read_text())
    assert document["n"] == 4
    assert [face["id"] for face in document["excluded"]] == ["test002"]
    assert "did not find" in document["excluded"][0]["reason"]
    assert document["trained_on"] == ["dots:train"]
    assert document["contaminated"] is False
    assert document["cost"]["ms_per_face"] > 0
    seen = pf.run("their-detector", "dots", device="cpu", split="train", **places)
    assert seen.document["contaminated"] is True
