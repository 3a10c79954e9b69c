"""``pfbench export``."""

from __future__ import annotations

from pathlib import Path

import typer

from parface_bench.cli.options import Force, Json, Plugins
from parface_bench.cli.screen import emit, emit_document


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("export")
    def export(
        source: str = typer.Argument(..., metavar="RUN_OR_CHECKPOINT", help="A run's folder or a checkpoint."),
        form: str = typer.Option("onnx", "--format", help="onnx or safetensors."),
        out: Path = typer.Option(..., "--out", metavar="FILE", help="The file to write."),
        int8: bool = typer.Option(False, "--int8", help="ONNX: store the weights as 8-bit integers."),
        flip: bool = typer.Option(
            True, "--flip/--no-flip", help="ONNX: also look at the mirrored face if the method is scored so."
        ),
        force: Force = False,
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Write a trained method as an ONNX graph (normalisation and decoding included) or as safetensors."""
        from parface_bench.exporting.export import export_model
        from parface_bench.registry.faults import prints_to_stderr

        with prints_to_stderr():
            done = export_model(source, out, form, int8=int8, flip=flip, force=force)
        if json:
            emit_document(done)
            return
        emit(f"{done['out']}: {done['method']}, {done['schema']}, {done['bytes'] / 2**20:.2f} MiB")
        if form == "onnx":
            emit(f"in   {done['inputs']}")
            emit(f"out  {done['outputs']}")
            emit(f"largest difference to torch: {done['largest_difference_px']:.4f} px (made-up crops)")
