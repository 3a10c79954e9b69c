"""Draws the way of the data, and the usual mistakes of landmark files, for the docs: python benchmarks/draw_docs.py"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import FancyBboxPatch

from parface_bench.faces import get_schema
from parface_bench.testing import sample_shapes

BLUE, ORANGE, GREY = "#0072b2", "#d55e00", "#8c959f"
STEPS = (
    ("data set", "files of\nits authors", "pfbench data check"),
    ("annotation table", "a row a face: image,\nlandmarks, tags", "pfbench data stats"),
    ("crops", "faces cut out as\nthe protocol says", "pfbench data preview"),
    ("predictions", "predictions.parquet:\nid, x0, y0, ...", "pfbench run, eval"),
    ("result", "result.json,\nerrors.parquet", "pfbench score"),
    ("leaderboard", "rows that may\nbe compared", "pfbench leaderboard"),
)


def way() -> Figure:
    """From the data set to the score: what each step leaves, and the command that shows it."""
    figure = Figure(figsize=(11, 2.1))
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set(xlim=(0, 6), ylim=(0, 1))
    axes.axis("off")
    for number, (name, what, command) in enumerate(STEPS):
        box = FancyBboxPatch((number + 0.06, 0.34), 0.78, 0.5, boxstyle="round,pad=0.02", fc="#f6f8fa", ec=BLUE, lw=1.2)
        axes.add_patch(box)
        axes.text(number + 0.45, 0.74, name, ha="center", va="center", fontsize=10, weight="bold", color="#1f2328")
        axes.text(number + 0.45, 0.5, what, ha="center", va="center", fontsize=8, color="#1f2328")
        axes.text(number + 0.45, 0.18, command, ha="center", va="center", fontsize=8, family="monospace", color=BLUE)
        if number:
            axes.annotate(
                "", (number + 0.03, 0.59), (number - 0.13, 0.59), arrowprops={"arrowstyle": "-|>", "color": GREY}
            )
    return figure


def mistakes() -> Figure:
    """One face as it should be, with coordinates that are one pixel off, and with left and right swapped."""
    schema, points = get_schema("ibug68"), sample_shapes(n=1, size=40.0).points[0]
    swapped = points[np.asarray(schema.flip)]
    figure = Figure(figsize=(11, 4.2), layout="constrained")
    cases = (
        ("as it should be", points, "landmarks lie on the face"),
        (
            "off by one",
            points + 1,
            "all are shifted by one pixel to the right and down:\nthe file counts from 1 (--base 1)",
        ),
        (
            "left and right swapped",
            swapped,
            "the lines look right, but the numbers change sides:\n36 and 48 belong on the left of the image",
        ),
    )
    for axes, (title, shown, said) in zip(figure.subplots(1, 3), cases, strict=True):
        _face(axes, points, schema.edges, GREY)
        _face(axes, shown, schema.edges, BLUE if title == "as it should be" else ORANGE)
        for number in (0, 16, 36, 45, 48, 54):
            axes.annotate(str(number), shown[number], (3, 3), textcoords="offset points", fontsize=8, color="#1f2328")
        axes.set_title(title, fontsize=11)
        axes.text(0.5, -0.04, said, ha="center", va="top", transform=axes.transAxes, fontsize=8.5)
        axes.invert_yaxis()
        axes.set_aspect("equal")
        axes.axis("off")
    return figure


def _face(axes: Axes, points: np.ndarray, edges: np.ndarray, colour: str) -> None:
    gap = np.full((len(edges), 1, 2), np.nan)
    axes.plot(*np.concatenate([points[edges], gap], axis=1).reshape(-1, 2).T, color=colour, lw=1)
    axes.plot(*points.T, ".", color=colour, ms=4)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs"))
    out = parser.parse_args().out
    matplotlib.rcParams.update({"svg.hashsalt": "docs", "svg.fonttype": "none", "font.family": "DejaVu Sans"})
    for path, figure in {"explanation/way.svg": way(), "how-to/mistakes.svg": mistakes()}.items():
        figure.savefig(out / path, metadata={"Date": None}, facecolor="white")


if __name__ == "__main__":
    main()
