"""The bench: plan the cells, skip what is recorded, run the rest, and end in the leaderboards."""

from __future__ import annotations

import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parface_bench.bench.cells import Cell, check_seeds, mark_recorded, plan_cells
from parface_bench.bench.executors import check_executor, run_here, run_jobs
from parface_bench.leaderboard.render import render
from parface_bench.leaderboard.table import Selection, Table
from parface_bench.leaderboard.views import page_of, tables_of, write
from parface_bench.progress import Progress
from parface_bench.registry import UserError, WorkError

Say = Callable[[str], None]


@dataclass(frozen=True, kw_only=True)
class Bench:
    """What to run.

    Attributes:
        methods: names.
        datasets: ``DATASET`` or ``DATASET:SPLIT``.
        seeds: number of seeds for methods that learn.
        labels: numbers of labelled faces to train on, None for all; none at all = all.
        options: keywords for :func:`parface_bench.api.run` beside method, data set, split and seed; ``store`` and
            ``out`` among them.
        executor: 'here', 'local', 'slurm' or 'debug'.
        parallel: local jobs at a time.
        parameters: of the executor.
        plugins: plugin files; loaded here already, jobs load them again.
    """

    methods: Sequence[str]
    datasets: Sequence[str]
    seeds: int = 1
    labels: Sequence[int | None] = ()
    options: dict[str, Any] = field(default_factory=dict)
    executor: str = "here"
    parallel: int = 1
    parameters: dict[str, Any] = field(default_factory=dict)
    plugins: Sequence[Path] = ()

    @property
    def store(self) -> Path:
        """Where results go."""
        return Path(self.options.get("store", "leaderboards"))

    def cells(self, say: Say) -> list[Cell]:
        """All cells, those marked whose result is in the store.

        Raises:
            UserError: nothing to do, an unknown name, missing data, or an executor that is not there.
        """
        from parface_bench.api import plan

        if not self.methods or not self.datasets:
            raise UserError("a bench needs at least one method and one --dataset")
        check_executor(self.executor)
        options = {**self.options, "record": True}  # also with a limit: a bench finds in the store what is done
        cells = plan_cells(self.methods, self.datasets, check_seeds(self.seeds), options, plan, self.labels)
        for problem in mark_recorded(cells, self.store):
            say(problem)
        return cells

    def run(self, say: Say) -> list[Cell]:
        """Run what is not recorded yet; returns all cells, failed ones among them. Interrupted, it can be repeated.

        Raises:
            UserError: see :meth:`cells`; or the store or the folder of runs cannot be written.
        """
        cells = self.cells(say)
        todo = [cell for cell in cells if cell.state == "to do"]
        number = f"{len(cells)} cell{'' if len(cells) == 1 else 's'}"
        say(f"{number}, {len(cells) - len(todo)} recorded already, {len(todo)} to run")
        if todo:
            _check_writable(self.store, "--store")
            _check_writable(Path(self.options.get("out", "runs")), "--out")
        progress = Progress()
        report = _Report(len(todo), say, progress)
        try:
            with progress.task("bench, cells", len(todo)):
                self._run(todo, report)
        except KeyboardInterrupt:
            say("interrupted; the same command goes on where it stopped")
            raise
        return cells

    def _run(self, todo: list[Cell], report: _Report) -> None:
        if self.executor == "here":
            run_here(todo, report)
        elif todo:
            run_jobs(
                todo,
                report,
                executor=self.executor,
                folder=Path(self.options.get("out", "runs")) / ".bench",
                parallel=self.parallel,
                parameters=self.parameters,
                plugins=self.plugins,
            )

    def tables(self, cells: Sequence[Cell], say: Say) -> list[Table]:
        """The leaderboards that the cells' results are in."""
        places = {(c.identity["dataset"], c.identity["protocol"]) for c in cells}
        tables = tables_of(self.store, Selection(), warn=say)
        return [t for t in tables if (t.dataset, t.protocol) in places]

    def publish(self, say: Say) -> None:
        """Write all leaderboards of the store into it: ``leaderboard.md`` and ``leaderboard.html`` with plots."""
        tables = tables_of(self.store, Selection(), warn=say)
        write(render(tables, "md"), self.store / "leaderboard.md")
        write(page_of(tables, (), say), self.store / "leaderboard.html")
        say(f"wrote {self.store / 'leaderboard.md'} and leaderboard.html")


def _check_writable(folder: Path, option: str) -> None:
    """Make a folder now rather than find after hours of work that it cannot be.

    Raises:
        UserError: it cannot be made or written.
    """
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder):
            pass
    except OSError as error:
        raise UserError(f"{folder}: cannot be written ({error.strerror}); choose another with {option}") from None


class _Report:
    """One line when a cell starts, one when it ends, and how many are behind us."""

    def __init__(self, total: int, say: Say, progress: Progress) -> None:
        self.total, self.say, self.progress = total, say, progress
        self.ended = self.failed = 0
        self.running: dict[str, str] = {}
        self.started: dict[str, float] = {}

    def __call__(self, cell: Cell) -> None:
        if cell.state == "running":
            self.started[cell.key] = time.perf_counter()
            self.running[cell.key] = cell.name
            self.say(f"{cell.name}: started{f' ({cell.note})' if cell.note else ''}")
            self._show(0)
            return
        self.ended += 1
        self.failed += cell.state == "failed"
        seconds = time.perf_counter() - self.started[cell.key]
        self.running.pop(cell.key, None)
        self.say(f"[{self.ended}/{self.total}] {cell.name}: {cell.state} after {seconds:.0f} s: {cell.note}")
        self._show(1)

    def _show(self, ended: int) -> None:
        names = list(self.running.values())
        more = f" and {len(names) - 2} more" if len(names) > 2 else ""
        failed = {"failed": str(self.failed)} if self.failed else {}
        self.progress.advance(ended, **failed, running=", ".join(names[:2]) + more)


def raise_failures(cells: Sequence[Cell]) -> None:
    """End with one sentence where cells have failed.

    Raises:
        WorkError: some have.
    """
    failed = [cell for cell in cells if cell.state == "failed"]
    if failed:
        names = "; ".join(f"{c.name} ({c.note.splitlines()[0]})" for c in failed[:5])
        more = f" and {len(failed) - 5} more" if len(failed) > 5 else ""
        raise WorkError(f"{len(failed)} of {len(cells)} cells failed: {names}{more}; the same command tries them again")
