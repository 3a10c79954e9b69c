"""Tables: what is ranked together, by hand-made results whose order, best and ties are known."""

from __future__ import annotations

import statistics
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parface_bench.leaderboard.board import build_tables, group_of
from parface_bench.leaderboard.render import render
from parface_bench.leaderboard.table import Selection
from parface_bench.registry import PluginWarning, UserError
from parface_bench.results.record import complete
from parface_bench.results.result import Result
from parface_bench.results.store import read_store


def tables(*documents, extra=(), **selection):
    results = [Result(complete(d), Path()) for d in documents]
    return build_tables(results, Selection(**selection), extra)


def cell(table, method, metric="NME", subset="full"):
    return next(r for r in table.rows if r.method == method).cells[subset, metric]


def test_order_and_best_follow_the_direction(make):
    [table] = tables(make("c", 4.0), make("a", 3.0, half=0.1), make("b", 3.05))
    assert [(r.rank, r.method) for r in table.rows] == [(1, "a"), (2, "b"), (3, "c")]
    assert [cell(table, m).best for m in "abc"] == [True, False, False]
    assert cell(table, "a", "AUC@10").best and not cell(table, "c", "AUC@10").best
    assert cell(table, "a").spread == pytest.approx(0.1)


@pytest.mark.parametrize("key", ["protocol_version", "data_fingerprint", "protocol", "dataset"])
def test_rows_of_different_truth_are_never_ranked_together(make, key):
    other = {"protocol_version": 2, "data_fingerprint": "f" * 16, "protocol": "other", "dataset": "other"}[key]
    found = tables(make("a", 3.0), make("b", 2.0, **{key: other}))
    assert len(found) == 2
    assert all(len(t.rows) == 1 and t.rows[0].rank == 1 for t in found)
    assert found[0].heading != found[1].heading


def test_seeds_give_their_mean_and_the_newest_run_of_a_seed_counts(make):
    values = [3.0, 3.1, 3.5]
    documents = [make("a", v, seed=s, config={"lr": 1, "seed": s}) for s, v in enumerate(values)]
    stale = make("a", 9.0, seed=0, config={"lr": 1})
    [table] = tables(stale, *documents)
    assert len(table.rows) == 1 and table.rows[0].seeds == 3 and table.older == 1
    assert cell(table, "a").value == pytest.approx(statistics.mean(values))


def test_seeds_that_change_nothing_count_as_one_run(make):
    """A method in which nothing is random keeps the interval over faces: 0.000 would look like certainty."""
    [table] = tables(*(make("a", 3.0, half=0.1, seed=s, config={"lr": 1, "seed": s}) for s in range(3)))
    assert table.rows[0].seeds == 1 and len(table.rows[0].runs) == 3
    assert cell(table, "a").spread == pytest.approx(0.1)


def test_configurations_of_one_method_are_rows_that_can_be_told_apart(make):
    [table] = tables(
        make("a", 3.0, config={"lr": 1}, profile="quick"),
        make("a", 2.9, config={"lr": 2}, profile="quick"),
        make("a", 2.0, config={"lr": 1, "epochs": 9}, profile="full"),
    )
    names = [r.config for r in table.rows]
    assert len(set(names)) == 3 and names[0] == "full" and names[1].startswith("quick ")


def test_contaminated_rows_are_marked_and_neither_ranked_nor_best(make):
    [table] = tables(make("clean", 3.0), make("seen", 1.0, trained_on=["toy:test"], split="test"))
    seen = next(r for r in table.rows if r.method == "seen")
    assert seen.contaminated and seen.rank is None and not cell(table, "seen").best
    assert cell(table, "clean").best and next(r for r in table.rows if r.method == "clean").rank == 1


def test_columns_are_full_metrics_and_main_metric_of_subsets(make):
    [table] = tables(make("a"))
    names = [(c.subset, c.metric) for c in table.columns]
    assert names == [("full", "NME"), ("full", "FR@10"), ("full", "AUC@10"), ("hard", "NME")]
    [table] = tables(make("a"), subsets=["hard"])
    assert [(c.subset, c.metric) for c in table.columns] == [("hard", "NME"), ("hard", "AUC@10")]
    [table] = tables(make("a"), metrics=["AUC@10"])
    assert [(c.subset, c.metric) for c in table.columns] == [("full", "AUC@10"), ("hard", "AUC@10")]


def test_a_subset_that_is_the_whole_set_is_no_column_unless_asked_for(make):
    document = make("a")
    document["subsets"]["all-of-them"] = document["subsets"]["full"]
    document["subsets"]["balanced"] = {**document["subsets"]["full"], "NME": {"value": 3.3}}
    names = {c.subset for c in tables(document)[0].columns}
    assert names == {"full", "hard", "balanced"}
    assert {c.subset for c in tables(document, subsets=["all-of-them"])[0].columns} == {"all-of-them"}


def test_a_metric_that_only_some_results_have_is_a_column_with_gaps(make):
    more = make("b", 2.0)
    more["subsets"]["full"]["nme-mouth"] = {"value": 1.5, "ci95": None}
    more["metrics"] = {**more["metrics"], "nme-mouth": {"higher_is_better": False, "unit": "%"}}
    [table] = tables(make("a"), more)
    assert cell(table, "b", "nme-mouth").best and cell(table, "a", "nme-mouth").value is None


def test_a_metric_of_unknown_direction_is_never_ranked(make):
    document = make("a")
    document["subsets"]["full"]["odd"] = {"value": 1.5}
    del document["metrics"]
    [table] = tables(document)
    assert not cell(table, "a", "odd").best
    assert next(c for c in table.columns if c.metric == "odd").higher_is_better is None
    assert next(c for c in table.columns if c.metric == "AUC@10").higher_is_better is True


def test_missing_values_come_last(make):
    gap = make("gap")
    gap["subsets"]["full"]["NME"] = {"value": None, "ci95": None}
    [table] = tables(gap, make("a"))
    assert [(r.method, r.rank) for r in table.rows] == [("a", 1), ("gap", None)]


def test_cost_and_plugin_columns_on_request(make):
    document = make("a", cost={"parameters": 2e6, "gflops": None}, config={"depth": 18})
    [table] = tables(document, cost=True, extra=[("depth", lambda d: d["config"]["depth"])])
    assert table.cost == ["parameters"] and table.rows[0].cost["parameters"] == 2e6
    assert table.rows[0].extra == {"depth": 18}
    assert tables(document)[0].cost == []
    with pytest.warns(PluginWarning, match=r"column 'odd' is broken: KeyError"):
        [table] = tables(document, extra=[("odd", lambda d: d["nothing"]), ("even", lambda d: 2)])
    assert table.rows[0].extra == {"odd": None, "even": 2}


@pytest.mark.parametrize(
    ("selection", "sentence"),
    [
        ({"dataset": "toi"}, "no results for data set 'toi'; did you mean 'toy'"),
        ({"protocol": "toy-protocl"}, "did you mean 'toy-protocol'"),
        ({"subsets": ["herd"]}, "no results for subset 'herd'; did you mean 'hard'"),
        ({"metrics": ["NMEE"]}, "no results for metric 'NMEE'; did you mean 'NME'"),
    ],
)
def test_unknown_names_suggest_the_nearest(make, selection, sentence):
    with pytest.raises(UserError, match=sentence):
        tables(make("a"), **selection)


@given(st.lists(st.tuples(st.floats(0.1, 50), st.booleans()), min_size=1, max_size=8))
@settings(deadline=None, max_examples=30)
def test_ranks_best_and_ties_hold_for_any_results(values):
    def document(i, nme, seen):
        row = {"n": 5, "NME": {"value": nme, "ci95": [nme * 0.9, nme * 1.1]}}
        return {
            "method": f"m{i}",
            "dataset": "toy",
            "data_fingerprint": "0" * 16,
            "protocol": "p",
            "protocol_version": 1,
            "n": 5,
            "subsets": {"full": row},
            "metrics": {"NME": {"higher_is_better": False, "unit": "%"}},
            "contaminated": seen,
        }

    [table] = tables(*[document(i, nme, seen) for i, (nme, seen) in enumerate(values)])
    assert len(table.rows) == len(values)
    clean = sorted(nme for nme, seen in values if not seen)
    ranked = [r.cells["full", "NME"].value for r in table.rows if r.rank is not None]
    assert ranked == clean and sorted(r.rank for r in table.rows if r.rank) == list(range(1, len(clean) + 1))
    for row in table.rows:
        c = row.cells["full", "NME"]
        assert c.best == (not row.contaminated and c.value == clean[0])
        assert not c.tied  # there are no per-face errors to tell


def test_rows_on_other_landmarks_or_crops_are_ranked_apart(make):
    """68 of 98 landmarks, or crops by landmarks where the protocol gives boxes: a table of its own."""
    facts = {"protocol": "wflw", "dataset": "wflw", "protocol_crop": "given"}
    breakdown = {"full": {"landmark": [1.0] * 68 + [None] * 30}}
    results = [
        Result(complete(make(name, nme, **facts, **more)), Path(name))
        for name, nme, more in (
            ("all", 5.0, {"crop": {"mode": "given"}}),
            ("some", 4.0, {"unmapped": list(range(68, 98)), "breakdown": breakdown}),
            ("sees-truth", 3.0, {"crop": {"mode": "lm_ground_truth"}}),
        )
    ]
    tables = build_tables(results, Selection())
    assert [[(r.rank, r.method) for r in t.rows] for t in tables] == [[(1, "all")], [(1, "some")], [(1, "sees-truth")]]
    assert [t.apart for t in tables] == [
        "",
        "68 of 98 landmarks",
        "crop lm_ground_truth instead of the protocol's",
    ]
    assert "68 of 98 landmarks" in tables[1].heading
    assert "Ranked apart: 68 of 98 landmarks." in render(tables, "md")


def test_a_crop_of_version_01_is_told_by_its_recipe(make):
    def document(mode):
        config = {"train": True, "recipe": {"crop": {"mode": mode}}}
        return make("m", config=config, protocol="300w", dataset="300w")

    modes = [group_of(document(mode)).crop for mode in ("auto", "bb_ground_truth", "lm_ground_truth")]
    assert modes == ["", "", "lm_ground_truth"]


def test_a_part_of_a_data_set_is_said_in_the_heading(make):
    facts = {"protocol": "300w", "dataset": "300w", "split": ["full"]}
    subsets = {"full": {"n": 1, "NME": {"value": 3.0}}}
    documents = [complete(make("m", **facts, n=n, subsets={"full": {**subsets["full"], "n": n}})) for n in (330, 689)]
    part, whole = (build_tables([Result(d, Path())], Selection())[0] for d in documents)
    assert "330 of 689 faces" in part.heading
    assert "689 faces" in whole.heading and " of " not in whole.heading


def test_the_rows_of_version_01_rank_as_they_did():
    """The rows of leaderboards/ that version 0.1 recorded: one table a data set, none apart."""
    recorded = read_store(Path(__file__).parents[2] / "leaderboards").results
    old = [result for result in recorded if result.document["created"] < "2026-11-24"]
    tables = build_tables(old, Selection())
    names = {(t.dataset, t.apart): [r.method for r in t.rows if r.rank] for t in tables if t.dataset == "300w"}
    first = ["heatmap", "integral", "regression", "mediapipe-mesh", "parface", "3fabrec", "mean-shape"]
    assert names == {("300w", ""): first}
