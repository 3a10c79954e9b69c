"""The one way in which commands print: a table that fits the terminal, or plain text where there is none."""

from __future__ import annotations

import json
import os
import sys
import textwrap
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, TextIO

import typer

from parface_bench.grid import Cell, Grid, Head, one_line
from parface_bench.registry.errors import printable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

_STYLES = {"plain": "", "best": "bold green", "tied": "green", "soft": "dim", "bad": "bold red"}
_GAP = 2  # spaces between columns
_WORDS = 12  # a column of words is folded, but not below this width


def on_terminal() -> bool:
    """Whether standard output is a terminal."""
    return sys.stdout.isatty()


def emit(plain: str, grids: Sequence[Grid] = ()) -> None:
    """Print a result: the grids on a terminal, ``plain`` elsewhere; ``plain``, wrapped, where there are no grids."""
    if not on_terminal():
        typer.echo(plain, nl=not plain.endswith("\n"))
        return
    if not grids:
        typer.echo(wrapped(plain.rstrip("\n"), _width(sys.stdout)))
        return
    console = _console()
    for number, grid in enumerate(grids):
        if number:
            console.print()
        show(grid, console)


def emit_document(document: Any) -> None:
    """Print a document for programs (JSON, CSV, HTML, ...) as it is: a text, or a value as JSON."""
    if not isinstance(document, str):
        document = json.dumps(document, indent=2, ensure_ascii=False, allow_nan=False)
    typer.echo(document, nl=not document.endswith("\n"))


def columns(groups: Sequence[tuple[str, Sequence[tuple[str, str]]]]) -> None:
    """Names and what they are, under a heading each, as ``pfbench list`` prints them; folded on a terminal."""
    lines: list[str] = []
    fold = on_terminal()
    for heading, pairs in groups:
        lines += ["", f"{heading} ({len(pairs)})"] if lines else [f"{heading} ({len(pairs)})"]
        width = max((len(name) for name, _ in pairs), default=0)
        for name, words in pairs:
            line = f"  {name:<{width}}  {words}".rstrip()
            room = _width(sys.stdout) if fold else 0
            hang = " " * min(width + 4, room // 2)
            lines += textwrap.wrap(line, room, subsequent_indent=hang) if 0 < room < len(line) else [line]
    typer.echo("\n".join(lines))


def say(sentence: str) -> None:
    """A sentence for the person at the terminal, on standard error."""
    from parface_bench.progress import say_above

    text = f"pfbench: {one_line(sentence)}"
    if say_above(text):
        return
    typer.echo(wrapped(text, _width(sys.stderr)) if sys.stderr.isatty() else text, err=True)


def wrapped(text: str, width: int) -> str:
    """Text whose lines have at most ``width`` characters; what continues a line is indented below it."""
    from rich.cells import cell_len

    out: list[str] = []
    for line in printable(text).split("\n"):
        indent = " " * min(len(line) - len(line.lstrip()) + 2, width // 2)
        short = cell_len(line) <= width
        out += [line] if short else textwrap.wrap(line, width, subsequent_indent=indent, break_on_hyphens=False)
    return "\n".join(out)


def show(grid: Grid, console: Console) -> None:
    """Print one grid; columns that do not fit are left out, the least important first, and a note names them."""
    from rich.text import Text

    kept = fitting(grid, console.width)
    if grid.title:
        console.print(Text(one_line(grid.title), style="bold"))
    console.print(_table([grid.heads[i] for i in kept], [[row[i] for i in kept] for row in grid.rows], console.width))
    left_out = [head.text for i, head in enumerate(grid.heads) if i not in kept]
    more = [f"Not shown, too narrow: {', '.join(left_out)}."] if left_out else []
    for note in [*grid.notes, *more]:
        console.print(Text(one_line(note), style="dim"))


def fitting(grid: Grid, width: int) -> list[int]:
    """Positions of the columns that fit into so many characters, in their order."""
    from rich.cells import cell_len

    def least(column: int) -> int:
        head = grid.heads[column]
        texts = [head.text, *(_text(row[column]) for row in grid.rows)]
        widest = max(cell_len(one_line(t)) for t in texts)
        return min(widest, _WORDS) if head.words else widest

    need = {i: least(i) for i in range(len(grid.heads))}
    kept = list(need)
    while len(kept) > 1 and sum(need[i] for i in kept) + _GAP * (len(kept) - 1) > width:
        drop = max(kept, key=lambda i: (grid.heads[i].keep, i))
        if grid.heads[drop].keep == 0:
            break
        kept.remove(drop)
    return kept


def _table(heads: Sequence[Head], rows: Sequence[Sequence[Cell | str]], width: int) -> Table:
    from rich import box
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, _GAP // 2), collapse_padding=True, show_edge=False)
    for head in heads:
        table.add_column(
            Text(one_line(head.text)), justify="left" if head.words else "right", overflow="fold", no_wrap=False
        )
    for row in rows:
        table.add_row(*(_styled(cell) for cell in row))
    return table


def _styled(cell: Cell | str) -> Text:
    from rich.text import Text

    return Text(one_line(_text(cell)), style=_STYLES[cell.look if isinstance(cell, Cell) else "plain"])


def _text(cell: Cell | str) -> str:
    return cell.text if isinstance(cell, Cell) else cell


def _width(stream: TextIO) -> int:
    """Columns of the terminal behind a stream; ``COLUMNS`` wins, as everywhere."""
    said = os.environ.get("COLUMNS", "")
    try:
        return max(20, int(said) if said.isdigit() else os.get_terminal_size(stream.fileno()).columns)
    except (OSError, ValueError):
        return 80


def _console() -> Console:
    from rich.console import Console

    # rich itself respects NO_COLOR and COLUMNS; a dumb terminal moves no cursor, but a table needs none
    return Console(highlight=False, soft_wrap=False, no_color=os.environ.get("TERM") == "dumb" or None)
