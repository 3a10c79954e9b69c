"""The store: a folder of results, ``STORE/DATASET/METHOD/RUN_ID/``, read as one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from parface_bench.progress import progress
from parface_bench.registry import UserError
from parface_bench.results.digest import Digest, pack, unpack
from parface_bench.results.record import RESERVED, RESULT
from parface_bench.results.result import Result, load_result, read_document
from parface_bench.results.store_index import Mark, StoreIndex

STORE = Path("leaderboards")
_LONG, _AT_ONCE = 100, 500  # documents read before a bar is shown; rows written to the index at once


@dataclass(frozen=True)
class Contents:
    """What a store holds: the results, oldest first, and a sentence for each that could not be read."""

    results: Sequence[Result]
    problems: list[str]


def read_store(store: str | Path = STORE) -> Contents:
    """All results of a store; what is half-written, damaged or of another schema is left out and named.

    Raises:
        UserError: the store is a file, or its folder may not be read.
    """
    results: list[Result] = []
    problems: list[str] = []
    for folder in _finished(Path(store), problems):
        try:
            results.append(load_result(folder))
        except UserError as error:
            problems.append(str(error))
    return Contents(_by_age(results), problems)


def read_digests(store: str | Path = STORE) -> Contents:
    """The same with digests in place of the whole documents: those not yet in the index are read and added to it.

    Raises:
        UserError: the store is a file, or its folder may not be read.
    """
    store, problems = Path(store), list[str]()
    index = StoreIndex(store)
    known = index.read()
    results: list[Digest] = []
    unknown: list[Path] = []
    for folder in _finished(store, problems):
        mark, text = known.get(_name(folder, store), (None, ""))
        try:
            if mark is None or Mark.of(folder / RESULT) != mark:
                raise KeyError(folder)
            results.append(unpack(text, folder))
        except (OSError, ValueError, KeyError, TypeError):  # another file than the index knows, or not its own row
            unknown.append(folder)
    names = set(known)
    del known
    new: dict[str, tuple[Mark, str]] = {}
    for folder in progress(unknown, f"reading {len(unknown)} new results", long=_LONG):
        try:
            mark = Mark.of(folder / RESULT)
            text = pack(read_document(folder))
        except OSError as error:
            problems.append(f"{folder / RESULT}: cannot be read ({error.strerror or error})")
            continue
        except UserError as error:
            problems.append(str(error))
            continue
        new[_name(folder, store)] = mark, text
        results.append(unpack(text, folder))
        if len(new) == _AT_ONCE:  # so that what is read is kept where the user interrupts
            index.write(new)
            new = {}
    gone = names - {_name(r.folder, store) for r in results}
    if new or gone:
        index.write(new, gone)
    return Contents(_by_age(results), problems)


def _by_age(results: Sequence[Result]) -> list[Result]:
    return sorted(results, key=lambda r: (r.document["created"], r.document["run_id"], r.folder.parts))


def _name(folder: Path, store: Path) -> str:
    return folder.relative_to(store).as_posix()


def _finished(store: Path, problems: list[str]) -> Iterator[Path]:
    """The folders of results that were written to their end; a sentence on each other is added to ``problems``."""
    try:
        folders = _run_folders(store) if store.exists() else []
    except OSError as error:
        raise UserError(f"the leaderboard store {store} cannot be read ({error.strerror or error})") from error
    for folder in folders:
        if folder.name.startswith("."):
            problems.append(f"{folder}: unfinished result left out (a crash, or a process that is still writing)")
        elif not (folder / RESULT).is_file():
            problems.append(f"{folder}: half-written result left out (no {RESULT}); delete the folder")
        else:
            yield folder


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
