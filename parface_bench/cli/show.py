"""``pfbench show``: everything that a plugin says about itself."""

from __future__ import annotations

import shutil
import textwrap
from typing import Annotated, Any

import typer

from parface_bench.cli.options import PROTOCOL, Json, Plugins
from parface_bench.cli.screen import emit, emit_document
from parface_bench.registry import KINDS, catalogue
from parface_bench.registry.facts import description, facts


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(help="Show all facts of a plugin or protocol: what it is, licence, source, options, how to get it.")
    def show(
        kind: Annotated[str, typer.Argument(help=f"One of: {', '.join((*KINDS, PROTOCOL))}.")],
        name: Annotated[str, typer.Argument(help="The plugin's name, as `pfbench list` prints it.")],
        json_: Json = False,
        plugin: Plugins = None,
    ) -> None:
        said = _protocol(name) if kind in (PROTOCOL, f"{PROTOCOL}s") else _plugin(kind, name)
        if json_:
            emit_document(said)
            return
        doc = said.pop("doc", "")
        emit(f"{said.pop('kind')} {said.pop('name')}: {said.pop('summary') or 'no summary'}")
        for key, value in said.items():
            if value not in ("", [], {}, None):
                emit(_field(key.replace("_", " "), value))
        if doc:
            emit("\n" + textwrap.indent(doc, "  "))


def _plugin(kind: str, name: str) -> dict[str, Any]:
    spec = catalogue[kind].provider(name)
    said = {**facts(spec), **description(spec)}
    return {**said, **spec.load().facts()} if spec.kind == "layout" else said


def _protocol(name: str) -> dict[str, Any]:
    from parface_bench.scoring.protocol import load_protocol, protocol_facts

    return protocol_facts(load_protocol(name))


def _text(item: Any) -> str:
    if isinstance(item, list):
        return ", ".join(map(str, item))
    return "required" if item is None else str(item)


def _field(heading: str, value: Any) -> str:
    """One fact under its heading, wrapped to the terminal with a hanging indent."""
    lead = " " * 18
    width = max(60, shutil.get_terminal_size((120, 24)).columns)
    if isinstance(value, dict):
        lines = [f"{key}: {_text(item)}" for key, item in value.items()]
    elif isinstance(value, bool):
        lines = ["yes" if value else "no"]
    elif isinstance(value, list):
        lines = [", ".join(map(str, value))]
    else:
        lines = str(value).splitlines()
    wrapped = [
        part
        for line in lines
        for part in textwrap.wrap(line, width - len(lead), break_long_words=False, break_on_hyphens=False) or [""]
    ]
    return f"  {heading:<14}  " + f"\n{lead}".join(wrapped)
