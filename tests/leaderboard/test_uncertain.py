"""± and ties in a board: an interval over faces and seeds, and a paired comparison with the best row."""

from __future__ import annotations

import json
import os

import numpy as np
import pytest
from scipy import stats

from parface_bench.leaderboard import uncertain
from parface_bench.leaderboard.grids import standing, table_grid
from parface_bench.leaderboard.render import FORMATS
from parface_bench.leaderboard.table import Selection
from parface_bench.leaderboard.views import show, tables_of
from parface_bench.results.record import record
from parface_bench.results.store_index import StoreIndex

N = 60


@pytest.fixture
def store(tmp_path, monkeypatch):
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "home"))
    return tmp_path / "store"


@pytest.fixture
def faces():
    return np.random.default_rng(0).gamma(3, 1, N) + 1


def cells(store, metric="NME", subset="full", **selection):
    [table] = tables_of(store, Selection(**selection))
    return {row.method: row.cells[subset, metric] for row in table.rows}, table


def test_one_run_has_the_recorded_interval_over_faces(honest, store, faces):
    document, errors = honest("one", faces)
    record(document, errors, store)
    found, _ = cells(store)
    assert list(found["one"].interval) == document["subsets"]["full"]["NME"]["ci95"]
    assert found["one"].spread == pytest.approx(1.96 * faces.std(ddof=1) / np.sqrt(N))


def test_seeds_that_shift_all_faces_alike_widen_it_by_their_t_interval(honest, store, faces):
    levels = np.array([0.0, 0.5, 0.2])
    for seed, level in enumerate(levels):
        record(*honest("moved", faces + level, seed=seed), store)
    found, table = cells(store)
    halves = [np.diff(stats.ttest_1samp(x, 0).confidence_interval(0.95))[0] / 2 for x in (faces, levels)]
    assert found["moved"].spread == pytest.approx(np.hypot(*halves)) and table.rows[0].seeds == 3
    assert found["moved"].value == pytest.approx(faces.mean() + levels.mean())
    assert cells(store, subset="hard")[0]["moved"].spread == pytest.approx(
        np.hypot(np.diff(stats.ttest_1samp(faces[::2], 0).confidence_interval(0.95))[0] / 2, halves[1])
    )


def test_equal_runs_are_one_run(honest, store, faces):
    for seed in range(3):
        record(*honest("same", faces, seed=seed), store)
    found, table = cells(store)
    assert table.rows[0].seeds == 1
    assert found["same"].spread == pytest.approx(1.96 * faces.std(ddof=1) / np.sqrt(N))


def test_a_tie_is_a_paired_comparison_not_an_overlap(honest, store, faces):
    """A shift of all faces alike is clear however wide the intervals; one drowned in noise is not."""
    noise = np.random.default_rng(1).normal(0, 3, N)
    for name, nme in (("best", faces), ("shifted", faces + 0.05), ("noisy", faces + 0.3 + noise - noise.mean())):
        record(*honest(name, nme), store)
    found, _ = cells(store)
    assert found["best"].best and found["best"].interval[1] > found["noisy"].value
    assert {name: cell.tied for name, cell in found.items()} == {"best": False, "shifted": False, "noisy": True}
    text = show(store, Selection())
    assert "≈: no clear difference from the best: the 95 % interval of the paired difference" in text


def test_ties_take_seeds_into_account(honest, store, faces):
    """0.05 is clear for one pair of runs; where each method's seeds differ by as much, it is not."""
    for name, level in (("a", 0.0), ("b", 0.05)):
        for seed, shift in enumerate((0.0, 0.1, -0.1)):
            record(*honest(name, faces + level + shift, seed=seed), store)
    assert cells(store)[0]["b"].tied


def test_rows_that_cannot_be_paired_do_not_tie(honest, store, faces):
    record(*honest("best", faces), store)
    other, errors = honest("other-faces", faces + 0.001)
    record(other, errors.assign(id="x" + errors["id"]), store)
    record(honest("no-errors", faces + 0.001)[0], None, store)
    short, errors = honest("short", faces + 0.001)
    record(short, errors.iloc[:-1], store)
    found, _ = cells(store)
    assert not any(cell.tied for cell in found.values())
    text = show(store, Selection())
    assert "no-errors: not compared with the best, so no ≈: " in text and "holds no errors.parquet" in text
    assert "short: not compared with the best, so no ≈: 59 per-face errors are recorded, 60 faces were scored" in text


def test_without_errors_seeds_get_the_recorded_intervals_and_their_spread(honest, store, faces):
    levels = np.array([0.0, 0.5, 0.2])
    for seed, level in enumerate(levels):
        record(honest("bare", faces + level, seed=seed)[0], None, store)
    found, _ = cells(store)
    over_faces = 1.96 * faces.std(ddof=1) / np.sqrt(N)
    over_seeds = np.diff(stats.ttest_1samp(levels, 0).confidence_interval(0.95))[0] / 2
    assert found["bare"].spread == pytest.approx(np.hypot(over_faces, over_seeds), rel=1e-4)
    assert "± from each run's recorded interval and the spread of the seeds" in show(store, Selection())


def test_every_format_says_what_the_sign_means(honest, store, faces):
    for name, level in (("a", 0.0), ("b", 0.01)):
        for seed in range(2):
            record(*honest(name, faces + level * seed, seed=seed), store)
    for form in set(FORMATS) - {"csv"}:
        assert "half the 95" in show(store, Selection(), form=form), form
    [table] = json.loads(show(store, Selection(), form="json"))
    cell = table["rows"][0]["values"]["full"]["NME"]
    assert cell["interval"] == pytest.approx([cell["value"] - cell["spread"], cell["value"] + cell["spread"]])


def test_what_was_worked_out_is_kept_until_a_file_changes(honest, store, faces, monkeypatch):
    for name, level in (("a", 0.0), ("b", 0.01)):
        for seed in range(3):
            record(*honest(name, faces + level + 0.1 * seed, seed=seed), store)
    first = show(store, Selection(), form="json")

    def refuse(*_):
        raise AssertionError("the errors were read again")

    with monkeypatch.context() as patch:
        patch.setattr(uncertain, "per_face", refuse)
        assert show(store, Selection(), form="json") == first
        show(store, Selection())
    changed = next(store.rglob("errors.parquet"))
    os.utime(changed, ns=(1, 1))
    monkeypatch.setattr(uncertain, "per_face", refuse)
    with pytest.raises(AssertionError, match="read again"):
        show(store, Selection())


def test_what_nothing_asks_for_any_more_is_dropped(honest, store, faces):
    index = StoreIndex(store)
    index.remember({f"old{i}": "{}" for i in range(500)})
    for seed in range(2):
        record(*honest("a", faces + seed, seed=seed), store)
    show(store, Selection(metrics=["NME"]))
    assert len(index.recall()) > 500
    show(store, Selection())
    assert not any(key.startswith("old") for key in index.recall()) and index.recall()


def test_where_a_run_stands_is_a_plain_sentence(honest, store, faces):
    for number in range(12):
        record(*honest(f"m{number:02}", faces + number, seed=0), store)
    [table] = tables_of(store, Selection())
    runs = {row.method: row.runs[0] for row in table.rows}
    second = f"2nd of 12 on toy (60 faces) by NME, {faces.mean() + 1:.3f}; the 1st is m00, {faces.mean():.3f}."
    assert standing(table, runs["m01"]) == second
    assert standing(table, runs["m00"]).startswith("1st of 12") and "the 2nd is m01" in standing(table, runs["m00"])
    assert [standing(table, runs[f"m{k}"]).split()[0] for k in (10, 11)] == ["11th", "12th"]
    assert standing(table, "another") == ""


def test_the_first_screen_holds_ten_rows_and_says_how_many_more(honest, store, faces):
    for number in range(12):
        record(*honest(f"m{number:02}", faces + number, seed=0), store)
    [table] = tables_of(store, Selection())
    grid = table_grid(table)
    assert len(grid.rows) == 10 and grid.notes[-1] == "2 more rows: --all shows them."
    own = table_grid(table, around=table.rows[11].runs[0])
    assert len(own.rows) == 11 and "m11" in own.rows[-1][1].text and own.notes[-1] == "1 more row: --all shows them."
    assert len(table_grid(table, chosen=True).rows) == 10 and len(table_grid(table, everything=True).rows) == 12
