"""Effects within pairs against tables whose differences are known."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from parface_bench.api import run
from parface_bench.clinical.paired import METRIC, add_pairs, pair_effects, pair_table
from parface_bench.faces import get_schema
from parface_bench.leaderboard.table import Selection
from parface_bench.leaderboard.views import tables_of
from parface_bench.plugins.datasets.palsy_twin import storage

SCHEMA = get_schema("ibug68")


def tables(pairs: int = 40, gain: float = 0.5, affected_gain: float = 0.0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Errors and index of pairs; the changed face has ``gain`` more error, its affected side yet more."""
    rng = np.random.default_rng(0)
    plain = 3 + rng.normal(size=(pairs, 68)) * 0.1
    side = np.where(np.arange(pairs) % 2 == 0, "left", "right")
    ill = plain + gain + affected_gain * (np.asarray(SCHEMA.side)[None] == side[:, None])
    marks = np.stack([plain, ill], axis=1).reshape(2 * pairs, 68)
    changed = np.tile([False, True], pairs)
    errors = pd.DataFrame({"id": [f"f{k}" for k in range(2 * pairs)], "nme": marks.mean(axis=1)})
    errors = pd.concat([errors, pd.DataFrame(marks, columns=[f"e{k}" for k in range(68)])], axis=1)
    sides = np.repeat(side, 2)
    for name, mask in {
        "healthy": ~changed,
        "palsy_side=left": changed & (sides == "left"),
        "palsy_side=right": changed & (sides == "right"),
        "smile": np.repeat(np.arange(pairs) % 3 == 0, 2),
    }.items():
        errors[f"subset:{name}"] = mask
    index = pd.DataFrame({"id": errors["id"], "split": "paired", "pair": np.repeat(np.arange(pairs), 2)})
    index["healthy"], index["person"] = ~changed, index["pair"] // 2
    index.attrs["dataset"] = "palsy-twin"
    return errors, index


def test_a_known_difference_is_found_by_region_and_side() -> None:
    errors, index = tables(gain=0.5, affected_gain=1.0)
    found = pair_effects(errors, index, "healthy", SCHEMA)
    assert found["n"] == 40 and set(found["groups"]) == {"full", "palsy_side=left", "palsy_side=right"}
    full = found["groups"]["full"]
    assert full["NME"]["difference"]["value"] == pytest.approx(0.5 + 29 / 68)
    assert full["affected side"]["difference"]["value"] == pytest.approx(1.5)
    assert full["other side"]["difference"]["value"] == pytest.approx(0.5)
    assert full["NME"]["without"] == pytest.approx(3, abs=0.02)
    assert full["NME"]["percent"] == pytest.approx(100 * full["NME"]["difference"]["value"] / full["NME"]["without"])
    assert full["NME"]["p"] == pytest.approx(1 / 2001, abs=1e-3)


def test_effects_are_given_again_within_a_tag() -> None:
    errors, index = tables()
    index["clinic"] = np.repeat(np.arange(40) < 12, 2)
    groups = pair_effects(errors, index, "healthy", SCHEMA, "clinic")["groups"]
    assert groups["clinic"]["NME"]["n"] == 12 and groups["clinic & palsy_side=left"]["NME"]["n"] == 6


def test_without_an_effect_the_interval_holds_nought_and_the_test_does_not_reject() -> None:
    errors, index = tables(gain=0.0)
    errors["nme"] += np.random.default_rng(1).normal(size=len(errors))
    one = pair_effects(errors, index, "healthy", SCHEMA)["groups"]["full"]["NME"]
    low, high = one["difference"]["ci95"]
    assert low < 0 < high and one["p"] > 0.05


def test_faces_without_their_partner_are_in_no_number() -> None:
    errors, index = tables()
    found = pair_effects(errors.drop(index=[0, 5]).reset_index(drop=True), index, "healthy", SCHEMA)
    assert found["n"] == 38


def test_the_document_gets_a_metric_and_the_table_a_row_a_group() -> None:
    errors, index = tables()
    document = {"schema": "ibug68", "subsets": {"full": {"n": 80}, "palsy_side=left": {"n": 20}, "healthy": {"n": 40}}}
    add_pairs(document, errors, index)
    assert document["subsets"]["full"][METRIC]["value"] == pytest.approx(0.5)
    assert METRIC in document["subsets"]["palsy_side=left"] and METRIC not in document["subsets"]["healthy"]
    lines = pair_table(document).splitlines()
    assert "40 pairs" in lines[0] and [line.split()[0] for line in lines[3:]] == list(document["pairs"]["groups"])


def test_data_without_declared_pairs_are_left_as_they_are() -> None:
    errors, index = tables()
    index.attrs["dataset"] = "300w"
    document: dict = {"subsets": {"full": {"n": 80}}}
    add_pairs(document, errors, index)
    assert document == {"subsets": {"full": {"n": 80}}}
    assert pair_table(document) == ""


def test_one_command_gives_the_effect_of_palsy_alone_and_a_column_of_the_leaderboard(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(storage, "PART", 24)
    sizes = ["dataset.paired=24", "dataset.train=24", "dataset.image_size=64", "log.pictures=0"]
    result = run(
        "mean-shape", "palsy-twin:paired", profile="quick", out=tmp_path, store=tmp_path / "store", overrides=sizes
    )
    document = result.document
    assert document["split"] == ["paired"] and document["pairs"]["n"] == 12
    errors = result.errors()
    nme = errors["nme"].to_numpy()
    assert document["subsets"]["full"][METRIC]["value"] == pytest.approx((nme[1::2] - nme[::2]).mean())
    table = tables_of(tmp_path / "store", Selection("palsy-twin:paired"))[0]
    assert table.dataset == "palsy-twin:paired" and METRIC in {column.metric for column in table.columns}
