"""The board: all tables as one HTML page that needs nothing else.

Without scripts it is a page of tables with every column. With them one picks data set, subset and metrics, sorts,
filters, opens the seeds of a row, sees error curves and cost, and compares two rows face by face; the address keeps
what was picked.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from parface_bench.leaderboard.grids import main_columns
from parface_bench.leaderboard.render import (
    cell_text,
    cost_title,
    cost_value,
    extra_value,
    faces,
    notes,
    number,
)
from parface_bench.leaderboard.table import COST, Cell, Column, Row, Table
from parface_bench.pages import curves
from parface_bench.pages.shell import COLOURS, DASHES, page
from parface_bench.registry import UserError

MARKS = {"plus_minus": "±", "tie": "≈", "seen": "†", "": ""}
ARROWS = {True: "↑", False: "↓", None: ""}
_UNITS = 100  # per-face errors are kept in hundredths of a percent, up to 655 %
_NONE = 65535  # a face that a row was not scored on


def render_page(tables: Sequence[Table], plots: Mapping[int, Sequence[tuple[str, str]]] | None = None) -> str:
    """The page.

    Args:
        tables: what to show, in this order.
        plots: for the number of a table, (subset, inline SVG) pairs to put below it.
    """
    shown = [_context(i, t, (plots or {}).get(i, ())) for i, t in enumerate(tables)]
    data = {"tables": [_data(i, t) for i, t in enumerate(tables)]}
    return page("board", data, title="parface-bench leaderboard", tables=shown)


def _context(place: int, table: Table, plots: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What the template shows of a table."""
    main = main_columns(table)
    tops = [_top(table, column) for column in table.columns]
    return {
        "key": f"t{place}",
        "table": table,
        "columns": [{"column": c, "arrow": ARROWS[c.higher_is_better], "main": c in main} for c in table.columns],
        "more": [*map(cost_title, table.cost), *table.extra, "Faces"],
        "rows": [_row(i, row, table, tops) for i, row in enumerate(table.rows)],
        "configs": any(r.config for r in table.rows),
        "notes": [(MARKS[mark], text) for mark, text in notes(table)],
        "plots": plots,
    }


def _row(place: int, row: Row, table: Table, tops: Sequence[float]) -> dict[str, Any]:
    more = [_plain(cost_value(name, row.cost.get(name)), row.cost.get(name)) for name in table.cost]
    more += [_plain(extra_value(row.extra.get(h)), row.extra.get(h)) for h in table.extra]
    more.append(_plain(faces(row), row.n))
    cells = [row.cells.get((c.subset, c.metric), Cell()) for c in table.columns]
    return {
        "place": place,
        "row": row,
        "cells": [_cell(cell, c, top) for cell, c, top in zip(cells, table.columns, tops, strict=True)],
        "more": more,
        "seeds": _seeds(row, table),
    }


def _cell(cell: Cell, column: Column, top: float) -> dict[str, Any]:
    bar = None
    if cell.interval is not None and top > 0:
        low, high = (min(max(100 * x / top, 0.0), 100.0) for x in cell.interval)
        bar = (f"{low:.1f}", f"{max(high - low, 0.5):.1f}")
    return {
        "sort": "" if cell.value is None else repr(cell.value),
        "text": cell_text(cell, column.unit),
        "spread": "" if cell.spread is None else number(cell.spread, column.unit),
        "interval": "" if cell.interval is None else " to ".join(number(x, column.unit) for x in cell.interval),
        "bar": bar,
        "best": cell.best,
        "tied": cell.tied,
    }


def _top(table: Table, column: Column) -> float:
    """Where the interval bars of a column end."""
    cells = [r.cells.get((column.subset, column.metric), Cell()) for r in table.rows]
    return max((c.interval[1] for c in cells if c.interval is not None), default=0.0)


def _seeds(row: Row, table: Table) -> list[dict[str, Any]]:
    """The values of each seed in the main columns, where there are several."""
    if len(row.results) < 2:
        return []
    main = main_columns(table)
    lines = []
    for result in row.results:
        d = result.document
        values = [d["subsets"].get(c.subset, {}).get(c.metric, {}).get("value") for c in main]
        pairs = [f"{c.metric} {number(v, c.unit)}" for c, v in zip(main, values, strict=True)]
        lines.append({"seed": d.get("seed"), "run": d["run_id"], "text": ", ".join(pairs)})
    return lines


def _data(place: int, table: Table) -> dict[str, Any]:
    """What the script reads of a table: curves, cost and per-face errors of its measured rows."""
    limit = max((curves.limit_of(r.results[0].document) for r in table.rows if r.results), default=10.0)
    ids, packed = _errors(table)
    rows = []
    for i, row in enumerate(table.rows):
        main = main_columns(table)[:1]
        value = row.cells.get((main[0].subset, main[0].metric), Cell()).value if main else None
        rows.append(
            {
                "key": f"{row.method} ({row.config})" if row.config else row.method,
                "colour": COLOURS[i % len(COLOURS)],
                "dash": DASHES[(i // len(COLOURS)) % len(DASHES)],
                "curve": curves.band(row.results, limit) if row.results else None,
                "errors": packed.get(i),
                "value": value,
                "cost": {name: row.cost.get(name) for name in COST} | {"seconds": _seconds(row)},
                "measured": bool(row.results),
            }
        )
    return {"key": f"t{place}", "limit": limit, "faces": ids, "rows": rows, "units": _UNITS, "none": _NONE}


def _seconds(row: Row) -> float | None:
    found = [r.document.get("seconds") for r in row.results]
    known = [s for s in found if s]
    return sum(known) / len(known) if known else None


def _errors(table: Table) -> tuple[int, dict[int, str]]:
    """Number of faces, and for each row the mean error over its seeds in the faces' common order, packed."""
    found: dict[int, dict[str, float]] = {}
    for i, row in enumerate(table.rows):
        sums: dict[str, list[float]] = {}
        for result in row.results:
            try:
                errors = result.errors()
            except UserError:
                continue
            for face, value in zip(errors["id"].astype(str), errors["nme"], strict=True):
                sums.setdefault(face, []).append(float(value))
        if sums:
            found[i] = {face: sum(values) / len(values) for face, values in sums.items()}
    order = sorted({face for values in found.values() for face in values})
    packed = {}
    for i, values in found.items():
        line = np.array([min(values[f] * _UNITS, _NONE - 1) if f in values else _NONE for f in order])
        packed[i] = base64.b64encode(np.rint(line).astype("<u2").tobytes()).decode()
    return len(order), packed


def _plain(text: str, value: Any) -> dict[str, str]:
    number_like = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {"text": text, "sort": repr(value) if number_like else "" if value is None else str(value)}
