"""The bench, with real runs of two methods that know nothing on six pictures."""

from __future__ import annotations

import json
import shutil

import pytest

from parface_bench.bench import executors
from parface_bench.bench.bench import Bench, raise_failures
from parface_bench.bench.cells import is_result_of
from parface_bench.bench.executors import check_executor
from parface_bench.bench.show import cell_list, document
from parface_bench.cli.bench import job_settings
from parface_bench.registry import UserError, WorkError
from parface_bench.results.result import load_result
from parface_bench.results.store import read_store


@pytest.fixture
def make_bench(plugin, tmp_path):
    def make(*methods, seeds=1, executor="here", **more):
        options = {"data_root": plugin.parent / "faces", "store": tmp_path / "store", "out": tmp_path / "runs"}
        options.update(more.pop("options", {}))
        return Bench(
            methods=methods,
            datasets=["bench-faces"],
            seeds=seeds,
            options={"profile": "quick", "device": "cpu", **options},
            executor=executor,
            plugins=[plugin],
            **more,
        )

    return make


def states(cells):
    return [(c.method, c.seed, c.state) for c in cells]


def test_a_bench_runs_what_is_missing_and_ends_in_the_leaderboards(make_bench, tmp_path):
    said: list[str] = []
    bench = make_bench("bench-near")
    assert states(bench.cells(said.append)) == [("bench-near", 0, "to do")]
    assert states(bench.run(said.append)) == [("bench-near", 0, "done")]
    first = read_store(bench.store).results
    more = make_bench("bench-near", "bench-far", seeds=3)
    cells = more.run(said.append)
    # methods that do not learn give the same with every seed, so they run once
    assert states(cells) == [("bench-near", 0, "recorded"), ("bench-far", 0, "done")]
    assert len(read_store(bench.store).results) == 2
    # both may have been recorded within one second
    assert first[0].document in [r.document for r in read_store(bench.store).results]
    [table] = more.tables(cells, said.append)
    assert [(r.rank, r.method) for r in table.rows] == [(1, "bench-near"), (2, "bench-far")]
    more.publish(said.append)
    assert "bench-far" in (bench.store / "leaderboard.md").read_text()
    assert "<svg" in (bench.store / "leaderboard.html").read_text()
    assert any("[1/1] bench-far on bench-faces, seed 0: done" in s and "NME" in s for s in said)
    assert "recorded" in cell_list(cells) and json.loads(document(cells, [table]))["tables"][0]["rows"]


def test_what_changes_a_result_makes_it_run_again(make_bench, plugin):
    bench = make_bench("bench-near")
    bench.run(lambda s: None)
    [result] = read_store(bench.store).results
    [cell] = bench.cells(lambda s: None)
    assert cell.state == "recorded" and cell.note == result.document["run_id"]
    assert is_result_of(result, cell.identity)
    for key, other in {"data_fingerprint": "0" * 16, "protocol_version": 2, "seed": 5, "method": "x"}.items():
        assert not is_result_of(result, {**cell.identity, key: other})
    assert not is_result_of(result, {**cell.identity, "config": {**cell.identity["config"], "limit": 3}})
    old = {**result.document, "code_version": {"package": "9.0.0"}}
    assert not is_result_of(type(result)(old, result.folder), cell.identity)
    [limited] = make_bench("bench-near", options={"limit": 4}).cells(lambda s: None)
    assert limited.state == "to do"


def test_a_run_that_finished_elsewhere_is_recorded_not_repeated(make_bench, tmp_path):
    bench = make_bench("bench-near")
    bench.run(lambda s: None)
    [run] = (tmp_path / "runs").glob("*/*/*/result.json")
    shutil.rmtree(bench.store)
    assert states(bench.run(lambda s: None)) == [("bench-near", 0, "done")]
    [again] = read_store(bench.store).results
    assert again.document == load_result(run).document
    assert len(list((tmp_path / "runs").glob("*/*/*/result.json"))) == 1


def test_a_failing_cell_stops_no_other_and_is_named(make_bench, monkeypatch):
    monkeypatch.setenv("BENCH_BREAK", "1")
    bench = make_bench("bench-far", "bench-near")
    cells = bench.run(lambda s: None)
    assert [c.state for c in cells] == ["failed", "done"]
    with pytest.raises(WorkError, match=r"1 of 2 cells failed: bench-far .*seed 0 \(RuntimeError: cannot"):
        raise_failures(cells)
    monkeypatch.delenv("BENCH_BREAK")
    assert [c.state for c in bench.run(lambda s: None)] == ["done", "recorded"]


def test_an_interrupted_bench_goes_on(make_bench, monkeypatch):
    bench = make_bench("bench-near", "bench-far")
    said: list[str] = []

    def interrupt(sentence):
        said.append(sentence)
        if "bench-far" in sentence and "started" in sentence:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(interrupt)
    assert [c.state for c in bench.run(said.append)] == ["recorded", "done"]


def test_local_jobs_give_the_same_records(make_bench, tmp_path):
    pytest.importorskip("submitit")
    bench = make_bench("bench-near", executor="local", parallel=2)
    [cell] = bench.run(lambda s: None)
    assert cell.state == "done", cell.note
    here = make_bench("bench-near", options={"store": tmp_path / "other", "out": tmp_path / "other-runs"})
    here.run(lambda s: None)
    [job], [alone] = read_store(bench.store).results, read_store(here.store).results
    assert job.document["subsets"] == alone.document["subsets"]
    assert [c.state for c in make_bench("bench-near").cells(lambda s: None)] == ["recorded"]


def test_a_job_that_dies_is_a_failed_cell(make_bench, monkeypatch):
    class Job:
        job_id = "7"
        paths = type("Paths", (), {"stderr": "7_log.err"})

        def done(self):
            return True

        def result(self):
            raise RuntimeError("traceback ...\nOut of memory, killed")

    monkeypatch.setattr(executors, "_pool", lambda *a: None)
    monkeypatch.setattr(executors, "_submit", lambda *a: Job())
    monkeypatch.setattr("parface_bench.bench.bench.check_executor", lambda name: None)
    [cell] = make_bench("bench-near", executor="local").run(lambda s: None)
    assert cell.state == "failed"
    assert cell.note == "job 7 failed (Out of memory, killed); its log is 7_log.err"


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ({"executor": "slrm"}, "unknown executor 'slrm'; did you mean 'slurm'"),
        ({"methods": ["bench-nera"]}, "unknown method 'bench-nera'; did you mean 'bench-near'"),
        ({"methods": []}, "at least one method"),
        ({"seeds": 0}, "--seeds 0: must be from 1"),
        ({"seeds": 2_000_000_000}, "--seeds 2000000000: must be from 1"),
    ],
)
def test_wrong_arguments_are_refused_before_anything_runs(make_bench, arguments, sentence):
    methods = arguments.pop("methods", ["bench-near"])
    with pytest.raises(UserError, match=sentence):
        make_bench(*methods, **arguments).run(lambda s: None)


@pytest.mark.parametrize(("place", "option"), [("store", "--store"), ("out", "--out")])
def test_a_folder_that_cannot_be_written_is_found_before_anything_runs(make_bench, tmp_path, place, option):
    (tmp_path / "file").write_text("")
    bench = make_bench("bench-near", options={place: tmp_path / "file" / "below"})
    with pytest.raises(UserError, match=f"cannot be written .*; choose another with {option}"):
        bench.run(lambda s: None)
    assert not list((tmp_path / "runs").rglob("config.yaml"))


def test_a_queue_that_is_not_there_gives_a_sentence(monkeypatch, tmp_path):
    pytest.importorskip("submitit")
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(UserError, match="no Slurm on this machine"):
        check_executor("slurm")


def test_submitit_missing_names_the_extra(monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "submitit", None)
    with pytest.raises(UserError, match=r"pip install 'parface-bench\[slurm\]'"):
        check_executor("local")


def test_settings_of_jobs(make_bench):
    assert job_settings(["timeout_min=60", "slurm_partition=gpu"]) == {"timeout_min": 60, "slurm_partition": "gpu"}
    with pytest.raises(UserError, match="write KEY=VALUE"):
        job_settings(["gpu"])
    pytest.importorskip("submitit")
    with pytest.raises(UserError, match="--executor debug"):
        make_bench("bench-near", executor="debug", parameters={"no_such": 1}).run(lambda s: None)


@pytest.mark.parametrize("text", ["²", "9" * 5000, "-1", "1", "2,x", ""])
def test_counts_that_are_none(text):
    from parface_bench.cli.bench import label_counts

    with pytest.raises(UserError, match="write numbers from 2"):
        label_counts([text])


def test_settings_of_jobs_of_any_length():
    from parface_bench.cli.bench import job_settings

    assert job_settings(["a=60", "b=²", f"c={'9' * 5000}"]) == {"a": 60, "b": "²", "c": "9" * 5000}
