"""Tables as text to read: Markdown, and what other formats share with it. LaTeX and HTML have modules of their own."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from parface_bench.leaderboard.export import as_csv, as_json
from parface_bench.leaderboard.table import COST, PLUS_MINUS, TIE, Cell, Column, Row, Table

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
    "±": r"\ensuremath{\pm}",
    "≈": r"\ensuremath{\approx}",
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
    """The tables in one of the text formats ``md``, ``csv`` or ``json``."""
    if form == "csv":
        return as_csv(tables)
    if form == "json":
        return as_json(tables)
    return "\n".join(_markdown(t) for t in tables)


def cell_text(cell: Cell, unit: str) -> str:
    """A cell's value: as printed by its source, else with the digits usual for its unit."""
    return cell.printed or number(cell.value, unit)


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


def cost_title(name: str) -> str:
    """``parameters [M]``."""
    title, unit, _ = COST[name]
    return f"{title} [{unit}]" if unit else title


def cost_lines(cost: Mapping[str, Any]) -> list[str]:
    """One line for each known cost, aligned."""
    return [f"{cost_title(name):<20}{cost_value(name, cost.get(name)):>10}" for name in COST]


def faces(row: Row) -> str:
    """Number of scored faces, and how many were left out."""
    if row.n is None:
        return "–"
    return f"{row.n} ({row.excluded} excluded)" if row.excluded else str(row.n)


def seed_count(row: Row) -> str:
    """Number of seeds of a measured row."""
    return "–" if row.source else str(row.seeds)


def subset_counts(table: Table) -> str:
    """``full 689, common 554, challenging 135``."""
    return ", ".join(f"{name} {n}" for name, n in table.counts.items())


def notes(table: Table) -> list[tuple[str, str]]:
    """What the marks in a table mean, as (mark, sentence); the mark is a name of :class:`Style` or empty."""
    rows = table.rows
    lines: list[tuple[str, str]] = []
    if table.counts:
        lines.append(("", f"Faces per subset: {subset_counts(table)}."))
    if any(c.spread is not None for r in rows for c in r.cells.values()):
        lines.append(("plus_minus", PLUS_MINUS))
    lines += [("", sentence) for sentence in _without_errors(table)]
    if any(c.best for r in rows for c in r.cells.values()):
        lines.append(("", "Bold: best of the measured rows."))
    if any(c.tied for r in rows for c in r.cells.values()):
        lines.append(("tie", TIE))
    if any(r.contaminated for r in rows):
        lines.append(("seen", "has seen these faces in training: not ranked."))
    fewer = [r for r in rows if r.n is not None and r.n < table.counts.get("full", 0)]
    lines += [
        ("", f"{r.method}: scored on {r.n} of the {table.counts['full']} faces that others were scored on.")
        for r in fewer
    ]
    impossible = [r for r in rows if r.impossible]
    lines += [
        ("", f"{r.method}: not ranked, these numbers cannot be true together: {r.impossible}") for r in impossible
    ]
    if table.apart:
        lines.append(("", f"Ranked apart: {table.apart}."))
    if table.note:
        lines.append(("", table.note))
    if any(r.source for r in rows):
        lines.append(("", "Italic: reported elsewhere, not measured here, not ranked."))
    if table.older:
        runs = "1 older run" if table.older == 1 else f"{table.older} older runs"
        lines.append(("", f"Not shown: {runs} of the same method, configuration and seed."))
    return lines


def _without_errors(table: Table) -> list[str]:
    """For which rows and columns the per-face errors could not be used, and what that means."""
    rows = [r for r in table.rows if r.no_errors]
    lines = [f"{r.method}: not compared with the best, so no ≈: {r.no_errors}." for r in rows if len(r.counted) == 1]
    lines += [
        f"{r.method}: ± from each run's recorded interval and the spread of the seeds, and no ≈: {r.no_errors}."
        for r in rows
        if len(r.counted) > 1
    ]
    rough = {key for r in table.rows if not r.no_errors for key in r.rough}
    names = [column_title(c) for c in table.columns if (c.subset, c.metric) in rough]
    if names:
        lines.append(
            f"{', '.join(names)}: no function of the recorded errors, so ± over several seeds is somewhat too wide, "
            "and no ties are marked."
        )
    return lines


def text_grid(table: Table, style: Style, columns: Sequence[Column] | None = None) -> tuple[list[str], list[list[str]]]:
    """Headings and cells of a table, written in a style; of some of its ``columns`` where these are given."""
    columns = table.columns if columns is None else columns
    configs, reported = any(r.config for r in table.rows), any(r.source for r in table.rows)
    seeds = any(r.seeds > 1 for r in table.rows)
    head = ["#", "Method", *(["Config"] if configs else [])]
    for column in columns:
        arrow = {True: f" {style.up}", False: f" {style.down}", None: ""}[column.higher_is_better]
        unit = f" [{style.escape(column.unit)}]" if column.unit not in ("", "fraction") else ""
        head.append(style.escape(column_title(column)) + unit + arrow)
    for name in table.cost:
        head.append(cost_title(name))
    head += [style.escape(h) for h in table.extra]
    head += ["Faces", *(["Seeds"] if seeds else []), *(["Source"] if reported else [])]
    body = []
    for row in table.rows:
        name = style.escape(row.method)
        if row.source:
            name = style.italic.format(name) + " (reported)"
        if row.impossible:
            name = f"{name} {style.bold.format('IMPOSSIBLE')}"
        line = [str(row.rank or "–"), name + (style.seen if row.contaminated else "")]
        line += [style.escape(row.config)] if configs else []
        line += [_cell(row.cells.get((c.subset, c.metric), Cell()), c.unit, style) for c in columns]
        line += [cost_value(name, row.cost.get(name)) for name in table.cost]
        line += [style.escape(extra_value(row.extra.get(h))) for h in table.extra]
        line += [faces(row), *([seed_count(row)] if seeds else [])]
        line += [style.escape(row.reference or "measured")] if reported else []
        body.append(line)
    return head, body


def extra_value(value: Any) -> str:
    """A plugin column's value as text."""
    if value is None:
        return "–"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _cell(cell: Cell, unit: str, style: Style) -> str:
    if cell.value is None:
        return "–"
    text = cell_text(cell, unit)
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


def _note(mark: str, text: str, style: Style) -> str:
    return f"{getattr(style, mark).strip()}: {text}" if mark else text


def _alignment(head: list[str]) -> list[str]:
    words = {"Method", "Config", "Source"}
    return ["left" if title in words else "right" for title in head]
