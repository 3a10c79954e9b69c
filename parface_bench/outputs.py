"""Which files pfbench itself made: only those are written over without asking.

They are remembered in ``outputs.sqlite`` in pfbench's home, with size and time, so that one which somebody has changed
since counts as his own.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterable
from contextlib import closing, suppress
from pathlib import Path

from parface_bench.atomic import Content, write_atomic
from parface_bench.home import home
from parface_bench.registry.errors import UserError


def guard(paths: Iterable[Path], force: bool = False) -> None:
    """Refuse to write over what is not ours.

    Args:
        paths: the files that are to be written.
        force: write anyway (``--force``).

    Raises:
        UserError: one exists, is not empty, and was not made by pfbench or was changed since; or is a folder.
    """
    for path in paths:
        if path.is_dir():
            raise UserError(f"cannot write {path}: it is a folder; name a file, or give another place with --out")
        if not force and path.is_file() and path.stat().st_size and not _ours(path):
            raise UserError(
                f"{path}: exists already and was not made by pfbench (or was changed since); "
                "name another place with --out, move it away, or say --force"
            )


def write(path: Path, content: Content, *, flush: bool = True) -> None:
    """Write a file, whole or not at all, and remember that it is ours; :func:`guard` has been asked before."""
    write_atomic(path, content, flush=flush, finished=lambda temporary: _note([(_key(path), *_state(temporary))]))


def note(paths: Iterable[Path]) -> None:
    """Remember files that were just written; where the home cannot be written, nothing is remembered."""
    _note([(_key(path), *_state(path)) for path in paths if path.is_file()])


def _note(rows: list[tuple[str, int, int]]) -> None:
    with suppress(sqlite3.Error, OSError):
        home().mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(home() / "outputs.sqlite", timeout=30)) as base, base:
            base.execute("PRAGMA synchronous = OFF")  # what a power cut loses is asked for with --force
            base.execute(
                "CREATE TABLE IF NOT EXISTS made (path TEXT, size INT, mtime INT, PRIMARY KEY (path, size, mtime))"
            )
            base.executemany("INSERT OR REPLACE INTO made VALUES (?, ?, ?)", rows)


def _ours(path: Path) -> bool:
    file = home() / "outputs.sqlite"
    if not file.is_file():
        return False
    with suppress(sqlite3.Error, OSError), closing(sqlite3.connect(file, timeout=30)) as base:
        asked = "SELECT 1 FROM made WHERE path = ? AND size = ? AND mtime = ?"
        return base.execute(asked, (_key(path), *_state(path))).fetchone() is not None
    return False


def _key(path: Path) -> str:
    return os.path.realpath(path).encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _state(path: Path) -> tuple[int, int]:
    stat = path.stat()
    return stat.st_size, stat.st_mtime_ns
