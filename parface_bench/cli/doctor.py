"""``pfbench doctor``: what is installed, which data roots are set, what each plugin lacks."""

from __future__ import annotations

from typing import Any

import typer

from parface_bench.cli.options import Json, Plugins
from parface_bench.cli.screen import emit, emit_document


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command(help="Tell what is installed, which data roots are set and what each plugin lacks.")
    def doctor(json_: Json = False, plugin: Plugins = None) -> None:
        from parface_bench.doctor import examine

        found = examine()
        emit_document(found) if json_ else emit(_text(found))
        if found["problems"]:
            raise typer.Exit(1)


def _text(found: dict[str, Any]) -> str:
    torch = found["torch"]
    devices = ", ".join(f"{d['name']} ({d['memory_gib']} GiB)" for d in torch.get("devices", [])) or "no GPU"
    lines = [f"parface-bench {found['parface-bench']} on Python {found['python']}, {found['platform']}"]
    lines += [torch.get("error") or f"torch {torch['version']}, {torch['threads']} threads, {devices}", "", "packages"]
    for one in found["packages"]:
        note = "" if one["fits"] else f"  <- {one['wanted']} wanted"
        lines.append(f"  {one['name']:<26} {one['version'] or 'not installed'}{note}")
    lines += ["", "extras"]
    for extra in dict.fromkeys(e["extra"] for e in found["extras"]):
        lacking = [e["name"] for e in found["extras"] if e["extra"] == extra and not e["fits"]]
        note = f"lacks {', '.join(lacking)}: pip install 'parface-bench[{extra}]'" if lacking else "installed"
        lines.append(f"  {extra:<26} {note}")
    lines += ["", "places"]
    lines += [f"  {p['what']}: {p['path']}  {p['error'] or 'writable'}" for p in found["places"]]
    lines += ["", "data sets"]
    for data in found["data"]:
        where = f"{data['root']}  ({data['said_by']})" if data["root"] else data["error"] or data["note"]
        lines.append(f"  {data['name']:<26} {where}")
    lines += ["", "plugins that lack something"]
    for one in found["plugins"]:
        said = one["problem"] or f"needs {', '.join(one['missing'])}: {one['install']}"
        lines.append(f"  {one['kind']} {one['name']}: {said}")
    lines += [] if found["plugins"] else ["  none"]
    for broken in found["broken"]:
        lines += ["", f"broken plugin {broken['owner']}: {broken['error']}", broken["traceback"].rstrip()]
    lines += ["", *(f"problem: {p}" for p in found["problems"])] if found["problems"] else ["", "no problems"]
    return "\n".join(lines)
