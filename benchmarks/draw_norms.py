"""Draws the norms on one face for docs/reference/protocols.md: python benchmarks/draw_norms.py [--out FILE.svg]"""

from __future__ import annotations

import argparse
from pathlib import Path

import matplotlib

matplotlib.use("svg")
import matplotlib.pyplot as plt
import numpy as np

from parface_bench.faces import get_schema
from parface_bench.scoring.norms import normalising_distance
from parface_bench.testing import sample_shapes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path, default=Path("docs/reference/norms.svg"))
    out = parser.parse_args().out
    schema, points = get_schema("ibug68"), sample_shapes(n=1, size=200.0).points[0]
    low, high = points.min(axis=0), points.max(axis=0)
    pupils = np.stack([points[eye].mean(axis=0) for eye in schema.eyes])
    lines = {
        "outer": points[list(schema.outer)],
        "pupil": pupils,
        "inner": points[list(schema.inner)],
        "bbox-diag": np.stack([low, high]),
    }
    size = np.ptp(points, axis=0).max()
    figure, axes = plt.subplots(figsize=(5, 5))
    for start, end in schema.edges:
        axes.plot(*points[[start, end]].T, color="0.75", lw=1)
    axes.plot(*points.T, ".", color="0.45", ms=4)
    corners = np.array([low, (high[0], low[1]), high, (low[0], high[1]), low])
    length = {name: normalising_distance(name, points[None], schema)[0] for name in ("bbox", *lines)}
    axes.plot(*corners.T, color="C4", label=f"bbox = sqrt(w h) = {length['bbox']:.0f} px")
    for place, (name, line) in enumerate(lines.items()):
        shift = (0, (place - 1) * 0.05 * size) if name != "bbox-diag" else (0, 0)
        axes.plot(*(line + shift).T, "o-", color=f"C{place}", lw=2, ms=4, label=f"{name} = {length[name]:.0f} px")
    axes.invert_yaxis()
    axes.set_aspect("equal")
    axes.axis("off")
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, 0), ncols=2, frameon=False)
    matplotlib.rcParams["svg.hashsalt"] = "norms"
    figure.savefig(out, bbox_inches="tight", metadata={"Date": None})


if __name__ == "__main__":
    main()
