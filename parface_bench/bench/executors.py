"""Where cells run: in this process, or as jobs through submitit (local processes, a Slurm cluster)."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from parface_bench.atomic import write_atomic
from parface_bench.bench.cells import Cell
from parface_bench.bench.work import run_cell
from parface_bench.registry import UserError, check_known

EXECUTORS = ("here", "local", "slurm", "debug")
MINUTES = 24 * 60
POLL = {"local": 0.2, "debug": 0.0, "slurm": 10.0}
Report = Callable[[Cell], None]


def check_executor(name: str) -> None:
    """Refuse what cannot work before anything is planned.

    Raises:
        UserError: unknown executor, submitit is not installed, or there is no Slurm here.
    """
    check_known([name], EXECUTORS, "unknown executor")
    if name == "here":
        return
    try:
        import submitit
    except ImportError:
        raise UserError(f"--executor {name} needs submitit: pip install 'parface-bench[slurm]'") from None
    if name == "slurm" and submitit.SlurmExecutor.affinity() < 0:
        raise UserError(
            "there is no Slurm on this machine (no 'srun'): start the bench on a login node of the cluster, or use "
            "--executor local"
        )


def run_here(cells: Sequence[Cell], report: Report) -> None:
    """One cell after the other in this process; plugins are loaded already."""
    for cell in cells:
        cell.state = "running"
        report(cell)
        _finish(cell, run_cell(cell.arguments(), cell.identity, []))
        report(cell)


def run_jobs(
    cells: Sequence[Cell],
    report: Report,
    *,
    executor: str,
    folder: Path,
    parallel: int,
    parameters: dict[str, Any],
    plugins: Sequence[Path],
) -> None:
    """Cells as submitit jobs.

    A Slurm job that an earlier, interrupted bench submitted is found again and waited for, not submitted twice.

    Args:
        cells: what to run.
        report: called when a cell starts, ends or fails.
        executor: 'local', 'slurm' or 'debug'.
        folder: for logs and the notes on submitted jobs; all machines must see it.
        parallel: jobs at a time (on a cluster as many as its queue takes).
        parameters: of the executor, e.g. ``slurm_partition``, ``gpus_per_node``, ``timeout_min``.
        plugins: plugin files that every job loads.

    Raises:
        UserError: a parameter is unknown, or Slurm refuses the jobs.
    """
    pool = _pool(executor, folder, parameters)
    files = [str(p.resolve()) for p in plugins]
    waiting, running = list(cells), dict[str, tuple[Cell, Any]]()
    at_once = len(waiting) if executor == "slurm" else max(1, parallel)
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                cell = waiting.pop(0)
                job: Any = _submitted(cell, folder) if executor == "slurm" else None
                job = job or _submit(pool, cell, files, folder, os.getpid() if executor == "local" else 0)
                running[cell.key] = (cell, job)
                cell.state, cell.note = "running", f"job {job.job_id}, log {job.paths.stderr}"
                report(cell)
            for key, (cell, job) in list(running.items()):
                if job.done():
                    del running[key]
                    _finish(cell, _outcome(job))
                    report(cell)
            if running:
                time.sleep(POLL[executor])
    except BaseException:
        if executor != "slurm":  # the cluster's jobs go on, and are found again
            for _, job in running.values():
                job.cancel()
        raise


def _pool(executor: str, folder: Path, parameters: dict[str, Any]) -> Any:
    import submitit

    try:
        pool = submitit.AutoExecutor(folder=folder / "%j", cluster=executor)
        pool.update_parameters(**{"timeout_min": MINUTES, "name": "pfbench", **parameters})
    except (NameError, TypeError, ValueError, RuntimeError, AssertionError) as error:
        raise UserError(f"--executor {executor}: {' '.join(str(error).split())}") from error
    return pool


def _submit(pool: Any, cell: Cell, plugins: list[str], folder: Path, parent: int) -> Any:
    from submitit.core.utils import FailedJobError

    try:
        job: Any = pool.submit(run_cell, cell.arguments(), cell.identity, plugins, parent)
    except (FailedJobError, OSError) as error:
        reason = " ".join(str(error).split())[-400:]
        raise UserError(f"Slurm refused the job of {cell.name}: {reason}; name a queue with --job") from error
    note = folder / f"{cell.key}.json"
    write_atomic(note, json.dumps({"job": job.job_id}))
    return job


def _submitted(cell: Cell, folder: Path) -> Any | None:
    """The Slurm job of this cell that is still queued or running, if there is one."""
    import submitit

    note = folder / f"{cell.key}.json"
    if not note.is_file():
        return None
    try:
        job_id = json.loads(note.read_text(encoding="utf-8"))["job"]
        job: Any = submitit.SlurmJob(folder=folder / "%j", job_id=job_id)
        return job if job.state in ("PENDING", "RUNNING", "REQUEUED", "CONFIGURING") else None
    except (ValueError, KeyError, OSError):
        return None


def _outcome(job: Any) -> dict[str, Any]:
    """What a job returned; a job that was killed or could not start is a failure like any other."""
    try:
        return job.result()
    except Exception as error:
        last = (str(error).strip().splitlines() or [type(error).__name__])[-1]
        return {"error": f"job {job.job_id} failed ({last}); its log is {job.paths.stderr}", "traceback": ""}


def _finish(cell: Cell, outcome: dict[str, Any]) -> None:
    if "error" in outcome:
        cell.state, cell.note = "failed", outcome["error"]
        if outcome["traceback"]:
            cell.note += "\n" + outcome["traceback"]
    else:
        cell.state, cell.note = "done", ", ".join(filter(None, (outcome["summary"], outcome["run"])))
