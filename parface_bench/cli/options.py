"""Options that several commands share, so that they are spelt, explained and checked alike."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, get_type_hints

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
# as in RunOptions, for commands that run nothing
OwnName = Annotated[str | None, typer.Option("--name", help="What to call files of your own as a data set.")]
Base = Annotated[
    int | None, typer.Option("--base", help="What a table of your own calls the first pixel: 0 or 1.", min=0, max=1)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout and nothing else there.")]


def takes_run_options(command: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of a run that belong to it (:class:`parface_bench.runs.options.RunOptions`).

    typer reads a command's signature: the options stand there, and arrive as the command's keywords.
    """
    from parface_bench.runs.options import RunOptions, command_options

    hints = get_type_hints(RunOptions)

    def parameter(name: str, option: Any) -> inspect.Parameter:
        default, kind = getattr(RunOptions, name), hints[name]
        if isinstance(default, tuple):
            default, kind = None, list[str] | None
        flag = typer.Option(option.flag, help=option.help, metavar=option.metavar, min=option.least)
        keyword = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, keyword, default=default, annotation=Annotated[kind, flag])

    def decorate(function: Callable[..., None]) -> Callable[..., None]:
        own = inspect.signature(function, eval_str=True).parameters.values()
        shared = [parameter(name, option) for name, option in command_options(command).items()]
        there = [p.replace(kind=p.KEYWORD_ONLY) for p in own if p.kind is not p.VAR_KEYWORD]
        signature = inspect.Signature([*there[:2], *shared, *there[2:]])
        function.__signature__ = signature  # type: ignore[attr-defined]
        function.__annotations__ = {p.name: p.annotation for p in signature.parameters.values()}
        return function

    return decorate


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
