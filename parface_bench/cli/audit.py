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
        table: Path = typer.Argument(..., help="CSV: method, dataset, subset, NME and any FR@t, AUC@t, in percent."),
        json: Json = False,
    ) -> None:
        """Name every row of a table that breaks 1 - NME/t <= AUC@t <= 1 - FR@t (exit code 1 if there is one)."""
        from parface_bench.scoring.audit import audit_table

        result = audit_table(table)
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
