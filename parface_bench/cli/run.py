"""``pfbench run`` and ``pfbench eval``."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from parface_bench.cli.options import Json, Plugins
from parface_bench.cli.screen import emit, emit_document, say

if TYPE_CHECKING:
    from parface_bench.leaderboard.table import Table


def _common(
    dataset: Annotated[
        str, typer.Option("--dataset", help="Data set to train and score on ('pfbench list dataset').")
    ] = ...,
    profile: Annotated[
        str | None, typer.Option("--profile", help="quick or full; default: full on a GPU, quick on a CPU.")
    ] = None,
    data_root: Annotated[Path | None, typer.Option("--data-root", help="Folder of the data set.")] = None,
    protocol: Annotated[
        str | None, typer.Option("--protocol", help="Protocol name or .yaml file (default: the data set's).")
    ] = None,
    split: Annotated[
        str | None, typer.Option("--split", help="Split to score (default: the data set's test splits).")
    ] = None,
    seed: Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")] = 0,
    device: Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:NUMBER.")] = "auto",
    out: Annotated[
        Path, typer.Option("--out", help="Folder of runs; a run's own is OUT/DATASET/METHOD/RUN_ID.")
    ] = Path("runs"),
    limit: Annotated[int | None, typer.Option("--limit", min=2, help="At most so many faces of every table.")] = None,
    overrides: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe (repeatable)."),
    ] = None,
    confidence: Annotated[
        str,
        typer.Option(
            "--confidence", help="Confidence of each landmark: own (the method's), flip (any method) or none."
        ),
    ] = "own",
    metrics: Annotated[
        list[str] | None, typer.Option("--metric", metavar="NAME", help="Also compute this metric (repeatable).")
    ] = None,
    store: Annotated[Path, typer.Option("--store", help="Folder of recorded results.")] = Path("leaderboards"),
    plugin: Plugins = None,
    json: Json = False,
) -> None:
    """The options of both commands; only its signature is used."""


def _with_common(command: Callable[..., None]) -> Callable[..., None]:
    """The command as typer is to see it: with the parameters of :func:`_common` in the place of its ``**options``."""
    argument, *own = inspect.signature(command, eval_str=True).parameters.values()
    common = inspect.signature(_common, eval_str=True).parameters.values()
    parameters = [argument, *common, *(p for p in own if p.kind is not p.VAR_KEYWORD)]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {p.name: p.annotation for p in parameters}
    return command


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @app.command("run")
    @_with_common
    def run(
        method: str = typer.Argument(..., metavar="METHOD", help="Method to train and score ('pfbench list method')."),
        stages: str | None = typer.Option(None, "--stages", help="Only these stages, for example 1-3,5."),
        from_checkpoint: Path | None = typer.Option(None, "--from", help="Checkpoint to start from."),
        resume: bool = typer.Option(False, "--resume", help="Go on with the newest unfinished run of this kind."),
        **options: Any,
    ) -> None:
        """Train a method (if it learns), predict, score and add the result to the leaderboard store."""
        _show(method, stages=stages, from_checkpoint=from_checkpoint, resume=resume, **options)

    @app.command("eval")
    @_with_common
    def evaluate(
        method: str = typer.Argument(
            ...,
            metavar="CHECKPOINT_OR_METHOD",
            help="A checkpoint, a run's folder, or a method that needs no training.",
        ),
        **options: Any,
    ) -> None:
        """Predict and score without training."""
        _show(method, train=False, **options)


def _show(method: str, *, dataset: str, json: bool, plugin: list[Path], **options: Any) -> None:
    """Run, and print the result in the first process of a distributed run; plugins have been loaded by their option."""
    from parface_bench.registry import DATASETS, METHODS

    # a misspelt name is told before torch is imported
    DATASETS.spec(dataset)
    if options.get("train", True):
        METHODS.spec(method)

    from parface_bench.api import run
    from parface_bench.leaderboard.grids import table_grid
    from parface_bench.leaderboard.render import render
    from parface_bench.registry.faults import aside
    from parface_bench.scoring.report import remarks, subset_grid, subset_table
    from parface_bench.training import distributed

    options["overrides"] = options["overrides"] or []
    try:
        with aside():
            result = run(method, dataset, **options)
        if distributed.rank() != 0:
            return
    finally:
        distributed.stop()
    document = {**result.document, "run_dir": str(result.folder)}
    for line in remarks(document):
        say(line)
    if json:
        emit_document(document)
    else:
        plain, grids = subset_table(document), [subset_grid(document)]
        if options.get("store") is not None:
            tables = _standing(document, options["store"])
            plain += "\n\n" + render(tables, "md")
            grids += [table_grid(table, around=document["run_id"]) for table in tables]
        emit(plain, grids)
        say(f"everything about this run: {result.folder}")
        say(f"next: pfbench leaderboard --dataset {document['dataset']}")


def _standing(document: dict[str, Any], store: Path) -> list[Table]:
    """The leaderboard that a result is in, over all faces."""
    from parface_bench.leaderboard.board import group_of
    from parface_bench.leaderboard.table import Selection
    from parface_bench.leaderboard.views import tables_of

    tables = tables_of(store, Selection(document["dataset"], document["protocol"], subsets=["full"]))
    return [t for t in tables if t.group == group_of(document)]
