"""``pfbench report``: one self-contained page on one result, or a comparison of up to eight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from parface_bench.faces import get_schema
from parface_bench.leaderboard.board import group_of
from parface_bench.pages import curves
from parface_bench.pages.shell import COLOURS, DASHES, page
from parface_bench.registry import UserError
from parface_bench.report import confidence, parts
from parface_bench.report.faces import choose, gather, tagged
from parface_bench.report.words import summary
from parface_bench.results.result import Result
from parface_bench.scoring.protocol import main_metrics

MOST_RESULTS = 8


def report(
    results: Sequence[Result],
    *,
    data_root: str | Path | None = None,
    pictures: bool = False,
    warn: Callable[[str], None] = lambda sentence: None,
) -> str:
    """The page as text.

    Args:
        results: one to eight; those of other data, protocols or landmarks get sections of their own.
        data_root: folder of the data set, where it is not set otherwise.
        pictures: show photographs even where the data set does not allow to pass them on.
        warn: takes a sentence for what is left out.

    Raises:
        UserError: no result, or too many.
    """
    if not 1 <= len(results) <= MOST_RESULTS:
        raise UserError(f"a report holds 1 to {MOST_RESULTS} results, not {len(results)}")
    groups: dict[Any, list[Result]] = {}
    for result in results:
        groups.setdefault(group_of(result.document), []).append(result)
    sections, data = [], []
    for number, members in enumerate(groups.values()):
        section, payload = _section(f"g{number}", members, data_root, pictures, warn)
        sections.append(section)
        data.append(payload)
    title = " and ".join(dict.fromkeys(r.document["method"] for r in results))
    return page("report", {"sections": data}, title=f"Report on {title}", sections=sections)


def _section(
    key: str, results: list[Result], data_root: str | Path | None, pictures: bool, warn: Callable[[str], None]
) -> tuple[dict[str, Any], dict[str, Any]]:
    """One group of comparable results: what the template shows, and what the script reads."""
    first = results[0].document
    names = _names(results)
    metrics = main_metrics(first)
    main = metrics[0]
    tables = {}
    for name, result in zip(names, results, strict=True):
        try:
            tables[name] = _checked(result)
        except UserError as error:
            warn(f"{name}: without curve and faces: {error}")
    limit = curves.limit_of(first)
    ids = choose(list(tables.values())) if tables else []
    gallery = gather([(n, r) for n, r in zip(names, results, strict=True) if n in tables], ids, data_root, pictures) \
        if tables else None  # fmt: skip
    sure = {n: found for n, r in zip(names, results, strict=True) if n in tables and (found := confidence.of(r))}
    methods = [
        {
            "key": name,
            "colour": COLOURS[i % len(COLOURS)],
            "dash": DASHES[i % len(DASHES)],
            "curve": curves.curve(tables[name]["nme"].to_numpy(), limit) if name in tables else None,
            "errors": _by_id(tables[name], ids) if name in tables else {},
            "confidence": confidence.drawn(sure.get(name)),
        }
        for i, name in enumerate(names)
    ]
    section = {
        "key": key,
        "heading": f"{first['dataset']} · protocol {first['protocol']} v{first['protocol_version']}",
        "faces": first["n"],
        "fingerprint": first["data_fingerprint"][:8],
        "summary": summary(names, results, main),
        "metrics": [(name, *_facts(first, name)) for name in metrics],
        "rows": [_row(name, result, metrics, i) for i, (name, result) in enumerate(zip(names, results, strict=True))],
        "subsets": parts.subsets(names, results, main),
        "regions": parts.parts_of(results, "region"),
        "sides": parts.parts_of(results, "side"),
        "maps": parts.maps(names, results),
        "confidence": confidence.section(sure),
        "gaps": parts.gaps(names, results, data_root),
        "provenance": [_provenance(name, result) for name, result in zip(names, results, strict=True)],
        "main": main,
        "names": names,
        "notes": gallery.notes if gallery else ["No per-face errors are at hand, so there are no curves and faces."],
        "gallery": bool(gallery and gallery.faces),
    }
    payload = {
        "key": key,
        "methods": methods,
        "limit": limit,
        "main": main,
        "faces": tagged(gallery.faces, tables) if gallery else [],
        "edges": _edges(first),
    }
    return section, payload


def _names(results: Sequence[Result]) -> list[str]:
    """Method names that tell the results apart: with profile, seed or run where needed."""
    levels: list[Callable[[dict[str, Any]], str]] = [
        lambda d: str(d["method"]),
        lambda d: f"{d['method']} ({d.get('profile') or 'as it is'})",
        lambda d: f"{d['method']} ({d.get('profile') or 'as it is'}, seed {d.get('seed')})",
        lambda d: f"{d['method']} ({d['run_id']})",
    ]
    names: list[str] = []
    for level in levels:
        names = [level(r.document) for r in results]
        if len(set(names)) == len(names):
            return names
    return [f"{name} #{i + 1}" for i, name in enumerate(names)]


def _checked(result: Result) -> Any:
    table = result.errors()
    if len(table) != result.document["n"]:
        raise UserError(f"{result.folder}: {len(table)} per-face errors, but {result.document['n']} faces were scored")
    return table.assign(id=table["id"].astype(str))


def _by_id(table: Any, ids: Sequence[str]) -> dict[str, float]:
    known = dict(zip(table["id"], table["nme"], strict=True))
    return {face: round(float(known[face]), 3) for face in ids if face in known}


def _facts(document: dict[str, Any], metric: str) -> tuple[str, str]:
    fact = document.get("metrics", {}).get(metric, {})
    return fact.get("unit", ""), {True: "↑", False: "↓"}.get(fact.get("higher_is_better"), "")


def _row(name: str, result: Result, metrics: Sequence[str], number: int) -> dict[str, Any]:
    document = result.document
    full = document["subsets"]["full"]
    return {
        "name": name,
        "colour": COLOURS[number % len(COLOURS)],
        "cells": [full.get(metric) or {"value": None, "ci95": None} for metric in metrics],
        "n": document["n"],
        "excluded": len(document["excluded"]),
        "contaminated": bool(document.get("contaminated")),
        "seconds": document.get("cost", {}).get("ms_per_face"),
        "parameters": document.get("cost", {}).get("parameters"),
    }


def _edges(document: dict[str, Any]) -> list[list[int]]:
    name = document.get("schema")
    return get_schema(name).edges.tolist() if name else []


def _provenance(name: str, result: Result) -> dict[str, Any]:
    d = result.document
    environment, code = d.get("environment", {}), d.get("code_version") or {}
    facts = [
        ("run", d["run_id"]),
        ("recorded", d["created"]),
        ("command", d["command"]),
        ("configuration", d["config_hash"]),
        ("seed", d.get("seed")),
        ("trained on", ", ".join(d.get("trained_on") or []) or "nothing"),
        ("data hash", d["data_fingerprint"]),
        ("code", f"{code.get('package', '')} {str(code.get('commit') or '')[:10]}".strip()),
        ("platform", environment.get("platform")),
        ("precision", environment.get("precision")),
        ("threads", environment.get("threads")),
        ("packages", ", ".join(f"{k} {v}" for k, v in (environment.get("packages") or {}).items())),
    ]
    return {"name": name, "facts": [(k, v) for k, v in facts if v not in (None, "")]}
