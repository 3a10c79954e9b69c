"""The method example-plugin keeps to the contract and learns."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from parface_bench import TrainableMethod
from parface_bench.methods.build import build_method
from parface_bench.methods.recipe import compose
from parface_bench.registry import METHODS, catalogue
from parface_bench.testing import check_plugin, sample_batch


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in METHODS:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


def test_conforms() -> None:
    check_plugin("method", "example-plugin")


def test_learns_two_faces_by_heart() -> None:
    torch.manual_seed(0)
    recipe = compose("example-plugin", "", "quick", ["image_size=64", "method.backbone=test_resnet"])
    network = build_method("example-plugin", "points5", recipe)
    assert isinstance(network, TrainableMethod)
    network.train()
    batch = sample_batch("points5", size=64, codec=network.codec)
    optimizer = torch.optim.Adam(network.parameters(), lr=1e-3)
    losses = []
    for _ in range(80):
        optimizer.zero_grad()
        loss = network.loss(batch)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]
    # with the statistics of the two faces (train mode), since so few steps teach batch norm none of its own
    error = (network.predict_crops(batch.images) - batch.landmarks).norm(dim=-1)
    assert error.mean().item() < 4.0  # crop pixels; the middle of the crop is 14 px away
