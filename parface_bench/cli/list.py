"""``pfbench list``: every plugin by kind, one line each."""

from __future__ import annotations

import sys
from typing import Annotated

import typer

from parface_bench.cli.options import PROTOCOL, Json, Plugins
from parface_bench.cli.screen import columns, emit_document
from parface_bench.registry import KINDS, Spec, catalogue
from parface_bench.registry.facts import facts
from parface_bench.registry.requirements import install_command, missing


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("list", help="List the plugins of every kind, or of one; 'list protocol' lists the protocols.")
    def list_(
        kind: Annotated[
            str | None, typer.Argument(metavar="[KIND]", help=f"One of: {', '.join((*KINDS, PROTOCOL))}.")
        ] = None,
        verbose: Annotated[
            bool, typer.Option("--verbose", "-v", help="Add where each comes from; tracebacks of broken ones.")
        ] = False,
        json_: Json = False,
        plugin: Plugins = None,
    ) -> None:
        if kind in (PROTOCOL, f"{PROTOCOL}s"):
            _protocols(json_)
            return
        kinds = [catalogue[kind]] if kind else [catalogue[name] for name in KINDS]
        if verbose:
            catalogue.import_all()
        if json_:
            emit_document([facts(spec) for one in kinds for spec in one])
        else:
            columns([(one.plural, [(spec.name, _line(spec, verbose)) for spec in one]) for one in kinds])
        for broken in catalogue.broken if verbose else ():
            typer.echo(f"\nbroken: {broken.owner}: {broken.error}\n{broken.traceback}", file=sys.stderr)


def _protocols(as_json: bool) -> None:
    """The protocols that ``--protocol`` knows by name, which are files and not plugins."""
    from parface_bench.scoring.protocol import load_protocol, protocol_facts, protocol_names

    found = [load_protocol(name) for name in protocol_names()]
    if as_json:
        emit_document([protocol_facts(one) for one in found])
        return
    columns([("protocols", [(one.name, one.summary) for one in found])])


def _line(spec: Spec, verbose: bool) -> str:
    line = spec.summary
    if spec.needs and missing(spec):
        line += f"  [not installed: {install_command(spec)}]"
    if verbose:
        line += f"  ({spec.owner})"
    return line
