"""The work of one cell; also what a job on another machine calls, so it takes and gives plain values only."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Any

from parface_bench.bench.cells import is_result_of
from parface_bench.parent import end_with
from parface_bench.registry import PfError, WorkError, catalogue
from parface_bench.results.record import record
from parface_bench.results.result import Result
from parface_bench.results.store import read_store


def run_cell(
    arguments: dict[str, Any], identity: dict[str, Any], plugins: list[str], parent: int = 0
) -> dict[str, Any]:
    """Run a cell, going on with an unfinished run of it, and see that its result is in the store.

    Args:
        arguments: keywords for :func:`parface_bench.api.run`.
        identity: what the result must be known by.
        plugins: plugin files to load first (a job on another machine knows none).
        parent: process of this machine with which a job ends; 0: none.

    Returns:
        ``{"run": ID, "summary": ...}``, or ``{"error": sentence, "traceback": ...}`` (the traceback for bugs only).
    """
    if parent:
        end_with(parent)
    try:
        for file in plugins:
            catalogue.load_file(file)
        result = _finished(arguments, identity)
        main = next((name for name in result.document["subsets"]["full"] if name != "n"), "")
        value = result.document["subsets"]["full"].get(main, {}).get("value")
        return {"run": result.document["run_id"], "summary": f"{main} {value:.3f}" if value is not None else ""}
    except PfError as error:
        return {"error": str(error), "traceback": ""}
    except (Exception, SystemExit) as error:  # a plugin that ends the program has not done the work
        return {"error": f"{type(error).__name__}: {error}", "traceback": traceback.format_exc()}


def _finished(arguments: dict[str, Any], identity: dict[str, Any]) -> Result:
    result = _run(arguments, resume=True)
    if not is_result_of(result, identity):  # a finished run of the same settings, but of other faces or code
        result = _run(arguments, resume=False)
    store = Path(arguments["store"])
    recorded = read_store(store).results if store.exists() else []
    if not any(is_result_of(r, identity) for r in recorded):  # it was finished before, and recorded elsewhere
        record(result.document, result.errors(), store, keep=result.folder, tables=result.tables())
    return result


def _run(arguments: dict[str, Any], resume: bool) -> Result:
    from parface_bench.api import run

    result = run(**arguments, resume=resume)
    if not isinstance(result, Result):
        raise WorkError(f"{result.folder}: ended before the landmarks were trained; its recipe lacks their stages")
    return result
