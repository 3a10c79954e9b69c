"""The decoder example-plugin keeps to the contract and gives the right numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from parface_bench.data.heatmaps.codecs import HeatmapCodec
from parface_bench.registry import DECODERS, catalogue
from parface_bench.testing import check_plugin


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in DECODERS:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


def test_conforms() -> None:
    check_plugin("decoder", "example-plugin")


def test_value_by_hand() -> None:
    maps = torch.zeros(1, 1, 16, 16)
    maps[0, 0, 5, 3] = maps[0, 0, 5, 4] = 1.0  # row y, column x
    torch.testing.assert_close(DECODERS.get("example-plugin")(maps), torch.tensor([[[3.5, 5.0]]]))


def test_a_codec_uses_it() -> None:
    codec = HeatmapCodec.named("gaussian", decoder="example-plugin")
    points = torch.tensor([[[30.0, 34.0]]])
    torch.testing.assert_close(codec.decode(codec.encode(points, 64), 64), points, atol=0.1, rtol=0)
