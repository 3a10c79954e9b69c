"""Figures that notebooks and commands share: error curves (CED) and differences with their intervals."""

from __future__ import annotations

import io
import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Distinguishable with colour-blind eyes, and on a light as well as on a dark page.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a6fd1", "#8c8c8c")
DASHES = ("-", "--", ":", "-.")
# Stands for the page's own text colour where a plot is put into a page.
INK = "#1f2328"
Curves = Sequence[tuple[str, Sequence[np.ndarray]]]


def figure(width: float, height: float) -> Figure:
    """An empty matplotlib figure, inches; as the last value of a notebook's cell it shows itself, without pyplot."""
    return _shown()(figsize=(width, height), layout="constrained")


def ced(nme: np.ndarray, at: np.ndarray) -> np.ndarray:
    """CED(t) = fraction of faces with ``nme <= t``.

    Args:
        nme: float [N], percent, at least one face.
        at: float [T], thresholds.

    Returns:
        float [T] in 0..1.
    """
    return np.searchsorted(np.sort(nme), at, side="right") / len(nme)


def error_curves(curves: Curves, title: str, limit: float) -> Figure:
    """For each label the runs' errors (float [N], percent) as a curve; several runs give mean and range."""
    drawn = figure(8.0, 4.2)
    axes = drawn.add_subplot()
    at = np.linspace(0.0, limit, 1001)
    for number, (label, runs) in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        lines = np.stack([ced(nme, at) for nme in runs])
        style: dict[str, Any] = {"color": colour, "ls": DASHES[number // len(COLOURS) % len(DASHES)], "lw": 1.8}
        axes.plot(at, lines.mean(axis=0), label=label.replace("$", r"\$"), **style)
        if len(runs) > 1:
            axes.fill_between(at, lines.min(axis=0), lines.max(axis=0), color=colour, alpha=0.2, lw=0)
    axes.set(xlim=(0, limit), ylim=(0, 1), xlabel="NME of a face [%]", ylabel="fraction of faces")
    _finish(axes, title)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False, labelcolor=INK)
    return drawn


def error_limit(documents: Iterable[Mapping[str, Any]]) -> float:
    """Where an error axis ends: the largest t of the metrics named ``...@t``, else 10 percent."""
    found = [
        float(match[1])
        for d in documents
        for row in d["subsets"].values()
        for metric in row
        if (match := re.search(r"@(\d+(?:\.\d+)?)$", metric))
    ]
    return max(found, default=10.0)


def differences(rows: Sequence[tuple[str, float, float, float]], title: str, axis: str) -> Figure:
    """A line for each (label, value, low, high), first on top; those whose interval leaves out 0 are drawn dark."""
    drawn = figure(7.0, 1.1 + 0.28 * len(rows))
    axes = drawn.add_subplot()
    for place, (_, value, low, high) in enumerate(rows):
        colour = COLOURS[0] if high < 0 else COLOURS[1] if low > 0 else COLOURS[7]
        axes.plot([low, high], [place, place], color=colour, lw=2)
        axes.plot([value], [place], "o", color=colour, ms=5)
    axes.axvline(0.0, color=INK, lw=0.8)
    axes.set_yticks(range(len(rows)), [label.replace("$", r"\$") for label, *_ in rows])
    axes.set(ylim=(len(rows) - 0.5, -0.5), xlabel=axis)
    _finish(axes, title)
    return drawn


def _finish(axes: Any, title: str) -> None:
    axes.set_title(title.replace("$", r"\$"), fontsize=10, color=INK, loc="left")
    axes.grid(alpha=0.25)
    axes.tick_params(colors=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    for edge, spine in axes.spines.items():
        spine.set_visible(edge in ("left", "bottom"))
        spine.set_color(INK)


@cache
def _shown() -> type[Figure]:
    from matplotlib.figure import Figure

    class Shown(Figure):
        def _repr_png_(self) -> bytes:
            out = io.BytesIO()
            self.savefig(out, format="png", dpi=110, facecolor="white")
            return out.getvalue()

    return Shown
