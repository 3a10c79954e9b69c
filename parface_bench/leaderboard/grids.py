"""Leaderboards as grids for the screen: the main metrics, and on request the rest."""

from __future__ import annotations

from parface_bench.grid import Cell, Grid, Head
from parface_bench.leaderboard.render import cell_text, column_title, cost_title, cost_value, faces, notes, number
from parface_bench.leaderboard.table import Cell as Value
from parface_bench.leaderboard.table import Column, Row, Table
from parface_bench.scoring.protocol import main_metrics

ROWS = 10  # that the first screen holds


def table_grid(
    table: Table, *, everything: bool = False, chosen: bool = False, around: str = "", first: int = ROWS
) -> Grid:
    """One leaderboard.

    Args:
        table: rows that may be ranked together.
        everything: all columns and rows; otherwise the protocol's main metrics of all faces, and the ``first`` rows of
            those measured here and of those reported elsewhere.
        chosen: all columns, since the user has chosen them.
        around: id of a run whose row is shown even where it is not among the first.
        first: how many rows.
    """
    columns = table.columns if everything or chosen else main_columns(table)
    heads = [Head("#", keep=2), Head("method", words=True, keep=0)]
    heads += [Head(_title(column), keep=0 if i == 0 else 1) for i, column in enumerate(columns)]
    heads += [Head(cost_title(name), keep=3) for name in table.cost]
    heads += [Head("seeds", keep=4), Head("faces", keep=5)]
    grid = Grid(table.heading, heads)
    rows = table.rows if everything else _first(table.rows, around, first)
    for row in rows:
        name = f"{row.method} ({row.config})" if row.config else row.method
        name += " (reported)" if row.source else " †" if row.contaminated else ""
        name += " IMPOSSIBLE" if row.impossible else ""
        own = bool(around) and around in row.runs
        look = "best" if own else "soft" if row.source else "bad" if row.impossible else "plain"
        grid.rows.append(
            [
                str(row.rank or "–"),
                Cell(f"> {name}" if own else name, look),
                *(_value(row.cells.get((c.subset, c.metric), Value()), c) for c in columns),
                *(cost_value(name, row.cost.get(name)) for name in table.cost),
                "–" if row.source else str(row.seeds),
                faces(row),
            ]
        )
    grid.notes = [f"{_MARKS[mark]}: {text}" if mark else text for mark, text in notes(table) if mark or everything]
    hidden = len(table.rows) - len(rows)
    grid.notes += [f"{hidden} more row{'s' if hidden > 1 else ''}: --all shows them."] if hidden else []
    return grid


def standing(table: Table, run: str) -> str:
    """Where a run ranks in its table, as a sentence; '' where it is not in it."""
    own = next((row for row in table.rows if run in row.runs), None)
    if own is None:
        return ""
    main, place = table.columns[0], table.heading.split(" · ")[0]
    of = f" of {table.whole}" if table.whole and table.counts["full"] < table.whole else ""
    where = f"on {place} ({table.counts['full']}{of} faces) by {main.metric}"
    if own.rank is None:
        why = "has seen these faces in training" if own.contaminated else "its numbers cannot be true together"
        return f"Not ranked {where}: {own.method} {why}."
    ranked = [row for row in table.rows if row.rank]
    if len(ranked) == 1:
        return f"The first that is ranked {where}."
    other = next(row for row in ranked if row.rank == (2 if own.rank == 1 else 1))

    def spoken(row: Row) -> str:
        cell = row.cells[main.subset, main.metric]
        return f"{cell_text(cell, main.unit)}{f' (mean of {row.seeds} seeds)' if row.seeds > 1 else ''}"

    sentence = f"{_ordinal(own.rank)} of {len(ranked)} {where}, {spoken(own)}"
    sentence += f"; the {_ordinal(other.rank or 0)} is {other.method}, {spoken(other)}"
    tied = (own if own.rank != 1 else other).cells[main.subset, main.metric].tied
    return f"{sentence}: no clear difference." if tied else f"{sentence}."


def _ordinal(number: int) -> str:
    ending = "th" if number // 10 % 10 == 1 else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{ending}"


def main_columns(table: Table) -> list[Column]:
    """The protocol's main metrics of all faces, where the table has them; else its first columns."""
    document = next((r.results[0].document for r in table.rows if r.results), None)
    wanted = main_metrics(document) if document else []
    found = {column.metric: column for column in table.columns if column.subset == "full"}
    return [found[name] for name in wanted if name in found] or table.columns[:3]


_MARKS = {"plus_minus": "±", "tie": "≈", "seen": "†"}


def _first(rows: list[Row], around: str, first: int) -> list[Row]:
    measured, reported = ([row for row in rows if bool(row.source) == elsewhere] for elsewhere in (False, True))
    own = [row for row in measured[first:] if around and around in row.runs]
    return [*measured[:first], *own, *reported[:first]]


def _title(column: Column) -> str:
    arrow = {True: " ↑", False: " ↓", None: ""}[column.higher_is_better]
    return column_title(column) + arrow


def _value(cell: Value, column: Column) -> Cell:
    if cell.value is None:
        return Cell("–", "soft")
    text = cell_text(cell, column.unit)
    if cell.spread is not None:
        text += f" ±{number(cell.spread, column.unit)}"
    return Cell(text + (" ≈" if cell.tied else ""), "best" if cell.best else "tied" if cell.tied else "plain")
