"""``pfbench leaderboard``: tables and plots of the recorded results."""

from __future__ import annotations

from pathlib import Path

import typer

from parface_bench.cli.options import Force, Json, Plugins
from parface_bench.cli.screen import emit, emit_document, on_terminal, say


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("leaderboard")
    def leaderboard(
        dataset: str | None = typer.Option(None, "--dataset", help="This data set only."),
        protocol: str | None = typer.Option(None, "--protocol", help="This protocol only."),
        form: str | None = typer.Option(
            None, "--format", help="md, csv, html, latex or json (default: md; on a terminal a table that fits it)."
        ),
        out: Path | None = typer.Option(None, "--out", help="Write to a file instead of standard output."),
        reported: bool = typer.Option(False, "--reported", help="Add published numbers, marked and audited."),
        subset: list[str] = typer.Option([], "--subset", help="All metrics of these subsets (repeatable)."),
        metric: list[str] = typer.Option([], "--metric", help="These metrics only (repeatable)."),
        cost: bool = typer.Option(False, "--cost", help="Add parameters, GFLOPs, times and memory."),
        by: str = typer.Option("", "--by", metavar="labels", help="Error against the number of labelled faces."),
        plots: Path | None = typer.Option(None, "--plots", help="Draw error curves (CED) into this folder."),
        store: Path = typer.Option(Path("leaderboards"), "--store", help="Folder of recorded results."),
        add: list[Path] = typer.Option([], "--add", help="First record the result in this run folder (repeatable)."),
        force: Force = False,
        plugin: Plugins = None,
        everything: bool = typer.Option(False, "--all", help="On a terminal: all columns and rows."),
        json: Json = False,
    ) -> None:
        """Rank the recorded results: one table per data set, protocol version and data fingerprint."""
        from parface_bench.leaderboard.grids import table_grid
        from parface_bench.leaderboard.table import Selection
        from parface_bench.leaderboard.views import add_runs, show, tables_of
        from parface_bench.registry import UserError
        from parface_bench.registry.faults import prints_to_stderr

        if json and form not in (None, "json"):
            raise UserError(f"--json and --format {form} are two formats: say one")
        add_runs(add, store, say)
        selection = Selection(dataset, protocol, subset, metric, cost)
        form = "json" if json else form
        with prints_to_stderr():
            if form is None and out is None and plots is None and not by and on_terminal():
                tables = tables_of(store, selection, reported=reported, warn=say)
                chosen = bool(subset or metric)
                emit("", [table_grid(table, everything=everything, chosen=chosen) for table in tables])
                return
            text = show(
                store,
                selection,
                form=form or "md",
                out=out,
                reported=reported,
                plots=plots,
                by=by,
                force=force,
                warn=say,
            )
        if out is None:
            emit_document(text)
