"""Killed runs go on, and end as if nothing had happened."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time

import pytest
import torch

from parface_bench.methods import checkpoint as checkpoints
from parface_bench.methods.checkpoint import load_safely, save_atomic
from parface_bench.registry import UserError, WorkError
from parface_bench.runs import folder as folders
from parface_bench.runs import pipeline
from parface_bench.training import runner
from tests.training.conftest import PLUGIN, QUICK

# an epoch has 4 steps, so that at its end gradients wait for the next one
SETS = ("train.ema=0.9", "train.epochs=4", "train.accumulate=3", "train.schedule.type=cosine")


def weights(result) -> dict[str, torch.Tensor]:
    return load_safely(result.folder / "checkpoint.pt")["state_dict"]


def same(a: dict[str, torch.Tensor], b: dict[str, torch.Tensor]) -> bool:
    return a.keys() == b.keys() and all(torch.equal(a[key], b[key]) for key in a)


class Killed(BaseException):
    """Stands for the process's end: nothing of ours catches it."""


@pytest.fixture
def whole(run):
    return weights(run("dot-net", *SETS, seed=1))


@pytest.mark.parametrize("when", [3, 7, 14])
def test_resumed_weights_are_equal_bit_for_bit(run, whole, monkeypatch, when):
    """Interrupted in the first epoch (nothing saved), in the second and in the last one."""
    real, count = runner.StageLoop.run_iter, 0

    def dies(self, step, batch):
        nonlocal count
        count += 1
        if count == when:
            raise Killed
        return real(self, step, batch)

    with monkeypatch.context() as patch:
        patch.setattr(runner.StageLoop, "run_iter", dies)
        with pytest.raises(Killed):
            run("dot-net", *SETS, seed=1)
    result = run("dot-net", *SETS, seed=1, resume=True)
    assert same(weights(result), whole)
    assert len(list(result.folder.parent.iterdir())) == 2  # the uninterrupted one and this


def test_resumed_within_an_epoch(run, whole, monkeypatch):
    """Saved between two steps, then killed a step later."""
    real = runner.StageRunner.save_between

    def saves(self, epoch, step):
        self._saved_at = -1e9 if (epoch, step) == (1, 2) else time.monotonic()
        real(self, epoch, step)
        if (epoch, step) == (1, 3):
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(runner.StageRunner, "save_between", saves)
        with pytest.raises(Killed):
            run("dot-net", *SETS, seed=1)
    assert same(weights(run("dot-net", *SETS, seed=1, resume=True)), whole)


def test_killed_while_a_state_is_written(run, whole, monkeypatch):
    """The write stops half-way: the earlier state stays, and the half file hurts nobody."""
    real, count = torch.save, 0

    def half(content, file):
        nonlocal count
        count += 1
        real(content, file)
        if count == 4:
            file.truncate(file.tell() // 2)
            raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(checkpoints.torch, "save", half)
        with pytest.raises(Killed):
            run("dot-net", *SETS, seed=1)
    assert same(weights(run("dot-net", *SETS, seed=1, resume=True)), whole)


def test_seconds_are_those_of_all_processes_of_a_run(run, monkeypatch, tmp_path):
    """The log says what earlier ones had spent, also where its last line was cut off; half-written files are gone."""
    with monkeypatch.context() as patch:
        real = runner.StageRunner.save_state

        def dies(self, *arguments):
            real(self, *arguments)
            if self.epoch == 2:
                raise Killed

        patch.setattr(runner.StageRunner, "save_state", dies)
        with pytest.raises(Killed):
            run("dot-net", *SETS, seed=1)
    (log,) = (tmp_path / "runs" / "dots" / "dot-net").glob("*/log.jsonl")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert [line["seconds"] for line in lines] == sorted(line["seconds"] for line in lines)
    lines[-1]["seconds"] = 1000.0
    log.write_text("".join(json.dumps(line) + "\n" for line in lines) + '{"time": 17, "sec')
    half = log.parent / "stages" / "1-train" / ".state.pth.123.tmp"
    half.write_bytes(b"PK")
    result = run("dot-net", *SETS, seed=1, resume=True)
    assert result.folder == log.parent
    assert 1000 < result.document["seconds"] < 1100
    assert not half.exists()


def test_finished_stages_are_not_repeated(run, monkeypatch):
    two = "stages=[{name: one, epochs: 2}, {name: two, epochs: 2}]"
    whole = weights(run("dot-net", two, seed=2))
    real = runner.StageRunner.train

    def dies(self):
        if self.stage.name == "two":
            raise Killed
        return real(self)

    with monkeypatch.context() as patch:
        patch.setattr(runner.StageRunner, "train", dies)
        with pytest.raises(Killed):
            run("dot-net", two, seed=2)
    names = []
    monkeypatch.setattr(runner.StageRunner, "train", lambda self: names.append(self.stage.name) or real(self))
    assert same(weights(run("dot-net", two, seed=2, resume=True)), whole)
    assert names == ["two"]


def test_a_finished_run_is_given_back_and_another_configuration_starts_anew(run):
    first = run("dot-net")
    assert run("dot-net", resume=True).folder == first.folder
    assert run("dot-net", "train.epochs=1", resume=True).folder != first.folder
    assert run("dot-net", seed=9, resume=True).folder != first.folder


@pytest.mark.parametrize("step", ["record", "_draw"])
def test_a_run_killed_after_its_result_is_recorded_by_resume(run, tmp_path, monkeypatch, step):
    """Finished means recorded: whoever dies between the two is neither lost nor recorded twice."""
    with monkeypatch.context() as patch:
        patch.setattr(pipeline, step, lambda *_, **__: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            run("dot-net", "log.pictures=2")
    assert not list(tmp_path.glob("store/*/*/*/result.json"))
    result = run("dot-net", "log.pictures=2", resume=True)
    [kept] = tmp_path.glob("store/*/*/*/result.json")
    assert json.loads(kept.read_text()) == result.document
    assert (result.folder / "figures" / "ced.png").is_file() and (result.folder / "figures" / "worst.png").is_file()
    assert run("dot-net", "log.pictures=2", resume=True).folder == result.folder
    assert list(tmp_path.glob("store/*/*/*/result.json")) == [kept]
    run("dot-net", "log.pictures=2", resume=True, store=tmp_path / "other")
    assert len(list(tmp_path.glob("other/*/*/*/result.json"))) == 1


# goes as far as the tenth step and says so; only a signal, or the second file, lets it go on
STOPS = """
import pathlib, sys, time
from parface_bench.cli.main import main
from parface_bench.training import runner

waits, go = map(pathlib.Path, sys.argv[1:3])
real, count = runner.StageLoop.run_iter, 0

def stops(self, step, batch):
    global count
    count += 1
    if count == 10:
        waits.touch()
        while not go.exists():
            time.sleep(0.01)
    return real(self, step, batch)

runner.StageLoop.run_iter = stops
sys.argv = ["pfbench", *sys.argv[3:]]
main()
"""


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_killed_process(run, dots_root, tmp_path, number):
    """A real process, killed in the middle of its work; its successor ends in the weights of an undisturbed run."""
    sets = [*QUICK, "train.epochs=6", "log.every=1"]
    whole = weights(run("dot-net", *sets[len(QUICK) :], seed=3, out=tmp_path / "whole"))
    waits, go = tmp_path / "waits", tmp_path / "go"
    words = [sys.executable, "-c", STOPS, str(waits), str(go), "run", "dot-net", "--dataset", "dots", "--seed", "3"]
    words += ["--profile", "quick", "--device", "cpu", "--plugin", str(PLUGIN), "--data-root", str(dots_root)]
    words += ["--out", str(tmp_path / "runs"), "--store", str(tmp_path / "store")]
    words += [word for pair in sets for word in ("--set", pair)]
    slow = {**os.environ, "OMP_NUM_THREADS": "1"}
    process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True, env=slow)
    while not waits.exists() and process.poll() is None:
        time.sleep(0.01)
    process.send_signal(number)
    go.touch()
    _, said = process.communicate()
    assert process.returncode != 0 and waits.exists(), said
    log = tmp_path / "runs" / "dots" / "dot-net"
    result = run("dot-net", *sets[len(QUICK) :], seed=3, resume=True, out=tmp_path / "runs")
    assert len(list(log.iterdir())) == 1
    assert same(weights(result), whole)


def test_a_full_disk_keeps_the_earlier_checkpoint(tmp_path, monkeypatch):
    path = tmp_path / "state.pth"
    save_atomic({"a": torch.ones(3)}, path)

    def full(*arguments):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("parface_bench.atomic.os.fsync", full)
    with pytest.raises(WorkError, match="the disk is full; the earlier one is kept"):
        save_atomic({"a": torch.zeros(3)}, path)
    assert torch.equal(load_safely(path)["a"], torch.ones(3))
    assert list(tmp_path.iterdir()) == [path]


def test_not_the_state_of_this_stage(tmp_path):
    save_atomic({"format": "other"}, tmp_path / "state.pth")
    stage_runner = object.__new__(runner.StageRunner)
    stage_runner.folder = tmp_path
    stage_runner.stage = runner.Stage(name="main")
    with pytest.raises(UserError, match="not the state of stage 'main'"):
        stage_runner.load_or_resume()


def test_a_folder_that_cannot_be_begun_is_let_go(tmp_path, monkeypatch):
    """Whatever still holds the lock's object: the same process may try again."""
    locks = []
    real = folders._lock
    monkeypatch.setattr(folders, "_lock", lambda folder: locks.append(real(folder)) or locks[-1])
    monkeypatch.setattr(folders, "write_atomic", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    with pytest.raises(UserError, match="cannot make the run's folder"):
        folders.claim(tmp_path, {"dataset": "dots", "method": "dot-net", "seed": 0}, resume=False)
    assert len(locks) == 1 and not locks[0].is_locked


def test_a_damaged_result_does_not_keep_its_folder(run, tmp_path):
    folder = run("dot-net", *SETS, seed=1).folder
    (folder / "result.json").write_text("[[[[")
    for _ in range(2):
        with pytest.raises(UserError, match=r"result\.json"):
            run("dot-net", *SETS, seed=1, resume=True)
        assert not (folder / ".lock").exists()
