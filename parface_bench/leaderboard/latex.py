"""Tables for papers: booktabs rules, and siunitx columns that align numbers at their decimal points."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import replace

from parface_bench.leaderboard.grids import main_columns
from parface_bench.leaderboard.render import LATEX, cell_text, notes, number, text_grid
from parface_bench.leaderboard.table import Cell, Column, Table

_NUMBER = re.compile(r"-?\d+(?:\.\d+)?")
_WORDS = {"Method", "Config", "Source"}


def as_latex(tables: Sequence[Table], *, chosen: bool) -> str:
    """The tables, each in a ``table`` environment; without ``chosen`` columns the protocol's main metrics alone."""
    return "\n".join(_latex(table, table.columns if chosen else main_columns(table)) for table in tables)


def _latex(table: Table, columns: list[Column]) -> str:
    shown = {"full", *(column.subset for column in columns)}
    table = replace(table, counts={name: n for name, n in table.counts.items() if name in shown})
    head, body = text_grid(table, LATEX, columns)
    body = [[cell.replace("–", "--") for cell in line] for line in body]
    first = 3 if head[2:3] == ["Config"] else 2
    kinds = ["l" if title in _WORDS else "r" for title in head]
    for place, column in enumerate(columns, start=first):
        cells = [row.cells.get((column.subset, column.metric), Cell()) for row in table.rows]
        kinds[place] = _kind(cells, column.unit)
        head[place] = f"{{{head[place]}}}"  # in braces siunitx takes it for text
        for line, cell in zip(body, cells, strict=True):
            line[place] = _number(cell, column.unit)
    counted = head.index("Faces")
    for line, row in zip(body, table.rows, strict=True):  # the caption says who was scored on fewer
        line[counted] = "--" if row.n is None else str(row.n)
    lines = ["  " + " & ".join(line) + r" \\" for line in (["\\" + head[0], *head[1:]], *body)]
    marks = " ".join(
        f"{getattr(LATEX, mark).strip()}: {LATEX.escape(text)}" if mark else LATEX.escape(text)
        for mark, text in notes(table)
    )
    heading = LATEX.escape(table.heading).replace("·", r"$\cdot$")
    return "\n".join(
        [
            r"% \usepackage{booktabs,siunitx}",
            r"\begin{table}",
            r"\centering",
            r"\sisetup{separate-uncertainty, detect-weight}",
            rf"\caption{{{heading}. {marks}}}",
            rf"\begin{{tabular}}{{{''.join(kinds)}}}",
            r"\toprule",
            lines[0],
            r"\midrule",
            *lines[1:],
            r"\bottomrule",
            r"\end{tabular}",
            r"\end{table}",
            "",
        ]
    )


def _number(cell: Cell, unit: str) -> str:
    """``\\bfseries 3.000 \\pm 0.100 {$\\approx$}``; what is no number in braces, as text."""
    if cell.value is None:
        return "{--}"
    text = cell_text(cell, unit)
    if not _NUMBER.fullmatch(text):
        return f"{{{LATEX.escape(text)}}}"
    if cell.spread is not None:
        text += rf" \pm {number(cell.spread, unit)}"
    return (r"\bfseries " if cell.best else "") + text + (r" {$\approx$}" if cell.tied else "")


def _kind(cells: Sequence[Cell], unit: str) -> str:
    """An ``S`` column with room for the longest numbers: digits before and after the point, and of the spread."""
    numbers = [cell_text(c, unit) for c in cells if c.value is not None]
    numbers = [text for text in numbers if _NUMBER.fullmatch(text)]
    if not numbers:
        return "r"
    parts = [text.lstrip("-").partition(".") for text in numbers]
    whole, after = max(len(p[0]) for p in parts), max(len(p[2]) for p in parts)
    sign = "-" if any(text.startswith("-") for text in numbers) else ""
    spreads = [number(c.spread, unit) for c in cells if c.spread is not None]
    digits = max((len(s.replace(".", "").lstrip("0")) or 1 for s in spreads), default=0)
    return f"S[table-format={sign}{whole}.{after}{f'({digits})' if digits else ''}]"
