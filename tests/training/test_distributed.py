"""Two processes (gloo, on the CPU) started by torchrun: the same command line, the same weights, the right scores."""

from __future__ import annotations

import json
import os
import subprocess
import sys

import pytest
import torch

from parface_bench.methods.checkpoint import load_safely
from parface_bench.training import distributed
from tests.training.conftest import PLUGIN, QUICK


def launch(words: list[str]) -> subprocess.CompletedProcess[str]:
    torchrun = [sys.executable, "-m", "torch.distributed.run", "--standalone", "--nproc-per-node", "2"]
    return subprocess.run(
        [*torchrun, "-m", "parface_bench.cli.main", *words],
        capture_output=True,
        text=True,
        timeout=240,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


def test_two_processes_do_what_one_does(run, dots_root, tmp_path):
    """Two processes with batches of 4 take the steps of one with batches of 8; 7 test faces do not divide by 2."""
    # no shuffling differences: process r of two gets faces r, r + 2, ... of the same order
    sets = [*QUICK, "method.dropout=0.0", "validation.fraction=0.0"]
    alone = run("dot-net", *sets[len(QUICK) :], seed=1)
    words = ["run", "dot-net", "--dataset", "dots", "--data-root", str(dots_root), "--plugin", str(PLUGIN), "--json"]
    words += ["--out", str(tmp_path / "two"), "--store", str(tmp_path / "store2"), "--profile", "quick", "--seed", "1"]
    words += [w for pair in [*sets, "train.batch_size=4"] for w in ("--set", pair)]
    done = launch([*words, "--device", "cpu"])
    assert done.returncode == 0, done.stderr[-3000:]
    document = json.loads(done.stdout)  # one document, printed by one process
    assert document["n"] == 7
    assert document["excluded"] == []
    (folder,) = (tmp_path / "two" / "dots" / "dot-net").iterdir()
    (recorded,) = (tmp_path / "store2" / "dots" / "dot-net").iterdir()
    assert recorded.name == folder.name
    one, two = (load_safely(f / "checkpoint.pt")["state_dict"] for f in (alone.folder, folder))
    for key in one:
        torch.testing.assert_close(two[key], one[key], atol=1e-5, rtol=1e-4)
    nme = [d["subsets"]["full"]["NME"]["value"] for d in (alone.document, document)]
    assert nme[1] == pytest.approx(nme[0], rel=1e-4)


def test_one_process_needs_no_group():
    assert distributed.rank() == 0
    assert distributed.world() == 1
    assert distributed.share({"a": 1}) == {"a": 1}
    assert distributed.gather(3) == [3]


def test_slurm_variables_are_those_of_torchrun(monkeypatch):
    """On a Slurm step without GPUs the group is joined from Slurm's own variables."""
    seen: dict[str, str] = {}
    slurm = {
        "SLURM_STEP_NUM_TASKS": "4",
        "SLURM_PROCID": "3",
        "SLURM_LOCALID": "1",
        "SLURM_LAUNCH_NODE_IPADDR": "10.0.0.7",
    }
    monkeypatch.setattr(distributed.os, "environ", slurm)
    monkeypatch.setattr(distributed.dist, "init_process_group", lambda backend: seen.update(slurm, backend=backend))
    distributed._join("gloo")
    wanted = {"RANK": "3", "WORLD_SIZE": "4", "LOCAL_RANK": "1", "MASTER_ADDR": "10.0.0.7", "backend": "gloo"}
    assert {key: seen[key] for key in wanted} == wanted


def test_a_batch_script_that_starts_one_process_waits_for_nobody(monkeypatch):
    """Within sbatch --ntasks 4, but not started by srun."""
    monkeypatch.setattr(distributed.os, "environ", {"SLURM_NTASKS": "4", "SLURM_PROCID": "0"})
    monkeypatch.setattr(distributed.dist, "init_process_group", lambda backend: pytest.fail("joined a group"))
    distributed._join("gloo")
