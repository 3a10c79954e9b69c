"""``pfbench reproduce``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from parface_bench.cli.options import Json, Plugins
from parface_bench.cli.screen import emit_document, say


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("reproduce")
    def reproduce(
        result: Annotated[Path, typer.Argument(metavar="RESULT", help="A recorded result: its folder or result.json.")],
        data_root: Annotated[Path | None, typer.Option("--data-root", help="Folder of the data set.")] = None,
        protocol: Annotated[
            str | None, typer.Option("--protocol", help="The protocol's file, where it is one of your own.")
        ] = None,
        checkpoint: Annotated[
            Path | None, typer.Option("--checkpoint", help="The checkpoint that the recorded 'eval' had scored.")
        ] = None,
        start: Annotated[
            Path | None, typer.Option("--from", help="The checkpoint that the recorded training started from.")
        ] = None,
        out: Annotated[Path | None, typer.Option("--out", help="Keep the new run here (default: thrown away).")] = None,
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Run a recorded row again and compare it face by face; exit code 1 where a number differs."""
        from parface_bench.registry.faults import prints_to_stderr
        from parface_bench.results.result import load_result
        from parface_bench.runs.reproduce import reproduce as again

        with prints_to_stderr():
            found = again(
                load_result(result),
                data_root=data_root,
                protocol=protocol,
                checkpoint=checkpoint,
                start=start,
                out=out,
            )
        for note in found["notes"]:
            say(note)
        if json:
            emit_document(found)
        else:
            typer.echo(sentence(found))
        if not found["equal"]:
            raise typer.Exit(1)


def sentence(found: dict[str, object]) -> str:
    """What was found, for the screen."""
    row = f"{found['method']} on {found['dataset']}, run {found['run_id']}"
    if found["equal"]:
        return f"equal: {row}: all errors of {found['faces']} faces are the recorded ones, to the last bit"
    lost = [f"{len(found[key])} faces {text}" for key, text in (  # type: ignore[arg-type]
        ("only_recorded", "only in the record"), ("only_again", "only now")) if found[key]]  # fmt: skip
    largest = found["largest_difference"]
    worst = "" if largest is None else f"largest difference {largest:.3g} % of the normalising distance"
    parts = [f"{found['different_faces']} of {found['faces']} faces differ", worst, *lost]
    return f"different: {row}: {', '.join(filter(None, parts))}"
