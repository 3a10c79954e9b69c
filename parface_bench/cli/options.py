"""Options that several commands share, so that they are spelt, explained and checked alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from parface_bench.registry.catalogue import catalogue


def _load(files: list[Path] | None) -> list[Path]:
    for file in files or ():
        catalogue.load_file(file)
    return files or []


Plugins = Annotated[
    list[Path] | None,
    typer.Option(
        "--plugin", metavar="FILE", help="Load a plugin from a Python file (repeatable).", callback=_load, is_eager=True
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]
