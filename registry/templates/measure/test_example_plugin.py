"""The measure example-plugin keeps to the contract and gives the right numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parface_bench.registry import MEASURES, catalogue
from parface_bench.testing import check_plugin, sample_shapes


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in MEASURES:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


def test_conforms() -> None:
    check_plugin("measure", "example-plugin")


def test_value_by_hand() -> None:
    shapes = sample_shapes()
    corners = shapes.points[:, [48, 54]]
    width = np.hypot(*np.moveaxis(corners[:, 1] - corners[:, 0], 1, 0))
    np.testing.assert_allclose(MEASURES.get("example-plugin")(shapes), width)
