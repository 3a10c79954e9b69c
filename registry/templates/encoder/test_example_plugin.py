"""The encoder example-plugin keeps to the contract and gives the right numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from parface_bench.data.heatmaps.codecs import HeatmapCodec
from parface_bench.registry import ENCODERS, catalogue
from parface_bench.testing import check_plugin


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in ENCODERS:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


def test_conforms() -> None:
    check_plugin("encoder", "example-plugin")


def test_value_by_hand() -> None:
    maps = ENCODERS.get("example-plugin")(torch.tensor([[[3.0, 5.0]]]), 16, 2.0)[0, 0]
    torch.testing.assert_close(maps[5, 3], torch.tensor(0.5))  # row y, column x
    torch.testing.assert_close(maps[5, 5], 0.5 * torch.tensor(-0.5).exp())  # one sigma to the right


def test_a_codec_uses_it() -> None:
    codec = HeatmapCodec(encoder="example-plugin")
    points = torch.tensor([[[20.0, 30.0]]])
    torch.testing.assert_close(codec.decode(codec.encode(points, 64), 64), points, atol=0.05, rtol=0)
