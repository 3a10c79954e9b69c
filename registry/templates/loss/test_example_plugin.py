"""The loss example-plugin keeps to the contract and gives the right numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from parface_bench.registry import LOSSES, catalogue
from parface_bench.testing import check_plugin


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in LOSSES:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


def test_conforms() -> None:
    check_plugin("loss", "example-plugin")


def test_value_by_hand() -> None:
    target = torch.zeros(2, 4, 2)
    prediction = target + torch.tensor([3.0, 4.0])  # every landmark 5 px away
    torch.testing.assert_close(LOSSES.build("example-plugin", weight=2.0)(prediction, target), torch.tensor(10.0))
