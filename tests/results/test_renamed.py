"""Results recorded on data that bear another name today."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from parface_bench.results.provenance import config_hash
from parface_bench.results.renamed import name_today, under_todays_name
from parface_bench.results.result import load_result

RECORDED = Path(__file__).parents[2] / "leaderboards" / "palsy-twin"
V1 = "af10f5a3ed22bbae"


@pytest.mark.skipif(not RECORDED.is_dir(), reason="the recorded results are not beside the tests")
def test_what_was_recorded_on_version_1_of_the_twin_is_shown_under_its_name() -> None:
    seen = 0
    for file in sorted(RECORDED.glob("*/*/result.json")):
        raw = json.loads(file.read_text())
        if raw["data_fingerprint"] != V1:
            continue
        seen += 1
        document = load_result(file).document
        assert document["dataset"] == document["config"]["dataset"] == "palsy-twin-v1"
        assert document["config_hash"] == config_hash(document["config"])
        assert not any(name.startswith("palsy-twin:") for name in document["trained_on"])
        assert (document["subsets"], document["command"]) == (raw["subsets"], raw["command"])
    assert seen >= 20


def test_other_data_of_the_same_name_keep_it() -> None:
    assert name_today("palsy-twin", V1) == "palsy-twin-v1"
    assert name_today("palsy-twin", "0" * 16) == "palsy-twin"
    assert name_today("300w", V1) == "300w"
    document = {"dataset": "palsy-twin", "data_fingerprint": "0" * 16, "trained_on": ["palsy-twin:train"]}
    assert under_todays_name(document) is document
