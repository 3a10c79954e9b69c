"""A table for the screen: headings that know how much they matter, cells, and notes. Imports nothing heavy.

Commands make grids; :mod:`parface_bench.cli.screen` prints them so that no line is wider than the terminal.
"""

from __future__ import annotations

import html
from collections.abc import Sequence
from dataclasses import dataclass, field

from parface_bench.registry.errors import printable

# How a cell looks; 'plain' is the default.
LOOKS = ("plain", "best", "tied", "soft", "bad")


@dataclass(frozen=True)
class Cell:
    """Text of a cell and its look, one of :data:`LOOKS`."""

    text: str
    look: str = "plain"


@dataclass(frozen=True)
class Head:
    """A column.

    Attributes:
        text: its heading.
        words: left-aligned text that may be folded; otherwise right-aligned numbers on one line.
        keep: columns with the largest number are left out first where the screen is too narrow; 0 always stays.
    """

    text: str
    words: bool = False
    keep: int = 1


@dataclass
class Grid:
    """A table with a title above and notes below; each row has a cell per heading."""

    title: str
    heads: Sequence[Head]
    rows: list[Sequence[Cell | str]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def html(self) -> str:
        """The table for a notebook, all columns, everything shown as text."""
        styles = [f"padding:2px 8px;text-align:{'left' if head.words else 'right'}" for head in self.heads]
        head = "".join(_tag("th", h.text, style) for h, style in zip(self.heads, styles, strict=True))
        body = ""
        for row in self.rows:
            cells = [cell if isinstance(cell, Cell) else Cell(cell) for cell in row]
            body += "<tr>"
            for cell, style in zip(cells, styles, strict=True):
                body += _tag("td", cell.text, style + _STYLES[cell.look])
            body += "</tr>"
        table = f"<table><thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
        notes = "".join(_tag("div", note, "font-size:85%") for note in self.notes)
        return f"<div>{_tag('div', self.title, 'font-weight:600')}{table}{notes}</div>"


_STYLES = {
    "plain": "",
    "best": ";font-weight:700",
    "tied": ";font-style:italic",
    "soft": ";opacity:.65",
    "bad": ";color:#b3261e",
}


def _tag(name: str, text: str, style: str) -> str:
    return f'<{name} style="{style}">{html.escape(one_line(text))}</{name}>'


def one_line(text: str) -> str:
    """:func:`printable` text in which line breaks and tabs, too, are U+FFFD."""
    return printable(text).translate({ord(c): "\N{REPLACEMENT CHARACTER}" for c in "\n\r\t"})
