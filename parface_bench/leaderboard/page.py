"""Tables as one HTML page that needs nothing else: sortable, for light and dark screens, readable without scripts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import cache
from importlib.resources import files
from typing import Any

from parface_bench import __version__
from parface_bench.leaderboard.render import (
    cell_text,
    column_title,
    cost_title,
    cost_value,
    extra_value,
    faces,
    notes,
    number,
)
from parface_bench.leaderboard.table import Cell, Table
from parface_bench.results.provenance import now

MARKS = {"plus_minus": "±", "tie": "≈", "seen": "†", "": ""}
ARROWS = {True: "↑", False: "↓", None: ""}


def render_page(tables: Sequence[Table], plots: Mapping[int, Sequence[tuple[str, str]]] | None = None) -> str:
    """The page.

    Args:
        tables: what to show, in this order.
        plots: for the number of a table, (subset, inline SVG) pairs to put below it.
    """
    return _template().render(
        tables=[_context(t, (plots or {}).get(i, ())) for i, t in enumerate(tables)], version=__version__, made=now()
    )


def _context(table: Table, plots: Sequence[tuple[str, str]]) -> dict[str, Any]:
    rows = []
    for row in table.rows:
        cells = []
        for column in table.columns:
            cell = row.cells.get((column.subset, column.metric), Cell())
            cells.append(
                {
                    "sort": "" if cell.value is None else repr(cell.value),
                    "text": cell_text(cell, column.unit),
                    "spread": "" if cell.spread is None else number(cell.spread, column.unit),
                    "interval": ""
                    if cell.interval is None
                    else " to ".join(number(x, column.unit) for x in cell.interval),
                    "best": cell.best,
                    "tied": cell.tied,
                }
            )
        more = [_plain(cost_value(name, row.cost.get(name)), row.cost.get(name)) for name in table.cost]
        more += [_plain(extra_value(row.extra.get(h)), row.extra.get(h)) for h in table.extra]
        more.append(_plain(faces(row), row.n))
        rows.append({"row": row, "cells": cells, "more": more})
    return {
        "table": table,
        "columns": [
            (column_title(c), c.unit, {True: "↑", False: "↓", None: ""}[c.higher_is_better]) for c in table.columns
        ],
        "more": [*map(cost_title, table.cost), *table.extra, "Faces"],
        "rows": rows,
        "configs": any(r.config for r in table.rows),
        "seeds": any(r.seeds > 1 for r in table.rows),
        "notes": [(MARKS[mark], text) for mark, text in notes(table)],
        "plots": plots,
    }


def _plain(text: str, value: Any) -> dict[str, str]:
    number_like = isinstance(value, (int, float)) and not isinstance(value, bool)
    return {"text": text, "sort": repr(value) if number_like else "" if value is None else str(value)}


@cache
def _template() -> Any:
    from jinja2 import Environment, StrictUndefined

    source = files("parface_bench.leaderboard").joinpath("page.html").read_text(encoding="utf-8")
    return Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True).from_string(
        source
    )
