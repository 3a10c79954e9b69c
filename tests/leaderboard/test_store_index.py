"""The index of a store: the board is the same with and without it, whatever happens to the index or the store."""

from __future__ import annotations

import json
import shutil
import sqlite3
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path

import pytest

from parface_bench.leaderboard import views
from parface_bench.leaderboard.render import FORMATS
from parface_bench.leaderboard.table import Selection
from parface_bench.leaderboard.views import show
from parface_bench.results import store as store_module
from parface_bench.results.record import record
from parface_bench.results.store import read_digests, read_store
from parface_bench.results.store_index import StoreIndex

TAGS = {f"palsy_grade={i}": {"n": 2, "NME": {"value": 3.0 + i, "ci95": None}} for i in range(30)}


@pytest.fixture
def store(make, errors, tmp_path, monkeypatch):
    """Results with all that changes a board: seeds, equal seeds, tags, few labels, faults, seen data, other data."""
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "home"))
    folder = tmp_path / "store"
    for seed in range(3):
        record(make("seeds", 4.0 + seed / 10, seed=seed, config={"labels": 20}), errors, folder)
        record(make("equal", 5.0, seed=seed, cost={"parameters": 1e6, "gflops": None}), errors, folder)
    tagged = make("tagged", 3.5, excluded=[{"id": "x", "reason": "no box"}])
    tagged["subsets"] |= TAGS
    tagged["subsets"]["odd"] = {"n": 3, "AUC@10": {"value": 50.0}}
    tagged["breakdown"] = {"full": {"landmark": [1.0] * 5}}
    record(tagged, errors, folder)
    record(make("partial", 3.0, unmapped=[1, 2], breakdown=tagged["breakdown"]), errors, folder)
    record(make("seen", 1.0, trained_on=["toy:test"], contaminated=True), errors, folder)
    broken = make("impossible", 2.0)
    broken["subsets"]["hard"]["AUC@10"]["value"] = 99.0
    record(broken, errors, folder)
    record(make("crop", 3.2, crop={"mode": "tight"}, dataset="other", seconds=3.0), None, folder)
    return folder


def boards(store: Path) -> dict[str, str]:
    shown = {form: show(store, Selection(cost=True), form=form) for form in FORMATS}
    return shown | {"labels": show(store, Selection(), form="json", by="labels")}


def plain_boards(store: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    with monkeypatch.context() as patch:
        patch.setattr(views, "read_digests", read_store)
        return boards(store)


def no_reading(path: Path) -> dict:
    raise AssertionError(f"{path} was read")


def test_the_board_is_the_same_with_and_without_the_index(store, monkeypatch):
    truth = plain_boards(store, monkeypatch)
    assert not StoreIndex(store).read()
    assert boards(store) == truth
    assert StoreIndex(store).read()
    monkeypatch.setattr(store_module, "read_document", no_reading)
    monkeypatch.setattr(views, "read_store", no_reading)
    assert boards(store) == truth


def test_chosen_subsets_and_metrics_come_from_the_whole_documents(store, monkeypatch):
    for selection in (Selection(subsets=["palsy_grade=3"]), Selection(metrics=["AUC@10"])):
        show(store, Selection())
        whole = show(store, selection, form="json")
        with monkeypatch.context() as patch:
            patch.setattr(views, "read_digests", no_reading)
            assert show(store, selection, form="json") == whole
        assert [row for table in json.loads(whole) for row in table["rows"]]


def test_results_with_another_main_metric_are_shown_as_without_the_index(store, make, errors, monkeypatch):
    swapped = make("swapped", 3.3)
    for row in swapped["subsets"].values():
        row["NME"] = row.pop("NME")
    record(swapped, errors, store)
    assert boards(store) == plain_boards(store, monkeypatch) == boards(store)


def test_the_folder_is_the_truth(store, make, errors, monkeypatch):
    boards(store)
    gone, changed, damaged = sorted(store.glob("toy/*/*"))[:3]
    shutil.rmtree(gone)
    document = json.loads((changed / "result.json").read_text())
    document["subsets"]["full"]["NME"]["value"] = 0.125
    (changed / "result.json").write_text(json.dumps(document))
    (damaged / "result.json").write_text("{")
    record(make("new", 2.5), errors, store)
    assert boards(store) == plain_boards(store, monkeypatch)
    contents = read_digests(store)
    assert contents.problems == read_store(store).problems and len(contents.problems) == 1
    assert [r.folder for r in contents.results] == [r.folder for r in read_store(store).results]
    assert len(StoreIndex(store).read()) == len(contents.results)


def _flip(file: Path) -> None:
    with sqlite3.connect(file) as base:
        base.execute("UPDATE results SET digest = replace(digest, '\"n\":100', '\"n\":900')")


def _foreign(file: Path) -> None:
    file.unlink()
    with sqlite3.connect(file) as base:
        base.execute("CREATE TABLE results (a)")


def _cut(file: Path) -> None:
    file.write_bytes(file.read_bytes()[:-5000])


def _noise(file: Path) -> None:
    file.write_bytes(b"no database at all" * 100)


@pytest.mark.parametrize("harm", [_flip, _foreign, _cut, _noise])
def test_a_damaged_index_is_not_used_and_made_anew(store, monkeypatch, harm):
    truth = boards(store)
    harm(StoreIndex(store).file)
    assert boards(store) == truth
    boards(store)
    monkeypatch.setattr(store_module, "read_document", no_reading)
    assert boards(store) == truth


def test_without_a_place_for_the_index_the_board_is_shown_all_the_same(store, tmp_path, monkeypatch):
    truth = boards(store)
    shutil.rmtree(tmp_path / "home")
    (tmp_path / "home").write_text("a file where the folder should be")
    assert boards(store) == truth


def test_a_locked_or_read_only_index_is_left_alone(store, make, errors, monkeypatch):
    boards(store)
    index = StoreIndex(store)
    before = index.file.read_bytes()
    monkeypatch.setattr("parface_bench.results.store_index._WAIT", 0.05)
    with sqlite3.connect(index.file, isolation_level=None) as other:
        other.execute("BEGIN EXCLUSIVE")
        record(make("new", 2.5), errors, store)
        assert len(read_digests(store).results) == len(read_store(store).results)
        other.execute("ROLLBACK")
    assert index.file.read_bytes() == before


def test_another_version_of_the_toolkit_does_not_use_the_rows(store, monkeypatch):
    truth = boards(store)
    monkeypatch.setattr("parface_bench.results.store_index._maker", lambda: "another")
    assert not StoreIndex(store).read()
    assert boards(store) == truth
    assert StoreIndex(store).read()


def _read_and_write(job: tuple[Path, dict, int]) -> int:
    store, document, number = job
    for i in range(4):
        record({**document, "method": f"crowd{number}", "seed": i}, None, store)
        read = read_digests(store)
        assert not [p for p in read.problems if "unfinished" not in p]
        assert all(r.document["n"] == 100 for r in read.results)
    return number


def test_many_processes_read_and_write_at_once(make, tmp_path, monkeypatch):
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "home"))
    with ProcessPoolExecutor(4, get_context("spawn")) as pool:
        assert list(pool.map(_read_and_write, [(tmp_path / "store", make(), n) for n in range(4)])) == [0, 1, 2, 3]
    assert len(read_digests(tmp_path / "store").results) == 16
    assert len(StoreIndex(tmp_path / "store").read()) == 16
