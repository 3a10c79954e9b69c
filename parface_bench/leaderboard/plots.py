"""Cumulative error distributions (CED): the fraction of faces whose error is at most t, one curve a method."""

from __future__ import annotations

import io
import re
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from parface_bench import outputs
from parface_bench.atomic import write_atomic
from parface_bench.figures import INK, error_curves, error_limit
from parface_bench.leaderboard.table import Row, Table
from parface_bench.registry import UserError
from parface_bench.results.record import folder_name
from parface_bench.results.result import Result

if TYPE_CHECKING:
    from matplotlib.figure import Figure


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
    curves = [(key[0], [r.nme(subset) for r in group]) for key, group in groups.items()]
    first = results[0].document
    title = f"{first['dataset']} · {first['protocol']} v{first['protocol_version']} · {subset}"
    figure = error_curves(curves, title, limit or error_limit(r.document for r in results))
    return save_figure(figure, Path(path))


def plot_tables(
    tables: Iterable[Table],
    folder: str | Path,
    subsets: Sequence[str],
    warn: Callable[[str], None],
    *,
    force: bool = True,
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
                made += save_figure(figure, folder / folder_name("-".join(filter(None, name))), force=force)
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
    curves: list[tuple[str, list[np.ndarray]]] = []
    for row in table.rows:
        if row.source or not row.results:
            continue
        try:
            curves.append((_label(row, table, subset), [r.nme(subset) for r in row.results]))
        except UserError as error:
            warn(f"{row.method} is not drawn: {error}")
    if not curves:
        return None
    documents = [r.document for row in table.rows for r in row.results]
    return error_curves(curves, f"{table.heading} · {subset} ({table.counts.get(subset, 0)})", error_limit(documents))


def _label(row: Row, table: Table, subset: str) -> str:
    name = f"{row.method} ({row.config})" if row.config and _ambiguous(row, table) else row.method
    name += " †" if row.contaminated else ""
    values = [r.document["subsets"].get(subset, {}).get("NME", {}).get("value") for r in row.results]
    present = [v for v in values if v is not None]
    lines = [name, f"NME {np.mean(present):.2f}" if present else "", f"{row.seeds} seeds" if row.seeds > 1 else ""]
    return ", ".join(part for part in lines if part)


def _ambiguous(row: Row, table: Table) -> bool:
    return sum(other.method == row.method for other in table.rows) > 1


def save_figure(figure: Figure, path: Path, *, force: bool = True) -> list[Path]:
    """Write a figure as PNG and SVG; returns the two files.

    Raises:
        UserError: the folder cannot be written, or (unless ``force``) a file is there and not ours.
    """
    stem = path.with_suffix("") if path.suffix in (".png", ".svg") else path
    png, svg = stem.with_name(f"{stem.name}.png"), stem.with_name(f"{stem.name}.svg")
    outputs.guard([png, svg], force)
    try:
        write_atomic(png, lambda out: figure.savefig(out, format="png", dpi=160, facecolor="white"))
        write_atomic(svg, _svg(figure))
        outputs.note([png, svg])
    except OSError as error:
        raise UserError(f"cannot write the plot {png} ({error.strerror or error}); name another folder") from error
    return [png, svg]


def _svg(figure: Figure) -> str:
    import matplotlib

    out = io.StringIO()
    with matplotlib.rc_context({"svg.fonttype": "none", "svg.hashsalt": "parface-bench"}):
        figure.savefig(out, format="svg", transparent=True, metadata={"Date": None})
    return out.getvalue()
