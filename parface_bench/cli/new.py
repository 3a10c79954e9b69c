"""``pfbench new``: a plugin skeleton that works and is tested from the first minute."""

from __future__ import annotations

import shlex
from pathlib import Path
from typing import Annotated

import typer

from parface_bench.cli.screen import emit, say
from parface_bench.registry import KINDS, catalogue
from parface_bench.registry.scaffold import scaffold


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(help="Write a working, tested skeleton of a plugin; nothing that exists is overwritten.")
    def new(
        kind: Annotated[str, typer.Argument(help=f"One of: {', '.join(KINDS)}.")],
        name: Annotated[str, typer.Argument(help="The plugin's name on the command line.")],
        dir: Annotated[
            Path | None, typer.Option("--dir", metavar="DIR", help="Where to write it.", show_default="./NAME")
        ] = None,
    ) -> None:
        files = scaffold(kind, name, dir)
        for file in files:
            emit(str(file))
        folder, module = shlex.quote(f"{files[0].parent}/"), shlex.quote(str(files[0]))
        say(
            f"next: pytest {folder}  |  pfbench show {catalogue[kind].name} {name} --plugin {module}"
            f"  |  python -m pip install {folder if files[0].is_absolute() else './' + folder}"
        )
