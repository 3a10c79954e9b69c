"""``pfbench export-checkpoint``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from parface_bench.cli.options import Force, Json, Plugins
from parface_bench.cli.screen import emit, emit_document


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("export-checkpoint")
    def export_checkpoint(
        source: Annotated[Path, typer.Argument(metavar="RUN_OR_CHECKPOINT", help="A checkpoint, or a run's folder.")],
        out: Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for saae.mdl and meta.json.")],
        form: Annotated[str, typer.Option("--format", help="Which program is to read it: parface.")] = "parface",
        force: Force = False,
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Write a trained ParFace-Net or 3FabRec as the original code reads it: saae.mdl and meta.json."""
        from parface_bench.methods.imported import export_foreign
        from parface_bench.runs.folder import CHECKPOINT

        done = export_foreign(source / CHECKPOINT if source.is_dir() else source, out, form, force=force)
        if json:
            emit_document(done)
        else:
            emit(f"{out}: {done['method']}, {done['tensors']} tensors in saae.mdl, and meta.json")
