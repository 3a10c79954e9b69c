"""Cumulative error distributions (CED): the fraction of faces whose error is at most t, one curve a method."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parface_bench.atomic import write_atomic
from parface_bench.leaderboard.table import Row, Table
from parface_bench.registry import UserError
from parface_bench.results.record import folder_name
from parface_bench.results.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure

# Distinguishable with colour-blind eyes, and on a light as well as on a dark page.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#56b4e9", "#e69f00", "#8a6fd1", "#8c8c8c")
DASHES = ("-", "--", ":", "-.")
# Stands for the page's own text colour where a plot is put into a page.
INK = "#1f2328"
Curves = list[tuple[str, list[np.ndarray]]]


def ced(nme: np.ndarray, at: np.ndarray) -> np.ndarray:
    """CED(t) = fraction of faces with ``nme <= t``.

    Args:
        nme: float [N], percent, at least one face.
        at: float [T], thresholds.

    Returns:
        float [T] in 0..1.
    """
    return np.searchsorted(np.sort(nme), at, side="right") / len(nme)


def plot_ced(results: Sequence[Result], subset: str, path: str | Path, *, limit: float | None = None) -> list[Path]:
    """Draw the curves of results on one subset, results of one method and configuration as one mean curve.

    Args:
        results: results of one protocol on the same faces.
        subset: name of the subset.
        path: where to write; a PNG and an SVG are made, whatever its suffix.
        limit: right end of the axis in percent; by default the largest threshold among the metrics, else 10.

    Returns:
        The two files.

    Raises:
        UserError: a result has no per-face errors or no such subset.
    """
    groups: dict[tuple[str, str], list[Result]] = {}
    for result in results:
        groups.setdefault((result.document["method"], result.document["config_hash"]), []).append(result)
    curves = [(key[0], [_nme(r, subset) for r in group]) for key, group in groups.items()]
    first = results[0].document
    title = f"{first['dataset']} · {first['protocol']} v{first['protocol_version']} · {subset}"
    figure = draw(curves, title, limit or threshold(r.document for r in results))
    return save_figure(figure, Path(path))


def plot_tables(
    tables: Iterable[Table], folder: str | Path, subsets: Sequence[str], warn: Callable[[str], None]
) -> list[Path]:
    """CED plots of every table and subset, ``FOLDER/DATASET-PROTOCOL-vN-DATA-SUBSET.{png,svg}``."""
    folder = Path(folder)
    made: list[Path] = []
    for table in tables:
        if not table.fingerprint:
            continue
        for subset in subsets or subsets_with_errors(table):
            figure = table_figure(table, subset, warn)
            if figure is not None:
                data = table.fingerprint[:8]
                name = [table.dataset, table.protocol, f"v{table.protocol_version}", data, table.apart, subset]
                made += save_figure(figure, folder / folder_name("-".join(filter(None, name))))
    return made


def subsets_with_errors(table: Table) -> list[str]:
    """The table's subsets that are sets of faces in some row's per-face errors (a mean of subsets is not)."""
    for row in table.rows:
        for result in row.results:
            try:
                names = set(result.errors().columns)
            except UserError:
                continue
            return [s for s in table.counts if s == "full" or f"subset:{s}" in names]
    return ["full"]


def table_svg(table: Table, subset: str, warn: Callable[[str], None]) -> str:
    """A table's plot as an inline ``<svg>`` that takes the page's text colour; '' where nothing can be drawn."""
    figure = table_figure(table, subset, warn)
    if figure is None:
        return ""
    text = _svg(figure).replace(INK, "currentColor")
    svg = text[text.index("<svg") :]
    # ids are shared by all of a page's plots, so each gets its own; the page sets the size
    mark = re.sub(r"\W", "", f"{table.fingerprint[:8]}{table.protocol}{subset}")
    svg = re.sub(r'(id="|href="#|url\(#)', rf"\g<1>{mark}-", svg)
    return re.sub(r'<svg [^>]*?viewBox="([^"]*)"[^>]*>', r'<svg role="img" viewBox="\1">', svg, count=1)


def table_figure(table: Table, subset: str, warn: Callable[[str], None]) -> Figure | None:
    """The figure of a table's measured rows on a subset; None where no row has per-face errors for it."""
    curves: Curves = []
    for row in table.rows:
        if row.source or not row.results:
            continue
        try:
            curves.append((_label(row, table, subset), [_nme(r, subset) for r in row.results]))
        except UserError as error:
            warn(f"{row.method} is not drawn: {error}")
    if not curves:
        return None
    documents = [r.document for row in table.rows for r in row.results]
    return draw(curves, f"{table.heading} · {subset} ({table.counts.get(subset, 0)})", threshold(documents))


def draw(curves: Curves, title: str, limit: float) -> Figure:
    """The figure: for each label the runs' errors (float [N], percent); several runs give mean and range."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8.0, 4.2), layout="constrained")
    axes = figure.add_subplot()
    at = np.linspace(0.0, limit, 1001)
    for number, (label, runs) in enumerate(curves):
        colour = COLOURS[number % len(COLOURS)]
        lines = np.stack([ced(nme, at) for nme in runs])
        style: dict[str, Any] = {"color": colour, "ls": DASHES[number // len(COLOURS) % len(DASHES)], "lw": 1.8}
        axes.plot(at, lines.mean(axis=0), label=label.replace("$", r"\$"), **style)
        if len(runs) > 1:
            axes.fill_between(at, lines.min(axis=0), lines.max(axis=0), color=colour, alpha=0.2, lw=0)
    axes.set(xlim=(0, limit), ylim=(0, 1), xlabel="NME of a face [%]", ylabel="fraction of faces")
    axes.set_title(title.replace("$", r"\$"), fontsize=10, color=INK, loc="left")
    axes.grid(alpha=0.25)
    axes.tick_params(colors=INK)
    axes.xaxis.label.set_color(INK)
    axes.yaxis.label.set_color(INK)
    for edge, spine in axes.spines.items():
        spine.set_visible(edge in ("left", "bottom"))
        spine.set_color(INK)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False, labelcolor=INK)
    return figure


def threshold(documents: Iterable[dict[str, Any]]) -> float:
    """The largest t of the metrics named ``...@t``, else 10 percent."""
    found = [
        float(match[1])
        for d in documents
        for row in d["subsets"].values()
        for metric in row
        if (match := re.search(r"@(\d+(?:\.\d+)?)$", metric))
    ]
    return max(found, default=10.0)


def _label(row: Row, table: Table, subset: str) -> str:
    name = f"{row.method} ({row.config})" if row.config and _ambiguous(row, table) else row.method
    name += " †" if row.contaminated else ""
    values = [r.document["subsets"].get(subset, {}).get("NME", {}).get("value") for r in row.results]
    present = [v for v in values if v is not None]
    lines = [name, f"NME {np.mean(present):.2f}" if present else "", f"{row.seeds} seeds" if row.seeds > 1 else ""]
    return ", ".join(part for part in lines if part)


def _ambiguous(row: Row, table: Table) -> bool:
    return sum(other.method == row.method for other in table.rows) > 1


def _nme(result: Result, subset: str) -> np.ndarray:
    errors = result.errors()
    nme = errors.loc[result.mask(subset, errors), "nme"].to_numpy(dtype=np.float64)
    nme = nme[np.isfinite(nme)]
    if not len(nme):
        raise UserError(f"{result.folder}: no face with an error in subset {subset!r}")
    return nme


def save_figure(figure: Figure, path: Path) -> list[Path]:
    """Write a figure as PNG and SVG; returns the two files.

    Raises:
        UserError: the folder cannot be written.
    """
    stem = path.with_suffix("") if path.suffix in (".png", ".svg") else path
    png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    try:
        write_atomic(png, lambda out: figure.savefig(out, format="png", dpi=160, facecolor="white"))
        write_atomic(svg, _svg(figure))
    except OSError as error:
        raise UserError(f"cannot write the plot {png} ({error.strerror or error}); name another folder") from error
    return [png, svg]


def _svg(figure: Figure) -> str:
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "parface-bench"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return out.getvalue()
