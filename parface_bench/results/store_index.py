"""An index of a store's digests under ``PFBENCH_HOME/index``, so that not every document is read every time.

The folder stays the truth: a row counts only while size, time and inode of its ``result.json`` are what they were.
An index that cannot be read or written is not used, and one that is damaged is deleted; either costs time alone.
"""

from __future__ import annotations

import hashlib
import os
import sqlite3
import zlib
from collections.abc import Iterable, Mapping
from contextlib import closing, suppress
from functools import cache
from pathlib import Path
from typing import NamedTuple

from parface_bench.home import home
from parface_bench.scoring import audit, report

_WAIT = 5.0  # seconds for another process to finish writing
_SCHEMA = """CREATE TABLE IF NOT EXISTS results (
    folder TEXT PRIMARY KEY, maker TEXT, mtime_ns INTEGER, size INTEGER, inode INTEGER, sum INTEGER, digest TEXT
) WITHOUT ROWID"""


class Mark(NamedTuple):
    """What tells that a file is still the one that was read."""

    mtime_ns: int
    size: int
    inode: int

    @classmethod
    def of(cls, file: Path) -> Mark:
        """Of a file, taken before it is read.

        Raises:
            OSError: it is not there.
        """
        state = file.stat()
        return cls(state.st_mtime_ns, state.st_size, state.st_ino & (1 << 63) - 1)


class StoreIndex:
    """The index of one store: relative folder -> mark and digest (a line of JSON)."""

    def __init__(self, store: Path):
        key = hashlib.sha256(os.fsencode(store.resolve())).hexdigest()[:16]
        self.file = home() / "index" / f"{key}.sqlite"

    def read(self) -> dict[str, tuple[Mark, str]]:
        """All rows that this version of the toolkit made; none where the index cannot be used."""
        if not self.file.is_file():
            return {}
        try:
            address = f"{self.file.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, timeout=_WAIT, uri=True)) as base:
                found = base.execute(
                    "SELECT folder, mtime_ns, size, inode, sum, digest FROM results WHERE maker = ?", (_maker(),)
                )
                return {
                    folder: (Mark(*mark), digest)
                    for folder, *mark, total, digest in found
                    if isinstance(digest, str) and zlib.crc32(digest.encode()) == total
                }
        except (sqlite3.Error, OSError, UnicodeError) as error:
            self._give_up(error)
            return {}

    def write(self, rows: Mapping[str, tuple[Mark, str]], gone: Iterable[str] = ()) -> None:
        """Add or replace rows and drop others, all or nothing; without effect where the index cannot be written."""
        lines = [(f, _maker(), *mark, zlib.crc32(d.encode()), d) for f, (mark, d) in rows.items()]
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=_WAIT, isolation_level=None)) as base:
                base.execute("BEGIN IMMEDIATE")
                base.execute(_SCHEMA)
                base.executemany("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?)", lines)
                base.executemany("DELETE FROM results WHERE folder = ?", [(folder,) for folder in gone])
                base.execute("COMMIT")
        except (sqlite3.Error, OSError, UnicodeError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Delete a damaged file, so that the next call makes a new one; leave one that is only locked or read-only."""
        damaged = isinstance(error, sqlite3.DatabaseError) and not isinstance(error, sqlite3.OperationalError)
        foreign = isinstance(error, sqlite3.OperationalError) and "no such" in str(error)
        if damaged or foreign:
            with suppress(OSError):
                self.file.unlink()


@cache
def _maker() -> str:
    """Hash of the code that decides what a digest holds: another version's rows are not used."""
    from parface_bench.results import digest, record, result

    own = [digest, record, result, audit, report]
    sources = [Path(module.__file__ or "").read_bytes() for module in own]
    sources.append(Path(record.__file__).with_name("result.schema.json").read_bytes())
    return hashlib.sha256(b"".join(sources)).hexdigest()[:16]
