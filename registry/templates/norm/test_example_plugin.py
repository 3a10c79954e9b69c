"""The normalising distance example-plugin keeps to the contract and gives the right numbers."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from parface_bench.registry import NORMS, catalogue
from parface_bench.scoring import evaluate
from parface_bench.testing import check_plugin, sample_faces


@pytest.fixture(scope="module", autouse=True)
def plugin() -> None:
    if "example-plugin" not in NORMS:  # not installed
        catalogue.load_file(Path(__file__).with_name("example_plugin.py"))


def test_conforms() -> None:
    check_plugin("norm", "example-plugin")


def test_scores_over_it(tmp_path: Path) -> None:
    truth = sample_faces().landmarks.copy()
    truth[:, 48], truth[:, 54] = (10.0, 50.0), (60.0, 50.0)  # the mouth corners of 68 points: 50 px apart
    protocol = tmp_path / "mine.yaml"
    protocol.write_text("{base: 300w, name: mine, version: 1, norm: example-plugin}")
    found = evaluate(truth, truth + np.array([3.0, 4.0]), protocol)  # every landmark is 5 px off: 10 %
    assert found.document["subsets"]["full"]["NME"]["value"] == pytest.approx(10.0)
