"""The error in parts: by subset, by region and side of the face, by landmark, and what palsy costs."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from parface_bench.faces import get_schema
from parface_bench.pages import face_map
from parface_bench.registry import UserError
from parface_bench.report.faces import predicted
from parface_bench.results.result import Result
from parface_bench.scoring.report import main_subsets


def subsets(names: Sequence[str], results: Sequence[Result], main: str) -> list[dict[str, Any]]:
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


def parts_of(results: Sequence[Result], kind: str) -> dict[str, Any] | None:
    """Errors of regions or sides of the face, where every result has them."""
    found = [(r.document.get("breakdown", {}).get("full") or {}).get(kind) for r in results]
    if not all(found):
        return None
    parts = [p for p in found[0] or {} if all(f and p in f for f in found)]
    rows = [{"name": p, "n": None, "cells": [f[p] for f in found if f]} for p in parts]
    return {"rows": rows, "top": _top(rows)} if rows else None


def maps(names: Sequence[str], results: Sequence[Result]) -> dict[str, Any] | None:
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


def gaps(names: Sequence[str], results: Sequence[Result], data_root: str | Path | None) -> list[dict[str, Any]]:
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


def _top(rows: Sequence[dict[str, Any]]) -> float:
    """Where the interval bars end: the largest upper limit."""
    ends = [
        c["ci95"][1] if c.get("ci95") else c["value"] for row in rows for c in row["cells"] if c["value"] is not None
    ]
    return max(ends, default=1.0) or 1.0


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
