"""The page's figures: a panel for each group, a line with its interval for each method."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from pathlib import Path

import matplotlib

from parface_bench.atomic import write_atomic
from parface_bench.figures import COLOURS, INK, figure

Interval = tuple[float, float, float]  # value, low, high


def panels(
    path: Path,
    names: Sequence[str],
    columns: Sequence[str],
    values: Mapping[tuple[str, str], Interval],
    axis: str,
    marks: Sequence[float],
) -> None:
    """Dots with 95 % intervals as an SVG; those whose interval leaves out the first of ``marks`` are in colour.

    Args:
        path: file.
        names: rows from the top; columns: panels from the left.
        values: (name, column) -> interval.
        axis: what is drawn.
        marks: where vertical lines stand, the first one solid.
    """
    drawn = figure(1.5 + 1.75 * len(columns), 0.9 + 0.24 * len(names))
    all_axes = drawn.subplots(1, len(columns), sharex=True, sharey=True, squeeze=False)[0]
    for column, axes in zip(columns, all_axes, strict=True):
        for place, name in enumerate(names):
            if (name, column) in values:
                value, low, high = values[name, column]
                colour = COLOURS[1] if low > marks[0] else COLOURS[0] if high < marks[0] else COLOURS[7]
                axes.plot([low, high], [place, place], color=colour, lw=1.6)
                axes.plot([value], [place], "o", color=colour, ms=4)
        for mark, style in zip(marks, ("-", ":", ":"), strict=False):
            axes.axvline(mark, color=INK, lw=0.8, ls=style)
        axes.set_title(column, fontsize=9, color=INK, loc="left")
        axes.grid(alpha=0.25)
        axes.spines[["top", "right"]].set_visible(False)
        axes.tick_params(labelsize=8)
    all_axes[0].set_yticks(range(len(names)), [name.replace("$", r"\$") for name in names])
    all_axes[0].set_ylim(len(names) - 0.5, -0.5)
    drawn.supxlabel(axis, fontsize=9, color=INK)
    out = io.BytesIO()
    with matplotlib.rc_context({"svg.hashsalt": path.stem}):
        drawn.savefig(out, format="svg", facecolor="white", metadata={"Date": None})
    write_atomic(path, out.getvalue())
