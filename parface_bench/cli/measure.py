"""``pfbench measure``."""

from __future__ import annotations

from pathlib import Path

import typer

from parface_bench.cli.options import Force, Json, Plugins
from parface_bench.cli.screen import emit, emit_document, say


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("measure")
    def measure(
        given: list[str] = typer.Argument(
            ..., metavar="TABLE|PHOTO|.pts...", help="Landmarks (CSV, Parquet, .pts, JSON of predict) or photographs."
        ),
        schema: str = typer.Option("", "--schema", help="Layout of the landmarks (default: by their number)."),
        model: str = typer.Option(
            "",
            "--model",
            help="Finds the landmarks of photographs: checkpoint, run or method; default: the model in the package.",
        ),
        detector: str = typer.Option("", "--detector", help="Face detector; none: each picture is one face."),
        frame: str = typer.Option(
            "canthi", "--frame", help="What lays the frame: canthi, lids, given (pupils) or head (3D)."
        ),
        unit: str = typer.Option(
            "eyes", "--unit", help="eyes (percent of the outer-eye distance), px, or mm with --scale."
        ),
        scale: str = typer.Option(
            "", "--scale", help="Of mm: pupils (63 mm, nominal), iris:RADIUS (px; 11.77 mm, nominal) or mm a pixel."
        ),
        only: list[str] = typer.Option([], "--measure", help="This measure only (repeatable; 'pfbench list measure')."),
        out: Path | None = typer.Option(None, "--out", help="Folder for measures.csv and the drawings."),
        draw: bool = typer.Option(False, "--draw", help="Draw the measured lines on the photographs (measures/)."),
        force: Force = False,
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Clinical measures of anybody's landmarks: brows, lids, mouth, midline, asymmetry. No diagnosis, no grade."""
        from parface_bench.predicting.measure import measure_files
        from parface_bench.registry.faults import prints_to_stderr

        with prints_to_stderr():
            outcome = measure_files(
                given,
                schema=schema,
                model=model,
                detector=detector,
                frame=frame,
                unit=unit,
                scale=scale,
                names=only,
                out=out,
                drawn=draw,
                force=force,
            )
        for remark in outcome.remarks:
            say(remark)
        for file in outcome.files:
            say(f"written: {file}")
        if json:
            emit_document(outcome.document())
        else:
            emit(outcome.text())
