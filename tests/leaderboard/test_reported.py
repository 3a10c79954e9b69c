"""Numbers from papers: all there, with sources, consistent, and never mixed with measured ones."""

from __future__ import annotations

import json
import re

import pytest

from parface_bench.leaderboard.reported import add_reported, load_reported
from parface_bench.leaderboard.table import Selection
from parface_bench.leaderboard.views import show
from parface_bench.registry import UserError
from parface_bench.results.record import record


def numbers():
    return {
        (entry["dataset"], row["method"], subset, metric): value
        for entry in load_reported()
        for row in entry["rows"]
        for subset, metrics in row["values"].items()
        for metric, value in metrics.items()
    }


def test_the_published_numbers_are_there():
    found = numbers()
    assert found["300w", "HRNet-W18", "challenging", "NME"] == "5.15"
    assert found["300w", "STAR", "full", "NME"] == "2.87"
    assert found["wflw", "SPIGA", "pose", "FR@10"] == "11.66"
    assert found["wflw", "AWing", "full", "AUC@10"] == "57.2"
    assert found["aflw2000-3d", "SynergyNet", "balanced", "NME"] == "3.41"
    assert found["palsy", "ParFace-Net", "full", "auc-sum50"] == "0.6281"
    assert len({key[:2] for key in found}) == 7 + 7 + 4 + 1


def test_every_row_names_its_source_and_the_weighted_mean_of_its_subsets():
    for entry in load_reported():
        assert all(row["source"] for row in entry["rows"])
        assert set(entry["faces"]) >= {s for row in entry["rows"] for s in row["values"]} - {"balanced"} - {
            s for s in entry["rows"][0]["values"] if s.startswith("yaw")
        }
    # 300W's full set is its two parts, so each row's numbers must agree with each other
    [entry] = [e for e in load_reported() if e["dataset"] == "300w"]
    for row in entry["rows"]:
        v = {s: float(m["NME"]) for s, m in row["values"].items()}
        assert (554 * v["common"] + 135 * v["challenging"]) / 689 == pytest.approx(v["full"], abs=0.02), row["method"]


def test_no_published_row_is_impossible():
    assert not [r for t in add_reported([], load_reported(), Selection()) for r in t.rows if r.impossible]


def test_reported_rows_stand_beside_tables_of_as_many_faces_unranked(make, errors, tmp_path):
    whole = make("mine", 3.5, dataset="300w", protocol="300w", n=689)
    whole["subsets"]["full"]["n"] = 689
    record(whole, errors, tmp_path)
    record(make("mine", 9.0, dataset="300w", protocol="300w", data_fingerprint="f" * 16), errors, tmp_path)
    tables = json.loads(show(tmp_path, Selection("300w"), form="json", reported=True))
    assert [(t["faces"]["full"], len(t["rows"])) for t in tables] == [(689, 8), (100, 1)]
    kinds = [(r["kind"], r["rank"], r["values"]["full"]["NME"]["best"]) for r in tables[0]["rows"]]
    assert kinds == [("measured", 1, True)] + [("reported", None, False)] * 7
    text = show(tmp_path, Selection("300w"), reported=True)
    assert "*STAR* (reported)" in text and re.search(r"Zhou et al\., STAR Loss.*arxiv", text)
    assert "| 2.87 |" in re.sub(" +", " ", text) and "2.870" not in text


def test_a_store_without_results_still_shows_what_is_reported(tmp_path):
    [table] = json.loads(show(tmp_path, Selection("wflw"), form="json", reported=True))
    assert {r["kind"] for r in table["rows"]} == {"reported"} and table["data_fingerprint"] == ""
    with pytest.raises(UserError, match="no results of these names"):
        show(tmp_path, Selection("elsewhere"), reported=True)


@pytest.mark.parametrize("form", ["md", "html", "latex", "csv", "json"])
def test_an_impossible_row_is_flagged_wherever_it_is_shown(form, tmp_path, monkeypatch):
    # A README prints this beside the log that says 67.668.
    known_bad = {"common": {"NME": "2.587", "FR@8": "0.0", "AUC@8": "44.201"}}
    entry = {
        "dataset": "300w",
        "protocol": "300w",
        "faces": {"full": 689, "common": 554},
        "rows": [{"method": "known-bad", "source": "a README", "values": known_bad}],
    }
    monkeypatch.setattr("parface_bench.leaderboard.reported.load_reported", lambda: [entry])
    text = show(tmp_path, Selection(), form=form, reported=True)
    assert "impossible" in text.lower() and "44.201" in text and "is below 1 - NME/8" in text.replace("\\", "")


def test_a_recorded_result_that_cannot_be_true_is_flagged_too(make, errors, tmp_path):
    document = make("too-good", nme=1.0)
    document["subsets"]["full"]["AUC@10"]["value"] = 99.87654321
    record(document, errors, tmp_path)
    record(make("honest"), errors, tmp_path)
    [table] = json.loads(show(tmp_path, Selection(), form="json"))
    bad, good = table["rows"]
    assert "AUC@10 = 99.8765 is above 1 - FR@10" in bad["impossible"]
    assert (bad["method"], bad["rank"]) == ("too-good", None) and (good["method"], good["rank"]) == ("honest", 1)
    assert good["values"]["full"]["NME"]["best"] and not bad["values"]["full"]["NME"]["best"]
