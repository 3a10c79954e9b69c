"""Cells as a list to read, and a finished bench as one JSON document."""

from __future__ import annotations

import json
from collections.abc import Sequence

from parface_bench.bench.cells import Cell
from parface_bench.leaderboard.export import as_json
from parface_bench.leaderboard.table import Table


def cell_list(cells: Sequence[Cell]) -> str:
    """One line a cell: what it is, and whether it is recorded."""
    from tabulate import tabulate

    rows = [
        [
            *(c.method, c.dataset if c.split is None else f"{c.dataset}:{c.split}", c.labels or "all"),
            *(c.seed, c.state, c.note),
        ]
        for c in cells
    ]
    return tabulate(rows, headers=["method", "data set", "labels", "seed", "state", "run"], disable_numparse=True)


def document(cells: Sequence[Cell], tables: Sequence[Table]) -> str:
    """``{"cells": [...], "tables": [...]}``."""
    listed = [
        {key: getattr(c, key) for key in ("method", "dataset", "split", "labels", "seed", "state", "note")}
        for c in cells
    ]
    return json.dumps({"cells": listed, "tables": json.loads(as_json(tables))}, indent=2, ensure_ascii=False)
