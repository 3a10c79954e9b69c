"""Cost of a method, against a network whose parameters, operations and tensors can be counted by hand."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest
import torch
from torch import nn
from typer.testing import CliRunner

from parface_bench.cli.main import build_app
from parface_bench.methods.base import Method
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import UserError
from parface_bench.runs.cost import BATCH, build_for_cost, measure

SIZE, CHANNELS, POINTS = 64, 8, 68


class Tiny(TrainableMethod):
    def __init__(self):
        super().__init__()
        self.conv = nn.Conv2d(3, CHANNELS, 3, padding=1)
        self.head = nn.Linear(CHANNELS, 2 * POINTS)
        self.image_size = SIZE

    def forward(self, images):
        return self.head(self.conv(images).mean(dim=(2, 3)))

    def decode(self, output):
        return output.reshape(-1, POINTS, 2)


class Slow(Method):
    def predict(self, images, boxes):
        assert len(images) == len(boxes) and images[0].dtype == np.uint8
        time.sleep(0.002 * len(images))
        return np.zeros((len(images), POINTS, 2))


def test_a_counted_network():
    cost = measure(Tiny(), seconds=0.0)
    assert cost["parameters"] == (3 * 9 + 1) * CHANNELS + (CHANNELS + 1) * 2 * POINTS
    assert cost["gflops"] == pytest.approx(2e-9 * (SIZE**2 * 27 * CHANNELS + CHANNELS * 2 * POINTS), rel=1e-12)
    weights = 4 * cost["parameters"]
    pictures, maps = BATCH * 3 * SIZE**2, BATCH * CHANNELS * SIZE**2
    # float pictures and feature maps live together; the pictures' uint8 version at most beside them
    least, most = weights + 4 * (pictures + maps), weights + 4 * (2 * pictures + maps) + 2**20
    assert least <= cost["peak_memory_mib"] * 2**20 <= most
    assert cost["image_size"] == SIZE and cost["device"] == "cpu" and cost["ms_per_face_batch32"] > 0


def test_a_detector_from_elsewhere_is_only_timed():
    cost = measure(Slow(), seconds=0.0)
    assert (cost["parameters"], cost["gflops"], cost["peak_memory_mib"], cost["image_size"]) == (None,) * 4
    assert cost["ms_per_face"] >= 2.0 and cost["ms_per_face_batch32"] >= 2.0


def test_training_mode_and_random_numbers_are_left_alone():
    method = Tiny().train()
    state = torch.get_rng_state()
    measure(method, seconds=0.0)
    assert method.training and torch.equal(torch.get_rng_state(), state)


def test_the_command_prints_one_document():
    done = CliRunner().invoke(build_app(), ["cost", "regression", "--image-size", "32", "--seconds", "0", "--json"])
    found = json.loads(done.stdout)
    assert found["method"] == "regression" and found["image_size"] == 32 and found["gflops"] > 0
    assert set(found) >= {"parameters", "ms_per_face", "ms_per_face_batch32", "peak_memory_mib"}


def test_unknown_methods_and_misplaced_options_are_refused(tmp_path):
    with pytest.raises(UserError, match=r"unknown method 'regresion'; did you mean 'regression'"):
        build_for_cost("regresion")
    (tmp_path / "checkpoint.pt").write_bytes(b"")
    with pytest.raises(UserError, match="leave --image-size and --set out"):
        build_for_cost(str(tmp_path), image_size=64)
