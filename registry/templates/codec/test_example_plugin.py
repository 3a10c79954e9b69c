"""The codec example-plugin keeps to the contract and gives the right numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from parface_bench.data.heatmaps.codecs import HeatmapCodec
from parface_bench.registry import CODECS, catalogue
from parface_bench.testing import check_plugin


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in CODECS:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


def test_conforms() -> None:
    check_plugin("codec", "example-plugin")


def test_there_and_back() -> None:
    codec = HeatmapCodec.named("example-plugin", size=32)
    points = torch.tensor([[[20.0, 30.0], [41.5, 22.25]]])
    maps = codec.encode(points, 64)
    assert maps.shape == (1, 2, 32, 32)
    torch.testing.assert_close(codec.decode(maps, 64), points, atol=0.1, rtol=0)
