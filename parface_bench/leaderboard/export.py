"""Tables as data, in full precision: CSV and JSON."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Sequence
from typing import Any

from parface_bench.leaderboard.table import PLUS_MINUS, TIE, Cell, Row, Table
from parface_bench.results.provenance import plain


def as_json(tables: Sequence[Table]) -> str:
    """A list of tables."""
    return json.dumps([_table(t) for t in tables], indent=2, ensure_ascii=False, default=plain) + "\n"


def as_csv(tables: Sequence[Table]) -> str:
    """One sheet: a line per row of each table, full precision, columns united over the tables."""
    lines = []
    for table in tables:
        for row in table.rows:
            line: dict[str, Any] = {
                "dataset": table.dataset,
                "protocol": table.protocol,
                "protocol_version": table.protocol_version,
                "data_fingerprint": table.fingerprint,
                "apart": table.apart,
                "rank": row.rank,
                "method": row.method,
                "config": row.config,
                "kind": "reported" if row.source else "measured",
                "faces": row.n,
                "excluded": row.excluded,
                "seeds": row.seeds if not row.source else None,
                "contaminated": int(row.contaminated),
            }
            for column in table.columns:
                cell = row.cells.get((column.subset, column.metric), Cell())
                title = f"{column.subset}:{column.metric}"
                line[title] = cell.value
                line[f"{title} ±"] = cell.spread
                low, high = cell.interval or (None, None)
                line[f"{title} ci95 low"], line[f"{title} ci95 high"] = low, high
                line[f"{title} mark"] = "best" if cell.best else "tied" if cell.tied else None
            line |= {name: row.cost.get(name) for name in table.cost}
            line |= {heading: row.extra.get(heading) for heading in table.extra}
            line |= {"source": row.reference, "impossible": row.impossible}
            line |= {"runs": " ".join(row.runs), "command": row.command}
            lines.append(line)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(k for line in lines for k in line)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()


def _table(table: Table) -> dict[str, Any]:
    """A table as plain data with full precision."""
    return {
        "dataset": table.dataset,
        "protocol": table.protocol,
        "protocol_version": table.protocol_version,
        "data_fingerprint": table.fingerprint,
        "apart": table.apart,
        "faces": table.counts,
        "faces_of_the_whole_set": table.whole,
        "columns": [vars(c) for c in table.columns],
        "spread": PLUS_MINUS,
        "tied": TIE,
        "older_runs_not_shown": table.older,
        "rows": [
            {
                "rank": row.rank,
                "method": row.method,
                "config": row.config,
                "kind": "reported" if row.source else "measured",
                "source": row.reference,
                "impossible": row.impossible,
                "no_errors": row.no_errors,
                "n": row.n,
                "excluded": row.excluded,
                "seeds": row.seeds,
                "contaminated": row.contaminated,
                "values": _nested(row),
                "cost": {k: row.cost.get(k) for k in table.cost},
                "extra": {k: row.extra.get(k) for k in table.extra},
                "runs": row.runs,
                "command": row.command,
                "created": row.created,
            }
            for row in table.rows
        ],
    }


def _nested(row: Row) -> dict[str, dict[str, Any]]:
    values: dict[str, dict[str, Any]] = {}
    for (subset, metric), cell in row.cells.items():
        values.setdefault(subset, {})[metric] = vars(cell)
    return values
