"""The backbone example-plugin keeps to the contract and gives the right shapes."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from parface_bench.registry import BACKBONES, catalogue
from parface_bench.testing import check_plugin


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in BACKBONES:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


def test_conforms() -> None:
    check_plugin("backbone", "example-plugin")


@pytest.mark.parametrize("size", [64, 96])
def test_resolution_falls_as_stated(size: int) -> None:
    network = BACKBONES.build("example-plugin")
    maps = network(torch.rand(2, 3, size, size))
    assert [m.shape[-1] for m in maps] == [size // r for r in network.reductions]


def test_vector() -> None:
    network = BACKBONES.build("example-plugin", features_only=False)
    assert network(torch.rand(2, 3, 64, 64)).shape == (2, network.channels[0])
