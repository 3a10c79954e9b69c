"""The Slurm path, against stand-ins for Slurm's commands that run the batch script as Slurm would."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest

from parface_bench.bench import executors
from parface_bench.bench.bench import Bench
from parface_bench.registry import UserError
from parface_bench.results.store import read_store

pytest.importorskip("submitit")

SBATCH = """#!/bin/sh
for script; do :; done
echo "$script" >> {log}
SLURM_JOB_ID=42 SLURM_NTASKS=1 SLURM_PROCID=0 SLURM_LOCALID=0 SLURM_NODEID=0 SLURM_JOB_NUM_NODES=1 \\
  SLURM_JOB_NODELIST=node sh "$script" > /dev/null 2>&1 &
echo "Submitted batch job 42"
"""
REFUSES = """#!/bin/sh
echo "sbatch: error: invalid partition specified: nowhere" >&2
exit 1
"""
SRUN = """#!/bin/sh
while [ "${1#--}" != "$1" ]; do case "$1" in --output|--error) shift 2;; *) shift;; esac; done
exec "$@"
"""
SACCT = "#!/bin/sh\necho 'JobID|State|NodeList'\necho '42|RUNNING|node'\n"


@pytest.fixture
def slurm(tmp_path, monkeypatch):
    """Install the stand-ins; gives a function that replaces ``sbatch`` and the log of submissions."""
    folder = tmp_path / "bin"
    folder.mkdir()
    log = tmp_path / "submitted.txt"

    def install(name: str, text: str) -> None:
        (folder / name).write_text(text)
        (folder / name).chmod(0o755)

    install("sbatch", SBATCH.replace("{log}", str(log)))
    install("srun", SRUN)
    install("sacct", SACCT)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setitem(executors.POLL, "slurm", 0.2)
    return install, log


@pytest.fixture
def bench(plugin, tmp_path):
    return Bench(
        methods=["bench-near"],
        datasets=["bench-faces"],
        options={
            "profile": "quick",
            "device": "cpu",
            "data_root": plugin.parent / "faces",
            "store": tmp_path / "store",
            "out": tmp_path / "runs",
        },
        executor="slurm",
        parameters={"slurm_partition": "gpu", "timeout_min": 5},
        plugins=[plugin],
    )


def test_a_job_of_an_interrupted_bench_is_found_again_and_recorded(bench, slurm):
    _, log = slurm

    def interrupt(sentence):
        if "started (job 42, log " in sentence:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        bench.run(interrupt)
    [cell] = bench.run(lambda s: None)
    assert cell.state in ("done", "recorded"), cell.note
    assert [r.document["method"] for r in read_store(bench.store).results] == ["bench-near"]
    assert len(log.read_text().splitlines()) == 1
    [script] = bench.options["out"].rglob("*_submission.sh")
    assert "--partition=gpu" in script.read_text()


def test_a_queue_that_slurm_refuses_gives_a_sentence(bench, slurm):
    install, _ = slurm
    install("sbatch", REFUSES)
    with pytest.raises(UserError, match=r"Slurm refused the job of bench-near .*invalid partition.*--job"):
        bench.run(lambda s: None)
