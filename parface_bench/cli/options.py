"""Options that several commands share, so that they are spelt, explained and checked alike."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

import typer

from parface_bench.registry.catalogue import catalogue

PROTOCOL = "protocol"  # listed and shown like a kind of plugin, though it is a file


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
Force = Annotated[bool, typer.Option("--force", help="Write over files that pfbench did not make.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]


def keyed(pairs: list[str] | None) -> dict[str, Any]:
    """``["KEY=VALUE", ...]`` of ``--set`` as keywords; the values are read as YAML.

    Raises:
        UserError: one is no such pair.
    """
    from parface_bench.limits import read_yaml
    from parface_bench.registry import UserError

    settings = {}
    for pair in pairs or []:
        key, equals, value = pair.partition("=")
        if not equals or not all(part.isidentifier() for part in key.split(".")):
            raise UserError(f"--set {pair}: expected KEY=VALUE")
        try:
            settings[key] = read_yaml(value, "it")
        except UserError as error:
            raise UserError(f"--set {pair}: the value cannot be read ({error}); put it in quotes") from None
    return settings
