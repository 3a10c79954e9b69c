"""From a store to what is shown: tables in a format, with reported rows, plugin columns and plots."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from parface_bench import outputs
from parface_bench.leaderboard.board import build_tables, scored_data
from parface_bench.leaderboard.latex import as_latex
from parface_bench.leaderboard.page import render_page
from parface_bench.leaderboard.render import FORMATS, render
from parface_bench.leaderboard.table import Selection, Table
from parface_bench.registry import UserError, catalogue, check_known
from parface_bench.results.digest import whole_needed
from parface_bench.results.record import record
from parface_bench.results.result import load_result
from parface_bench.results.store import read_digests, read_store
from parface_bench.results.store_index import Memory

Warn = Callable[[str], None]


def show(
    store: Path,
    selection: Selection,
    *,
    form: str = "md",
    out: Path | None = None,
    reported: bool = False,
    plots: Path | None = None,
    by: str = "",
    force: bool = False,
    warn: Warn = lambda sentence: None,
) -> str:
    """What ``pfbench leaderboard`` prints.

    Args:
        store: folder of results.
        selection: data set, protocol, subsets, metrics and cost columns.
        form: one of ``FORMATS``.
        out: write there instead.
        reported: add published numbers.
        force: write even over files that pfbench did not make.
        plots: draw error curves into this folder, and into the page where the format is html.
        by: 'labels': the main metric against the number of labelled training faces, in table and plots.
        warn: takes a sentence for the user: what was left out, what was written.

    Returns:
        The tables in the format; empty where they were written to ``out``.

    Raises:
        UserError: nothing is recorded, an unknown name, or a folder that cannot be written.
    """
    check_known([form], FORMATS, "unknown format")
    check_known([by] if by else [], ["labels"], "--by", "does not exist")
    if by and reported:
        raise UserError("--reported: papers do not say how their errors depend on the number of labels; leave it out")
    tables = tables_of(store, selection, reported=reported, whole=plots is not None, warn=warn)
    text = (_by_labels if by else _board)(tables, selection, form, plots, warn, force)
    if out is None:
        return text
    write(text, out, force=force)
    warn(f"wrote {out}")
    return ""


def _board(
    tables: Sequence[Table], selection: Selection, form: str, plots: Path | None, warn: Warn, force: bool
) -> str:
    if plots is not None:
        from parface_bench.leaderboard.plots import plot_tables

        made = plot_tables(tables, plots, selection.subsets, warn, force=force)
        warn(f"{len(made) // 2} plots in {plots}" if made else "no plots: no result has per-face errors")
    if form == "latex":
        return as_latex(tables, chosen=bool(selection.subsets or selection.metrics))
    if form != "html":
        return render(tables, form)
    return page_of(tables, selection.subsets, warn) if plots is not None else render_page(tables)


def _by_labels(
    tables: Sequence[Table], selection: Selection, form: str, plots: Path | None, warn: Warn, force: bool
) -> str:
    from parface_bench.leaderboard.labels import label_tables, render_labels, save_plots

    curves = label_tables(tables, selection.subsets)
    if plots is not None:
        warn(f"{len(save_plots(curves, plots, force=force)) // 2} plots in {plots}")
    return render_labels(curves, form)


def tables_of(
    store: Path,
    selection: Selection,
    *,
    reported: bool = False,
    whole: bool = False,
    warn: Warn = lambda sentence: None,
) -> list[Table]:
    """The tables of a store, with plugin columns and, on request, reported rows.

    Their results hold digests (:mod:`parface_bench.results.digest`), the whole documents where ``whole`` is set, where
    chosen subsets or metrics or a plugin's column need them, or where main metrics differ.

    Raises:
        UserError: there is nothing to show; the sentence says how to get a first result.
    """
    extra = _plugin_columns()
    whole = whole or bool(selection.subsets or selection.metrics or extra)
    contents = read_store(store) if whole else read_digests(store)
    if not whole and whole_needed(contents.results):
        contents = read_store(store)
    for problem in contents.problems:
        warn(problem)
    results = list(contents.results)
    if reported:  # a name may be known to the reported numbers alone
        results = [r for r in results if selection.takes(scored_data(r.document), r.document["protocol"])]
    memory = Memory(store)
    try:
        tables = build_tables(results, selection, extra, memory) if results else []
    finally:  # what an interrupted call has worked out is kept
        memory.save()
    if selection == Selection():
        memory.save(whole=True)
    if reported:
        from parface_bench.leaderboard.reported import add_reported, load_reported

        tables = add_reported(tables, load_reported(), selection)
    if not tables:
        raise UserError(
            f"no results {'of these names ' if contents.results or reported else ''}in {store} yet: "
            "'pfbench run METHOD --dataset DATASET' or 'pfbench score ... --record' adds one"
        )
    return tables


def _plugin_columns() -> list[tuple[str, Callable[[dict[str, Any]], Any]]]:
    """The columns that plugins add: heading and function; a plugin that gives something else is left out and noted."""
    found = []
    for owner, hook in catalogue.hooks("pfbench_leaderboard_columns"):
        with catalogue.noting(owner, "pfbench_leaderboard_columns"):
            columns = [(heading, function) for given in hook() for heading, function in given]
            if not all(isinstance(heading, str) and callable(function) for heading, function in columns):
                raise TypeError("a column is a pair of its heading and a function of a result document")
            found += columns
    return found


def add_runs(folders: Sequence[Path], store: Path, warn: Warn) -> None:
    """Record results that lie in run folders, for instance because the store could not be written then.

    Raises:
        UserError: a folder holds no readable result, or the store cannot be written.
    """
    for folder in folders:
        result = load_result(folder)
        try:
            errors = result.errors()
        except UserError as error:
            warn(f"recorded without per-face errors: {error}")
            errors = None
        place = record(result.document, errors, store, keep=result.folder, tables=result.tables())
        warn(f"recorded in {place}")


def write(text: str, path: Path, *, force: bool = False) -> None:
    """Write a text file, whole or not at all, and never over somebody's own.

    Raises:
        UserError: it cannot be written, or is there and not ours (unless ``force``).
    """
    outputs.guard([path], force)
    try:
        outputs.write(path, text)
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror or error}); name another file with --out") from error


def page_of(tables: Sequence[Table], subsets: Sequence[str], warn: Warn) -> str:
    """The HTML page with error curves in it; ``subsets`` empty: all."""
    from parface_bench.leaderboard.plots import subsets_with_errors, table_svg

    drawn: dict[int, list[tuple[str, str]]] = {}
    for number, table in enumerate(tables):
        if table.fingerprint:
            pairs = [(s, table_svg(table, s, warn)) for s in subsets or subsets_with_errors(table)]
            drawn[number] = [(s, svg) for s, svg in pairs if svg]
    return render_page(tables, drawn)
