"""Tables as text: Markdown, LaTeX, CSV and JSON. The HTML page is made in :mod:`parface_bench.leaderboard.page`."""

from __future__ import annotations

import csv
import io
import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from parface_bench.leaderboard.provenance import plain
from parface_bench.leaderboard.table import COST, Cell, Column, Row, Table

FORMATS = ("md", "csv", "html", "latex", "json")
DIGITS = {"%": 3, "px": 3, "fraction": 4}

_LATEX = {
    "\\": r"\textbackslash{}",
    **{c: f"\\{c}" for c in "&%$#_{}"},
    "~": r"\textasciitilde{}",
    "^": r"\textasciicircum{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
}


@dataclass(frozen=True)
class Style:
    """How one text format writes what the tables need."""

    up: str
    down: str
    plus_minus: str
    tie: str
    seen: str
    bold: str
    italic: str

    def escape(self, text: str) -> str:
        """User text as literal text of the format, on one line."""
        text = " ".join(text.split())
        if self is LATEX:
            return "".join(_LATEX.get(c, c) for c in text)
        text = text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
        return re.sub(r"([\\`*_\[\]|~])", r"\\\1", text)


MARKDOWN = Style("↑", "↓", " ± ", " ≈", " †", "**{}**", "*{}*")
LATEX = Style(
    r"$\uparrow$", r"$\downarrow$", r" $\pm$ ", r" $\approx$", r" $\dagger$", r"\textbf{{{}}}", r"\textit{{{}}}"
)


def render(tables: Sequence[Table], form: str) -> str:
    """The tables in one of the text formats ``md``, ``csv``, ``latex`` or ``json``."""
    if form == "csv":
        return _csv(tables)
    if form == "json":
        return json.dumps([as_json(t) for t in tables], indent=2, ensure_ascii=False, default=plain) + "\n"
    return "\n".join(_latex(t) if form == "latex" else _markdown(t) for t in tables)


def number(value: float | None, unit: str) -> str:
    """A value with the digits usual for its unit; an en dash where there is none."""
    return "–" if value is None else f"{value:.{DIGITS.get(unit, 3)}f}"


def column_title(column: Column, subset_first: bool = False) -> str:
    """``NME`` for the whole set, ``NME common`` for a subset."""
    if column.subset == "full":
        return column.metric
    return f"{column.subset} {column.metric}" if subset_first else f"{column.metric} {column.subset}"


def cost_value(name: str, value: float | None) -> str:
    """A cost with three significant digits in its display unit."""
    return "–" if value is None else f"{value * COST[name][2]:.4g}"


def faces(row: Row) -> str:
    """Number of scored faces, and how many were left out."""
    if row.n is None:
        return "–"
    return f"{row.n} ({row.excluded} excluded)" if row.excluded else str(row.n)


def subset_counts(table: Table) -> str:
    """``full 689, common 554, challenging 135``."""
    return ", ".join(f"{name} {n}" for name, n in table.counts.items())


def notes(table: Table) -> list[tuple[str, str]]:
    """What the marks in a table mean, as (mark, sentence); the mark is a name of :class:`Style` or empty."""
    rows = table.rows
    lines: list[tuple[str, str]] = []
    if table.counts:
        lines.append(("", f"Faces per subset: {subset_counts(table)}."))
    if any(r.seeds > 1 for r in rows):
        lines.append(
            ("plus_minus", "half the 95 % bootstrap interval over faces; over several seeds their standard deviation.")
        )
    elif any(c.spread is not None for r in rows for c in r.cells.values()):
        lines.append(("plus_minus", "half the 95 % bootstrap interval over faces."))
    if any(c.best for r in rows for c in r.cells.values()):
        lines.append(("", "Bold: best of the measured rows."))
    if any(c.tied for r in rows for c in r.cells.values()):
        lines.append(("tie", "within the best one's 95 % interval."))
    if any(r.contaminated for r in rows):
        lines.append(("seen", "has seen these faces in training: not ranked."))
    lines += [("", f"{r.method}: IMPOSSIBLE AS REPORTED: {r.impossible}") for r in rows if r.impossible]
    if table.note:
        lines.append(("", table.note))
    if any(r.source for r in rows):
        lines.append(("", "Italic: reported elsewhere, not measured here, not ranked."))
    if table.older:
        lines.append(("", f"{table.older} older runs of the same method, configuration and seed are not shown."))
    return lines


def text_grid(table: Table, style: Style) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table, written in a style."""
    configs, reported = any(r.config for r in table.rows), any(r.source for r in table.rows)
    seeds = any(r.seeds > 1 for r in table.rows)
    head = ["#", "Method", *(["Config"] if configs else [])]
    for column in table.columns:
        arrow = {True: f" {style.up}", False: f" {style.down}", None: ""}[column.higher_is_better]
        unit = f" [{style.escape(column.unit)}]" if column.unit not in ("", "fraction") else ""
        head.append(style.escape(column_title(column)) + unit + arrow)
    for name in table.cost:
        title, unit, _ = COST[name]
        head.append(f"{title} [{unit}]" if unit else title)
    head += [style.escape(h) for h in table.extra]
    head += ["Faces", *(["Seeds"] if seeds else []), *(["Source"] if reported else [])]
    body = []
    for row in table.rows:
        name = style.escape(row.method)
        if row.source:
            name = style.italic.format(name) + " (reported)"
        if row.impossible:
            name = f"{name} {style.bold.format('impossible')}"
        line = [str(row.rank or "–"), name + (style.seen if row.contaminated else "")]
        line += [style.escape(row.config)] if configs else []
        line += [_cell(row.cells.get((c.subset, c.metric), Cell()), c.unit, style) for c in table.columns]
        line += [cost_value(name, row.cost.get(name)) for name in table.cost]
        line += [style.escape(extra_value(row.extra.get(h))) for h in table.extra]
        line += [faces(row), *([str(row.seeds)] if seeds else []), *([style.escape(row.source)] if reported else [])]
        body.append(line)
    return head, body


def extra_value(value: Any) -> str:
    """A plugin column's value as text."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def as_json(table: Table) -> dict[str, Any]:
    """A table as plain data with full precision."""
    return {
        "dataset": table.dataset,
        "protocol": table.protocol,
        "protocol_version": table.protocol_version,
        "data_fingerprint": table.fingerprint,
        "faces": table.counts,
        "columns": [vars(c) for c in table.columns],
        "older_runs_not_shown": table.older,
        "rows": [
            {
                "rank": row.rank,
                "method": row.method,
                "config": row.config,
                "kind": "reported" if row.source else "measured",
                "source": row.source,
                "impossible": row.impossible,
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


def _cell(cell: Cell, unit: str, style: Style) -> str:
    if cell.value is None:
        return "–"
    text = number(cell.value, unit)
    if cell.best:
        text = style.bold.format(text)
    if cell.spread is not None:
        text += style.plus_minus + number(cell.spread, unit)
    return text + (style.tie if cell.tied else "")


def _markdown(table: Table) -> str:
    from tabulate import tabulate

    head, body = text_grid(table, MARKDOWN)
    # tabulate pads with spaces only; escaped pipes are its caller's care, done in Style.escape
    grid = tabulate(body, headers=head, tablefmt="pipe", disable_numparse=True, colalign=_alignment(head))
    lines = [f"## {MARKDOWN.escape(table.heading)}", "", grid, ""]
    lines += [_note(mark, MARKDOWN.escape(text), MARKDOWN) + "  " for mark, text in notes(table)]
    return "\n".join(lines).rstrip() + "\n"


def _latex(table: Table) -> str:
    from tabulate import tabulate

    head, body = text_grid(table, LATEX)
    body = [[cell.replace("–", "--") for cell in line] for line in body]
    grid = tabulate(body, headers=head, tablefmt="latex_raw", disable_numparse=True, colalign=_alignment(head))
    for rule in ("toprule", "midrule", "bottomrule"):
        grid = grid.replace("\\hline", f"\\{rule}", 1)
    caption = " ".join(_note(mark, LATEX.escape(text), LATEX) for mark, text in notes(table))
    heading = LATEX.escape(table.heading).replace("·", r"$\cdot$")
    return "\n".join(
        [
            r"% \usepackage{booktabs}",
            r"\begin{table}",
            r"\centering",
            rf"\caption{{{heading}. {caption}}}",
            grid,
            r"\end{table}",
            "",
        ]
    )


def _note(mark: str, text: str, style: Style) -> str:
    return f"{getattr(style, mark).strip()}: {text}" if mark else text


def _alignment(head: list[str]) -> list[str]:
    words = {"Method", "Config", "Source"}
    return ["left" if title in words else "right" for title in head]


def _csv(tables: Sequence[Table]) -> str:
    """One sheet: a line per row of each table, full precision, columns united over the tables."""
    lines = []
    for table in tables:
        for row in table.rows:
            line: dict[str, Any] = {
                "dataset": table.dataset,
                "protocol": table.protocol,
                "protocol_version": table.protocol_version,
                "data_fingerprint": table.fingerprint,
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
            line |= {"source": row.source, "impossible": row.impossible}
            line |= {"runs": " ".join(row.runs), "command": row.command}
            lines.append(line)
    out = io.StringIO()
    writer = csv.DictWriter(out, list(dict.fromkeys(k for line in lines for k in line)), lineterminator="\n")
    writer.writeheader()
    writer.writerows(lines)
    return out.getvalue()
