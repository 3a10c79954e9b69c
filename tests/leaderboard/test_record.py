"""Recording: complete, checked, atomic, never lost; whatever lies in the store, reading goes on."""

from __future__ import annotations

import json
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parface_bench.registry import UserError, WorkError
from parface_bench.results import provenance
from parface_bench.results import record as recording
from parface_bench.results.record import complete, folder_name, record, write_result
from parface_bench.results.result import load_result
from parface_bench.results.store import read_store


def test_a_result_comes_back_as_it_was_given(make, errors, tmp_path):
    document = make(config={"lr": np.float64(0.1), "seed": 3}, seed=3, command="pfbench run star", split="test")
    folder = record(document, errors, tmp_path)
    assert folder.parent == tmp_path / "toy" / "star"
    result = load_result(folder)
    assert {key: result.document[key] for key in document} == {**document, "config": {"lr": 0.1, "seed": 3}}
    pd.testing.assert_frame_equal(result.errors(), errors)
    assert result.table().loc["hard", "NME"] == 4.0
    assert load_result(folder / "result.json").document == result.document
    assert not list(tmp_path.rglob("*.tmp"))


def test_completing_fills_provenance_and_is_idempotent(make):
    full = complete(make(trained_on=["toy:train", "other"], split=["train", "test"]))
    assert full["contaminated"] is True
    assert full["environment"]["python"].count(".") == 2
    assert full["code_version"]["package"]
    assert complete(full) == full
    text = json.dumps([full["environment"], full["code_version"]])
    assert os.uname().nodename not in text and str(Path.home()) not in text


def test_config_hash_ignores_seed_and_places_only():
    config = {"lr": 0.1, "model": {"depth": 18}, "seed": 1, "out": "runs"}
    assert provenance.config_hash(config) == provenance.config_hash({"model": {"depth": 18}, "lr": 0.1, "seed": 2})
    assert provenance.config_hash(config) != provenance.config_hash({**config, "lr": 0.2})
    nested = {"recipe": {"lr": 0.1, "loading": {"workers": 4}}, "device": "cpu"}
    assert provenance.config_hash(nested) == provenance.config_hash({"recipe": {"lr": 0.1}, "device": "cuda:0"})
    assert provenance.config_hash(config) != provenance.config_hash({**config, "model": {"depth": 18, "seed": 1}})


def test_a_number_that_is_not_finite_is_null_and_named(make):
    document = make()
    document["subsets"]["hard"]["NME"] = {"value": float("nan"), "ci95": [float("nan"), float("nan")]}
    full = complete(document)
    assert full["subsets"]["hard"]["NME"] == {"value": None, "ci95": None}
    assert full["warnings"] == ["subsets.hard.NME.value is not a finite number"]


def test_an_invalid_document_is_refused_naming_the_place(make, tmp_path):
    document = make()
    document["subsets"]["hard"]["NME"] = {"value": "low"}
    with pytest.raises(WorkError, match=r"subsets\.hard\.NME\.value: 'low' is not of type"):
        record(document, None, tmp_path)
    without = make()
    del without["data_fingerprint"]
    with pytest.raises(WorkError, match="data_fingerprint"):
        record(without, None, tmp_path)
    with pytest.raises(WorkError, match="dataset"):
        record(make(dataset="reported"), None, tmp_path)
    assert not list(tmp_path.iterdir())


def test_a_taken_run_id_gets_a_number_and_nothing_is_edited(make, errors, tmp_path):
    first = record(make(run_id="same", nme=3.0), errors, tmp_path)
    before = {p: p.read_bytes() for p in first.iterdir()}
    second = record(make(run_id="same", nme=4.0), errors, tmp_path)
    assert (first.name, second.name) == ("same", "same-2")
    assert load_result(second).document["run_id"] == "same-2"
    assert {p: p.read_bytes() for p in first.iterdir()} == before


def _record_many(store, document, count):
    for seed in range(count):
        record({**document, "seed": seed, "run_id": f"run{seed}"}, pd.DataFrame({"id": ["a"], "nme": [1.0]}), store)


def test_processes_recording_at_once_lose_nothing(make, tmp_path):
    context = multiprocessing.get_context("fork")
    workers = [context.Process(target=_record_many, args=(tmp_path, make(nme=i), 8)) for i in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert all(worker.exitcode == 0 for worker in workers)
    contents = read_store(tmp_path)
    assert not contents.problems
    found = sorted((r.document["subsets"]["full"]["NME"]["value"], r.document["seed"]) for r in contents.results)
    assert found == sorted((i, seed) for i in range(4) for seed in range(8))
    assert len({r.document["run_id"] for r in contents.results}) == 32
    assert all(len(r.errors()) == 1 for r in contents.results)


def test_a_crash_while_writing_leaves_no_result_in_place(make, errors, tmp_path, monkeypatch):
    record(make(), errors, tmp_path)

    def crash(document, path):
        path.write_text('{"schema_version": 1, "met')
        raise KeyboardInterrupt

    monkeypatch.setattr(recording, "_write_json", crash)
    with pytest.raises(KeyboardInterrupt):
        record(make("other"), errors, tmp_path)
    assert [r.document["method"] for r in read_store(tmp_path).results] == ["star"]


@pytest.mark.parametrize(
    ("damage", "sentence"),
    [
        (lambda f: f.unlink(), "half-written result left out"),
        (lambda f: f.write_text(f.read_text()[:200]), "half-written or damaged"),
        (lambda f: f.write_text(""), "half-written or damaged"),
        (lambda f: f.write_text(f.read_text().replace("3.0,", "NaN,", 1)), "NaN is no number"),
        (lambda f: f.write_bytes(b"\xff\xfe\x00"), "cannot be read"),
        (lambda f: f.write_text("[]"), "not a result of pfbench"),
        (
            lambda f: f.write_text(f.read_text().replace('"schema_version": 1', '"schema_version": 0')),
            "again with this",
        ),
        (lambda f: f.write_text(f.read_text().replace('"schema_version": 1', '"schema_version": 2')), "update parface"),
        (lambda f: f.write_text(f.read_text().replace('"n": 100', '"n": "all"')), "no valid result"),
        (lambda f: f.parent.rename(f.parent.with_name(".dead.tmp")), "unfinished result left out"),
    ],
)
def test_what_cannot_be_read_is_named_and_the_rest_goes_on(make, errors, tmp_path, damage, sentence):
    bad = record(make("bad"), errors, tmp_path)
    record(make("good"), errors, tmp_path)
    (tmp_path / "reported").mkdir()
    (tmp_path / "leaderboard.md").write_text("# tables")
    damage(bad / "result.json")
    contents = read_store(tmp_path)
    assert [r.document["method"] for r in contents.results] == ["good"]
    assert len(contents.problems) == 1 and sentence in contents.problems[0] and "bad" in contents.problems[0]


def test_missing_or_unreadable_errors_are_explained(make, errors, tmp_path):
    folder = record(make(), None, tmp_path)
    with pytest.raises(UserError, match=r"holds no errors\.parquet"):
        load_result(folder).errors()
    (folder / "errors.parquet").write_bytes(b"PAR1 torn")
    with pytest.raises(UserError, match="not a readable Parquet file"):
        load_result(folder).errors()


def test_a_store_without_write_permission_keeps_the_result_elsewhere(make, errors, tmp_path, monkeypatch):
    store = tmp_path / "store"
    real = Path.mkdir

    def mkdir(self, *args, **kwargs):
        if store in self.parents:
            raise PermissionError(13, "Permission denied", str(self))
        real(self, *args, **kwargs)

    monkeypatch.setattr(Path, "mkdir", mkdir)
    out = tmp_path / "runs" / "one"
    with pytest.raises(UserError, match=r"Permission denied.*kept in .*runs/one.*--add"):
        record(make(), errors, store, keep=out)
    kept = load_result(out)
    pd.testing.assert_frame_equal(kept.errors(), errors)
    with pytest.raises(UserError, match="the result is kept in") as caught:
        record(make(), errors, store)
    assert "unrecorded" in str(caught.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_read_only_folder_is_refused(make, errors, tmp_path):
    tmp_path.chmod(0o500)
    with pytest.raises(UserError, match="Permission denied"):
        record(make(), errors, tmp_path / "store", keep=None)


def test_a_store_that_is_a_file_is_refused(make, errors, tmp_path):
    (tmp_path / "store").write_text("not a folder")
    with pytest.raises(UserError, match=r"cannot record.*kept in"):
        record(make(), errors, tmp_path / "store", keep=tmp_path / "kept")
    with pytest.raises(UserError, match="cannot be read"):
        read_store(tmp_path / "store")


def test_the_run_folder_gets_the_same_document(make, errors, tmp_path):
    full = write_result(make(), errors, tmp_path / "run")
    folder = record(full, errors, tmp_path / "store")
    assert load_result(folder).document == load_result(tmp_path / "run").document == full


names = st.text(st.characters(exclude_categories=("Cs",), exclude_characters="\x00"), min_size=1, max_size=30)


@given(names, names)
@settings(max_examples=200, deadline=None)
def test_folder_names_are_safe_and_keep_names_apart(one, two):
    a, b = folder_name(one), folder_name(two)
    assert (a == b) == (one == two)
    assert a not in ("", ".", "..") and not set(a) & set('/\\:*?"<>|\x00') and not a.startswith(".")


@pytest.mark.parametrize("method", ["../../etc", "a/b", ".hidden", "50% <b>|x|", "名前", "con.", "a b "])
def test_no_name_leaves_the_store(method, make, tmp_path):
    folder = record(make(method, dataset="a/.."), None, tmp_path / "store")
    assert folder.resolve().is_relative_to(tmp_path / "store")
    assert read_store(tmp_path / "store").results[0].document["method"] == method
