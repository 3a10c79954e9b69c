"""``pfbench run`` and ``pfbench eval``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from parface_bench.cli.options import Json, Plugins

Dataset = Annotated[str, typer.Option("--dataset", help="Data set to train and score on ('pfbench list dataset').")]
Profile = Annotated[
    str | None, typer.Option("--profile", help="quick or full; default: full on a GPU, quick on a CPU.")
]
DataRoot = Annotated[Path | None, typer.Option("--data-root", help="Folder of the data set.")]
Protocol = Annotated[
    str | None, typer.Option("--protocol", help="Protocol name or .yaml file (default: the data set's).")
]
Split = Annotated[str | None, typer.Option("--split", help="Split to score (default: the data set's test splits).")]
Seed = Annotated[int, typer.Option("--seed", min=0, help="Seed of everything random.")]
Device = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or cuda:NUMBER.")]
Out = Annotated[Path, typer.Option("--out", help="Folder of runs; a run's own is OUT/DATASET/METHOD/RUN_ID.")]
Limit = Annotated[int | None, typer.Option("--limit", min=2, help="At most so many faces of every table.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Change a setting of the recipe (repeatable).")
]
Store = Annotated[Path, typer.Option("--store", help="Folder of recorded results.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""

    @app.command("run")
    def run(
        method: str = typer.Argument(..., metavar="METHOD", help="Method to train and score ('pfbench list method')."),
        dataset: Dataset = ...,  # type: ignore[assignment]
        profile: Profile = None,
        data_root: DataRoot = None,
        protocol: Protocol = None,
        split: Split = None,
        seed: Seed = 0,
        device: Device = "auto",
        stages: str | None = typer.Option(None, "--stages", help="Only these stages, for example 1-3,5."),
        from_checkpoint: Path | None = typer.Option(None, "--from", help="Checkpoint to start from."),
        out: Out = Path("runs"),
        resume: bool = typer.Option(False, "--resume", help="Go on with the newest unfinished run of this kind."),
        limit: Limit = None,
        overrides: Set = None,
        store: Store = Path("leaderboards"),
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Train a method (if it learns), predict, score and add the result to the leaderboard store."""
        options = {key: value for key, value in locals().items() if key not in ("method", "dataset", "plugin", "json")}
        _show(method, dataset, {**options, "overrides": overrides or []}, json)

    @app.command("eval")
    def evaluate(
        method: str = typer.Argument(
            ...,
            metavar="CHECKPOINT_OR_METHOD",
            help="A checkpoint, a run's folder, or a method that needs no training.",
        ),
        dataset: Dataset = ...,  # type: ignore[assignment]
        profile: Profile = None,
        data_root: DataRoot = None,
        protocol: Protocol = None,
        split: Split = None,
        seed: Seed = 0,
        device: Device = "auto",
        out: Out = Path("runs"),
        limit: Limit = None,
        overrides: Set = None,
        store: Store = Path("leaderboards"),
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Predict and score without training."""
        options = {key: value for key, value in locals().items() if key not in ("method", "dataset", "plugin", "json")}
        _show(method, dataset, {**options, "overrides": overrides or [], "train": False}, json)


def _show(method: str, dataset: str, options: dict[str, Any], json: bool) -> None:
    """Run, and print the result in the first process of a distributed run."""
    from parface_bench.registry import DATASETS, METHODS

    # a misspelt name is told before torch is imported
    DATASETS.spec(dataset)
    if options.get("train", True):
        METHODS.spec(method)

    from parface_bench.api import run
    from parface_bench.registry.faults import aside
    from parface_bench.scoring.report import remarks, subset_table
    from parface_bench.training import distributed

    try:
        with aside():
            result = run(method, dataset, **options)
        if distributed.rank() != 0:
            return
    finally:
        distributed.stop()
    document = {**result.document, "run_dir": str(result.folder)}
    for line in remarks(document):
        typer.echo(f"pfbench: {line}", err=True)
    if json:
        import json as codec

        typer.echo(codec.dumps(document, indent=2, allow_nan=False))
    else:
        typer.echo(subset_table(document))
        typer.echo(f"pfbench: {result.folder}", err=True)
