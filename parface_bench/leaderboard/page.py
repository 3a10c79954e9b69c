"""The board: all tables as one HTML page that needs nothing else.

Without scripts it is a page of tables with every column. With them one picks data set, subset and metrics, sorts,
filters, opens the seeds of a row, sees error curves and cost, and compares two rows face by face; the address keeps
what was picked. Cells are plain text, so that a board of hundreds of results opens at once; the per-face errors lie
compressed beside each table and are unpacked when they are first wanted.
"""

from __future__ import annotations

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
from parface_bench.leaderboard.table import COST, Cell, Row, Table
from parface_bench.leaderboard.uncertain import depends_on_seed
from parface_bench.pages import curves
from parface_bench.pages.shell import COLOURS, DASHES, packed, page
from parface_bench.registry import UserError
from parface_bench.scoring.crossed import quantiles

MARKS = {"plus_minus": "±", "tie": "≈", "seen": "†", "": ""}
ARROWS = {True: "↑", False: "↓", None: ""}
_UNITS = 100  # per-face errors are kept in hundredths of a percent, up to 655 %
_NONE = 65535  # a face that a run was not scored on


def render_page(tables: Sequence[Table], plots: Mapping[int, Sequence[tuple[str, str]]] | None = None) -> str:
    """The page.

    Args:
        tables: what to show, in this order.
        plots: for the number of a table, (subset, inline SVG) pairs to put below it.
    """
    shown = [_context(i, t, (plots or {}).get(i, ())) for i, t in enumerate(tables)]
    data = {
        "tables": [_data(i, t) for i, t in enumerate(tables)],
        "units": _UNITS,
        "none": _NONE,
        "student": quantiles(),
        "colours": COLOURS,
        "dashes": DASHES,
    }
    return page("board", data, title="parface-bench leaderboard", tables=shown)


def _context(place: int, table: Table, plots: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """What the template shows of a table."""
    main = main_columns(table)
    return {
        "key": f"t{place}",
        "table": table,
        "columns": [{"column": c, "arrow": ARROWS[c.higher_is_better], "main": c in main} for c in table.columns],
        "more": [*map(cost_title, table.cost), *table.extra, "Faces"],
        "rows": [_row(i, row, table) for i, row in enumerate(table.rows)],
        "configs": any(r.config for r in table.rows),
        "notes": [(MARKS[mark], text) for mark, text in notes(table)],
        "plots": plots,
    }


def _row(place: int, row: Row, table: Table) -> dict[str, Any]:
    cells = [(row.cells.get((c.subset, c.metric), Cell()), c.unit) for c in table.columns]
    return {
        "place": place,
        "row": row,
        "cells": [
            {
                "text": cell_text(cell, unit),
                "spread": None if cell.spread is None else number(cell.spread, unit),
                "best": cell.best,
                "tied": cell.tied,
            }
            for cell, unit in cells
        ],
        "more": [
            *(cost_value(name, row.cost.get(name)) for name in table.cost),
            *(extra_value(row.extra.get(heading)) for heading in table.extra),
            faces(row),
        ],
        "seeds": _seeds(row, table),
    }


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
    """What the script reads of a table: cost and, packed, the per-face errors of its measured rows' runs."""
    limit = max((curves.limit_of(r.results[0].document) for r in table.rows if r.results), default=10.0)
    main, errors, rows = main_columns(table)[:1], [_errors(row) for row in table.rows], []
    for row, runs in zip(table.rows, errors, strict=True):
        value = row.cells.get((main[0].subset, main[0].metric), Cell()).value if main else None
        costs = {name: row.cost.get(name) for name in COST} | {"seconds": _seconds(row)}
        rows.append(
            {
                "key": f"{row.method} ({row.config})" if row.config else row.method,
                "runs": len(runs),
                "random": bool(runs) and depends_on_seed(row),
                "value": None if value is None else round(value, 5),
                "cost": {name: float(f"{cost:.5g}") for name, cost in costs.items() if cost is not None},
            }
        )
    order = sorted({face for runs in errors for run in runs for face in run})
    grid = np.array(
        [[min(run[f] * _UNITS, _NONE - 1) if f in run else _NONE for f in order] for runs in errors for run in runs]
    )
    # all low bytes, then all high ones: these are nearly the same everywhere, and pack well
    parts = np.rint(grid).astype("<u2").reshape(-1).view(np.uint8).reshape(-1, 2)
    return {
        "key": f"t{place}",
        "limit": limit,
        "faces": len(order),
        "rows": rows,
        "errors": packed(parts.T.tobytes()) if len(order) else "",
    }


def _seconds(row: Row) -> float | None:
    found = [r.document.get("seconds") for r in row.results]
    known = [s for s in found if s]
    return sum(known) / len(known) if known else None


def _errors(row: Row) -> list[dict[str, float]]:
    """NME of each face in each run that counts; nothing where a run's errors cannot be read."""
    try:
        tables = [result.errors() for result in row.counted]
    except UserError:
        return []
    return [dict(zip(t["id"].astype(str), t["nme"].astype(float).fillna(np.nan), strict=True)) for t in tables]
