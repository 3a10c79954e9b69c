"""``pfbench leaderboard``: tables and plots of the recorded results."""

from __future__ import annotations

from pathlib import Path

import typer

from parface_bench.cli.options import Force, Json, Plugins


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("leaderboard")
    def leaderboard(
        dataset: str | None = typer.Option(None, "--dataset", help="This data set only."),
        protocol: str | None = typer.Option(None, "--protocol", help="This protocol only."),
        form: str = typer.Option("md", "--format", help="md, csv, html, latex or json."),
        out: Path | None = typer.Option(None, "--out", help="Write to a file instead of standard output."),
        reported: bool = typer.Option(False, "--reported", help="Add published numbers, marked and audited."),
        subset: list[str] = typer.Option([], "--subset", help="All metrics of these subsets (repeatable)."),
        metric: list[str] = typer.Option([], "--metric", help="These metrics only (repeatable)."),
        cost: bool = typer.Option(False, "--cost", help="Add parameters, GFLOPs, times and memory."),
        plots: Path | None = typer.Option(None, "--plots", help="Draw error curves (CED) into this folder."),
        store: Path = typer.Option(Path("leaderboards"), "--store", help="Folder of recorded results."),
        add: list[Path] = typer.Option([], "--add", help="First record the result in this run folder (repeatable)."),
        force: Force = False,
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Rank the recorded results: one table per data set, protocol version and data fingerprint."""
        from parface_bench.leaderboard.table import Selection
        from parface_bench.leaderboard.views import add_runs, show
        from parface_bench.registry.faults import aside

        def warn(sentence: str) -> None:
            typer.echo(f"pfbench: {sentence}", err=True)

        add_runs(add, store, warn)
        selection = Selection(dataset, protocol, subset, metric, cost)
        form = "json" if json else form
        with aside():
            text = show(store, selection, form=form, out=out, reported=reported, plots=plots, force=force, warn=warn)
        typer.echo(text, nl=False)
