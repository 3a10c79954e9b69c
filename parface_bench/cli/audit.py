"""``pfbench audit``."""

from __future__ import annotations

from pathlib import Path

import typer

from parface_bench.cli.options import Json
from parface_bench.cli.screen import emit, emit_document, say


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("audit")
    def audit(
        table: Path | None = typer.Argument(
            None, help="CSV: method, dataset, subset, NME and any FR@t, AUC@t, in percent."
        ),
        reported: bool = typer.Option(False, "--reported", help="The numbers of papers that come with the toolkit."),
        json: Json = False,
    ) -> None:
        """Name every row of a table that cannot be true (exit code 1 if there is one).

        1 - NME/t <= AUC@t <= 1 - FR@t; and a whole set's NME, FR and AUC are the mean of its subsets by their sizes.
        """
        from parface_bench.leaderboard.reported import audit_reported, reported_sizes
        from parface_bench.registry import UserError
        from parface_bench.results.whole_and_parts import audit_file

        if (table is None) != reported:
            raise UserError("audit takes a table, or --reported for the numbers of papers: one of the two")
        result = audit_reported() if table is None else audit_file(table, reported_sizes())
        for note in result.notes:
            say(f"{table}: {note}")
        if json:
            emit_document(result.document())
        else:
            for fault in result.impossible:
                emit(str(fault))
            verdict = f"{len(result.impossible)} impossible" if result.impossible else "none impossible"
            emit(f"{result.checked} of {result.rows} rows checked, {verdict}")
        if result.impossible:
            raise typer.Exit(1)
