"""The metric example-plugin keeps to the contract and gives the right numbers."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from parface_bench.registry import METRICS, catalogue
from parface_bench.testing import check_plugin, sample_faces


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in METRICS:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


def test_conforms() -> None:
    check_plugin("metric", "example-plugin")


def test_value_by_hand() -> None:
    faces = sample_faces(error=0.0)  # normalising distance 100 px
    assert faces.schema is not None
    moved = faces.landmarks.copy()
    moved[:, faces.schema.region("mouth"), 0] += 3.0  # px: 3 %
    moved[:, faces.schema.region("jaw"), 0] += 50.0  # must not count
    np.testing.assert_allclose(METRICS.get("example-plugin")(replace(faces, predicted=moved)), 3.0)
