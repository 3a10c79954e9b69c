"""Error against the number of labelled training faces."""

from __future__ import annotations

import json
import statistics

import pytest

from parface_bench.leaderboard.table import Selection
from parface_bench.leaderboard.views import show
from parface_bench.registry import UserError
from parface_bench.results.record import record

NME = {
    ("a", 20): (9.0, 11.0),
    ("a", 100): (5.0, 5.4),
    ("a", None): (3.0, 3.2),
    ("b", 20): (8.0, 8.4),
    ("b", None): (4.0, 4.4),
}


@pytest.fixture
def store(make, tmp_path):
    for (method, labels), values in NME.items():
        for seed, nme in enumerate(values):
            config = {"recipe": {}, "seed": seed} | ({} if labels is None else {"labels": labels})
            document = make(method, nme, config=config, seed=seed, profile="quick", labelled=labels or 2012)
            record(document, None, tmp_path / "store")
    record(make("untrained", 9.0, seed=0), None, tmp_path / "store")
    return tmp_path / "store"


def test_a_row_for_each_number_of_labels_in_the_board(store):
    [board] = json.loads(show(store, Selection(), form="json"))
    assert [(r["method"], r["config"], r["seeds"]) for r in board["rows"]][:2] == [("a", "quick", 2), ("b", "quick", 2)]
    assert ("a", "quick, 20 labels", 2) in [(r["method"], r["config"], r["seeds"]) for r in board["rows"]]


def test_series_counts_and_means(store):
    [table] = json.loads(show(store, Selection(), form="json", by="labels"))
    assert table["all_labels"] == 2012 and table["metric"] == "NME"
    assert list(table["series"]) == ["b", "a"]  # the best with the fewest labels first; no row with all labels alone
    assert [p["labels"] for p in table["series"]["a"]] == [20, 100, None]
    means = [statistics.fmean(values) for values in ((9, 11), (5, 5.4), (3, 3.2))]
    assert [p["mean"] for p in table["series"]["a"]] == pytest.approx(means)
    text = show(store, Selection(), by="labels")
    assert "all (2012)" in text and "| b" in text
    assert len(show(store, Selection(), form="csv", by="labels").splitlines()) == 11
    assert "<table>" in show(store, Selection(), form="html", by="labels")
    assert "\\toprule" in show(store, Selection(), form="latex", by="labels")


def test_the_plot(store, tmp_path):
    said = []
    show(store, Selection(), by="labels", plots=tmp_path / "plots", warn=said.append)
    [svg] = (tmp_path / "plots").glob("labels-*.svg")
    text = svg.read_text()
    assert "a, 2 seeds" in text and "all (2012)" in text and said == [f"1 plots in {tmp_path / 'plots'}"]


def test_nothing_to_draw(make, tmp_path):
    record(make("a", 3.0), None, tmp_path)
    with pytest.raises(UserError, match="no run with few labels is recorded"):
        show(tmp_path, Selection(), by="labels")
    with pytest.raises(UserError, match="--by 'label' does not exist; did you mean 'labels'"):
        show(tmp_path, Selection(), by="label")
