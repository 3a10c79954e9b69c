"""``pfbench report``: one self-contained page on one result, or a comparison of up to eight."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from parface_bench.faces import get_schema
from parface_bench.leaderboard.board import group_of
from parface_bench.pages import curves, face_map
from parface_bench.pages.shell import COLOURS, DASHES, page
from parface_bench.registry import UserError
from parface_bench.report.faces import choose, gather, predicted
from parface_bench.results.result import Result
from parface_bench.scoring.compare import compare_results
from parface_bench.scoring.protocol import main_metrics
from parface_bench.scoring.report import main_subsets

MOST_RESULTS = 8
_RESAMPLES = 1000


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
    methods = [
        {
            "key": name,
            "colour": COLOURS[i % len(COLOURS)],
            "dash": DASHES[i % len(DASHES)],
            "curve": curves.curve(tables[name]["nme"].to_numpy(), limit) if name in tables else None,
            "errors": _by_id(tables[name], ids) if name in tables else {},
        }
        for i, name in enumerate(names)
    ]
    section = {
        "key": key,
        "heading": f"{first['dataset']} · protocol {first['protocol']} v{first['protocol_version']}",
        "faces": first["n"],
        "fingerprint": first["data_fingerprint"][:8],
        "summary": _summary(names, results, main),
        "metrics": [(name, *_facts(first, name)) for name in metrics],
        "rows": [_row(name, result, metrics, i) for i, (name, result) in enumerate(zip(names, results, strict=True))],
        "subsets": _subsets(names, results, main),
        "regions": _parts(names, results, "region"),
        "sides": _parts(names, results, "side"),
        "maps": _maps(names, results),
        "gaps": _gaps(names, results, data_root),
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
        "faces": _tagged(gallery.faces, tables) if gallery else [],
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


def _summary(names: Sequence[str], results: Sequence[Result], main: str) -> list[str]:
    """What the numbers say, in sentences."""
    values = [r.document["subsets"]["full"].get(main, {}) for r in results]
    known = [i for i, v in enumerate(values) if v.get("value") is not None]
    if not known:
        return ["No result has the main metric."]
    unseen = [i for i in known if not results[i].document.get("contaminated")] or known
    best = min(unseen, key=lambda i: values[i]["value"])

    def spoken(entry: dict[str, Any]) -> str:
        interval = entry.get("ci95")
        within = f" (95 % interval {interval[0]:.2f} to {interval[1]:.2f})" if interval else ""
        return f"{entry['value']:.2f} %{within}"

    document = results[best].document
    lead = f"has the smallest {main}, " if len(unseen) > 1 else f"has an {main} of "
    said = [f"On {document['n']} faces of {document['dataset']}, {names[best]} {lead}{spoken(values[best])}."]
    for i in known:
        if i == best:
            continue
        try:
            compared = compare_results(results[i], results[best], resamples=_RESAMPLES)["subsets"]["full"]["NME"]
        except UserError as error:
            said.append(f"{names[i]} has {spoken(values[i])}; not compared face by face: {error}.")
            continue
        value, (low, high) = compared["difference"]["value"], compared["difference"]["ci95"]
        clear = "" if low > 0 or high < 0 else ", which is no clear difference"
        said.append(
            f"{names[i]} is {value:.2f} points {'worse' if value >= 0 else 'better'} on the same faces "
            f"(95 % interval {low:+.2f} to {high:+.2f}){clear}."
        )
    marked = [names[i] for i, r in enumerate(results) if r.document.get("contaminated")]
    if marked:
        said.append(f"Trained on faces that are scored here, so not to be ranked: {', '.join(marked)}.")
    return said


def _subsets(names: Sequence[str], results: Sequence[Result], main: str) -> list[dict[str, Any]]:
    """The main metric by subset, grouped by tag; only subsets that every result has."""
    shared = [s for s in results[0].document["subsets"] if all(s in r.document["subsets"] for r in results)]
    plain = [s for s in main_subsets(shared) if "=" not in s]
    groups: dict[str, list[str]] = {"": plain}
    for subset in shared:
        tag, equals, _ = subset.partition("=")
        if equals:
            groups.setdefault(tag, []).append(subset)
    out = []
    for tag, members in groups.items():
        rows = []
        for subset in members:
            entries = [r.document["subsets"][subset] for r in results]
            cells = [entry.get(main) or {"value": None, "ci95": None} for entry in entries]
            rows.append({"name": subset.partition("=")[2] or subset, "n": entries[0]["n"], "cells": cells})
        out.append({"tag": tag.replace("_", " "), "rows": rows, "top": _top(rows)})
    return out


def _top(rows: Sequence[dict[str, Any]]) -> float:
    """Where the interval bars end: the largest upper limit."""
    ends = [
        c["ci95"][1] if c.get("ci95") else c["value"] for row in rows for c in row["cells"] if c["value"] is not None
    ]
    return max(ends, default=1.0) or 1.0


def _parts(names: Sequence[str], results: Sequence[Result], kind: str) -> dict[str, Any] | None:
    """Errors of regions or sides of the face, where every result has them."""
    found = [(r.document.get("breakdown", {}).get("full") or {}).get(kind) for r in results]
    if not all(found):
        return None
    parts = [p for p in found[0] or {} if all(f and p in f for f in found)]
    rows = [{"name": p, "n": None, "cells": [f[p] for f in found if f]} for p in parts]
    return {"rows": rows, "top": _top(rows)} if rows else None


def _maps(names: Sequence[str], results: Sequence[Result]) -> dict[str, Any] | None:
    """A drawn face for each result, all with one colour scale."""
    errors = [(r.document.get("breakdown", {}).get("full") or {}).get("landmark") for r in results]
    if not any(errors):
        return None
    document = results[0].document
    schema = get_schema(document["schema"]) if document.get("schema") else None
    count = len(next(e for e in errors if e))
    shape = _shape(results, count)
    if shape is None:
        return None
    flat = [[_plain(v) for v in e] if e else [] for e in errors]
    known = [v for e in flat for v in e if v is not None]
    top = float(np.quantile(known, 0.95)) if known else 1.0
    steps = [top * share for share in (0, 0.25, 0.5, 0.75, 1)]
    return {
        "drawings": [
            (name, face_map.drawing(shape, schema, e, top, f"{name}: mean error by landmark"))
            for name, e in zip(names, flat, strict=True)
            if e
        ],
        "scale": [(f"{step:.1f}", face_map.colour(step / top if top else 0)) for step in steps],
    }


def _plain(value: Any) -> float | None:
    value = value.get("value") if isinstance(value, dict) else value
    return None if value is None or not np.isfinite(value) else float(value)


def _shape(results: Sequence[Result], count: int) -> np.ndarray | None:
    """Where to draw the landmarks: the mean predicted face, else a plain one of 68 points."""
    for result in results:
        found = predicted(result)
        faces = np.array([p for p in found.values() if len(p) == count and np.isfinite(p).all()])
        if len(faces):
            return face_map.mean_face(faces)
    plain = face_map.schematic()
    return plain if len(plain) == count else None


def _gaps(names: Sequence[str], results: Sequence[Result], data_root: str | Path | None) -> list[dict[str, Any]]:
    """What palsy costs each result, where the data tell who has one."""
    from parface_bench.clinical.gap import gap
    from parface_bench.clinical.scored import scored

    out = []
    for name, result in zip(names, results, strict=True):
        try:
            faces = scored(result, data_root)
            tags = [tag for tag in faces.tags if tag.startswith("palsy") and "side" not in tag]
            found = gap([faces], tags) if tags else None
        except UserError:
            found = None
        if found is None:
            continue
        for tag, entry in found["results"][0]["tags"].items():
            out.append({"method": name, "tag": tag.replace("_", " "), **entry})
    return out


def _tagged(faces: list[dict[str, Any]], tables: dict[str, Any]) -> list[dict[str, Any]]:
    """The faces with the subsets that each is in, for the browser's filter."""
    table = next(iter(tables.values())).set_index("id")
    columns = {c.removeprefix("subset:"): c for c in table if c.startswith("subset:") and c != "subset:full"}
    for face in faces:
        row = table.loc[face["id"]] if face["id"] in table.index else None
        face["tags"] = [] if row is None else [name for name, c in columns.items() if bool(row[c])]
    return faces


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
