"""``pfbench import-checkpoint``."""

from __future__ import annotations

from pathlib import Path

import typer

from parface_bench.cli.options import Force, Json, Plugins
from parface_bench.cli.screen import emit, emit_document, say


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("import-checkpoint")
    def import_checkpoint(
        source: Path = typer.Argument(..., metavar="DIR_OR_MDL", help="The snapshot, or the folder that holds it."),
        out: Path = typer.Option(..., "--out", metavar="FILE", help="The checkpoint to write."),
        schema: str = typer.Option("", "--schema", help="Landmark schema, where their number does not tell."),
        force: Force = False,
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Turn a snapshot of the original ParFace or 3FabRec code (saae.mdl, meta.json) into a checkpoint."""
        from parface_bench.methods.imported import import_foreign

        done = import_foreign(source, out, schema, force=force)
        if json:
            emit_document(done)
            return
        for note in done["notes"]:
            say(note)
        size = f"{done['image_size']} px, {done['parameters']:,} parameters"
        emit(f"{done['out']}: {done['method']}, {done['schema']}, {done['dims']}D, {size}")
