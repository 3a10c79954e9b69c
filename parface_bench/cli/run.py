"""``pfbench run`` and ``pfbench eval``."""

from __future__ import annotations

import re
import shlex
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parface_bench.cli.options import Json, Plugins, takes_run_options
from parface_bench.cli.screen import emit, emit_document, say

if TYPE_CHECKING:
    from parface_bench.leaderboard.table import Table


_ABOVE = 3  # rows of the leaderboard above the run's own, so that all fits one screen
_FILES = {
    "result.json": "all numbers",
    "errors.parquet": "error of each face",
    "predictions.parquet": "landmarks",
    "checkpoint.pt": "weights",
    "figures": "best and worst faces",
    "log.txt": "log",
}


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @app.command("run")
    @takes_run_options("run")
    def run(
        method: Annotated[str, typer.Argument(metavar="METHOD", help="Method to train ('pfbench list method').")],
        dataset: Annotated[str, typer.Option("--dataset", help="Data to learn and score ('pfbench list dataset').")],
        plugin: Plugins = None,
        json: Json = False,
        **options: Any,
    ) -> None:
        """Train a method (if it learns), predict, score and add the result to the leaderboard store."""
        _show(method, dataset, json, options)

    @app.command("eval")
    @takes_run_options("eval")
    def evaluate(
        method: Annotated[
            str,
            typer.Argument(
                metavar="CHECKPOINT_OR_METHOD",
                help="A checkpoint, a run's folder, or a method that needs no training.",
            ),
        ],
        dataset: Annotated[
            str, typer.Option("--dataset", help="DATASET[:SPLIT] to score on ('pfbench list dataset').")
        ],
        plugin: Plugins = None,
        json: Json = False,
        **options: Any,
    ) -> None:
        """Predict and score without training."""
        _show(method, dataset, json, {**options, "train": False})


def _show(method: str, dataset: str, json: bool, options: dict[str, Any]) -> None:
    """Run, and print the result in the first process of a distributed run; plugins have been loaded by their option."""
    from parface_bench.registry import DATASETS, METHODS, data_and_split
    from parface_bench.runs.options import RunOptions

    # a misspelt name is told before torch is imported
    DATASETS.spec(data_and_split(dataset)[0])
    asked = RunOptions.of(method, dataset, **options)
    if asked.train:
        METHODS.spec(asked.base_method)

    from parface_bench.clinical.paired import pair_grid, pair_table
    from parface_bench.leaderboard.grids import standing, table_grid
    from parface_bench.leaderboard.render import render
    from parface_bench.registry.faults import prints_to_stderr
    from parface_bench.runs.pipeline import execute
    from parface_bench.runs.unfinished import Unfinished
    from parface_bench.scoring.report import remarks, subset_grid, subset_table
    from parface_bench.training import distributed

    try:
        with prints_to_stderr():
            result = execute(asked)
        if distributed.rank() != 0:
            return
    finally:
        distributed.stop()
    document = {**result.document, "run_dir": str(result.folder)}
    finished = not isinstance(result, Unfinished)
    for line in remarks(document) if finished else ():
        say(line)
    if json:
        emit_document(document)
    elif finished:
        plain, grids = subset_table(document), [subset_grid(document)]
        grids[0].notes += _meanings(document)
        pairs = pair_grid(document)
        if pairs is not None:
            plain += "\n\n" + pair_table(document)
            grids.append(pairs)
        if asked.records and asked.store is not None:
            tables = _standing(document, asked.store)
            ranks = [sentence for table in tables if (sentence := standing(table, document["run_id"]))]
            plain += "\n\n" + "\n\n".join([*ranks, render(tables, "md")])
            grids += [table_grid(table, around=document["run_id"], first=_ABOVE) for table in tables]
            grids[-1].notes[:0] = ranks
        emit(plain, grids)
        for line in _where_to_go(result.folder, document["dataset"], asked.records):
            say(line)


def _meanings(document: dict[str, Any]) -> list[str]:
    """What the shown metrics are, a line each."""
    from parface_bench.scoring.metrics import resolve_metric
    from parface_bench.scoring.protocol import main_metrics

    lines = []
    for name in main_metrics(document):
        summary = resolve_metric(name).spec.summary
        bound = name.partition("@")[2]  # its summary calls it t
        said = re.sub(r"\bt\b", bound, summary) if bound else summary
        lines.append(f"{name}: {said}.")
    return lines


def _where_to_go(folder: Path, dataset: str, recorded: bool) -> list[str]:
    """Where the files are, and which command to type next."""
    there = [f"{name} ({what})" for name, what in _FILES.items() if (folder / name).exists()]
    lines = [f"files: {folder}", f"there: {', '.join(there)}", f"next: pfbench report {shlex.quote(str(folder))}"]
    return lines + ([f"or: pfbench leaderboard --dataset {dataset}"] if recorded else [])


def _standing(document: dict[str, Any], store: Path) -> list[Table]:
    """The leaderboard that a result is in, over all faces."""
    from parface_bench.leaderboard.board import group_of
    from parface_bench.leaderboard.table import Selection
    from parface_bench.leaderboard.views import tables_of

    tables = tables_of(store, Selection(document["dataset"], document["protocol"], subsets=["full"]))
    return [t for t in tables if t.group == group_of(document)]
