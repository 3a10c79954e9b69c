"""``pfbench predict``."""

from __future__ import annotations

from pathlib import Path

import typer

from parface_bench.cli.options import Force, Plugins, keyed
from parface_bench.cli.screen import emit, emit_document


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("predict")
    def predict(
        images: list[str] = typer.Argument(..., metavar="IMAGE...", help="Pictures, folders, patterns or videos."),
        model: str = typer.Option(
            "",
            "--model",
            help="Checkpoint, run folder, or a method that needs no training; default: the model in the package.",
        ),
        out: Path | None = typer.Option(
            None, "--out", help="Folder of the results; default: the table on stdout (--draw, pts: predictions/)."
        ),
        form: str = typer.Option("csv", "--format", help="csv, pts or json."),
        draw: bool = typer.Option(False, "--draw", help="Also draw the landmarks: OUT/overlays/."),
        numbers: bool = typer.Option(False, "--numbers", help="Write landmark numbers beside them (with --draw)."),
        detector: str = typer.Option(
            "", "--detector", help="Face detector ('pfbench list method'); none: each picture is one face."
        ),
        faces: int = typer.Option(0, "--faces", min=0, help="Keep the N largest faces per image; 0: all."),
        smoothing: float = typer.Option(
            0.0, "--smooth", min=0.0, help="Smooth videos over so many frames (standard deviation)."
        ),
        device: str = typer.Option("auto", "--device", help="auto, cpu, cuda or cuda:NUMBER."),
        setting: list[str] = typer.Option(
            [],
            "--set",
            metavar="KEY=VALUE",
            help="method.OPTION=VALUE of a detector by name (its weights, ...) or detector.OPTION=VALUE (repeatable).",
        ),
        force: Force = False,
        plugin: Plugins = None,
    ) -> None:
        """Find faces and their landmarks in photographs of any size and in videos."""
        from parface_bench.predicting.job import Request, run
        from parface_bench.registry.errors import UserError
        from parface_bench.registry.faults import prints_to_stderr

        if numbers and not draw:
            raise UserError("--numbers needs --draw: it writes the landmarks' numbers on what that draws")
        if out is None and (draw or form == "pts"):
            out = Path("predictions")
        with prints_to_stderr():
            wish = Request(model, out, form, draw, detector, faces, smoothing, device, keyed(setting), force, numbers)
            outcome = run(images, wish)
        emit(str(outcome.table)) if outcome.table else emit_document(outcome.text(form))
