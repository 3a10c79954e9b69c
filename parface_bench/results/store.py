"""The store: a folder of results, ``STORE/DATASET/METHOD/RUN_ID/``, read as one."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from parface_bench.registry import UserError
from parface_bench.results.record import RESERVED, RESULT
from parface_bench.results.result import Result, load_result

STORE = Path("leaderboards")


@dataclass(frozen=True)
class Contents:
    """What a store holds: the results, oldest first, and a sentence for each that could not be read."""

    results: list[Result]
    problems: list[str]


def read_store(store: str | Path = STORE) -> Contents:
    """All results of a store; what is half-written, damaged or of another schema is left out and named.

    Raises:
        UserError: the store is a file, or its folder may not be read.
    """
    store = Path(store)
    results, problems = [], []
    try:
        folders = _run_folders(store) if store.exists() else []
    except OSError as error:
        raise UserError(f"the leaderboard store {store} cannot be read ({error.strerror or error})") from error
    for folder in folders:
        if folder.name.startswith("."):
            problems.append(f"{folder}: unfinished result left out (a crash, or a process that is still writing)")
            continue
        if not (folder / RESULT).is_file():
            problems.append(f"{folder}: half-written result left out (no {RESULT}); delete the folder")
            continue
        try:
            results.append(load_result(folder))
        except UserError as error:
            problems.append(str(error))
    results.sort(key=lambda r: (r.document["created"], r.document["run_id"]))
    return Contents(results, problems)


def _run_folders(store: Path) -> list[Path]:
    return [
        run
        for dataset in sorted(store.iterdir())
        if dataset.is_dir() and dataset.name != RESERVED and not dataset.name.startswith((".", "_"))
        for method in sorted(dataset.iterdir())
        if method.is_dir()
        for run in sorted(method.iterdir())
        if run.is_dir()
    ]
