"""An index of a store under ``PFBENCH_HOME/index``, so that not every document is read every time.

It holds digests of the documents, and what was worked out from the per-face errors (:class:`Memory`). The folder stays
the truth: a row counts only while size, time and inode of its ``result.json`` are what they were.
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
_MEMORY = "CREATE TABLE IF NOT EXISTS memory (key TEXT PRIMARY KEY, sum INTEGER, text TEXT) WITHOUT ROWID"
_AT_ONCE = 200  # lines kept in mind before they are written, so that an interrupted call has not worked for nothing


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
        self._change(
            _SCHEMA,
            ("INSERT OR REPLACE INTO results VALUES (?, ?, ?, ?, ?, ?, ?)", lines),
            ("DELETE FROM results WHERE folder = ?", [(folder,) for folder in gone]),
        )

    def recall(self) -> dict[str, str]:
        """All that :meth:`remember` wrote; nothing where the index cannot be used."""
        if not self.file.is_file():
            return {}
        try:
            address = f"{self.file.absolute().as_uri()}?mode=ro"
            with closing(sqlite3.connect(address, timeout=_WAIT, uri=True)) as base:
                if not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'memory'").fetchall():
                    return {}
                found = base.execute("SELECT key, sum, text FROM memory")
                return {key: text for key, total, text in found if zlib.crc32(text.encode()) == total}
        except (sqlite3.Error, OSError, UnicodeError, AttributeError) as error:
            self._give_up(error)
            return {}

    def remember(self, lines: Mapping[str, str], gone: Iterable[str] = ()) -> None:
        """Add or replace lines and drop others, all or nothing; without effect where the index cannot be written."""
        self._change(
            _MEMORY,
            (
                "INSERT OR REPLACE INTO memory VALUES (?, ?, ?)",
                [(k, zlib.crc32(t.encode()), t) for k, t in lines.items()],
            ),
            ("DELETE FROM memory WHERE key = ?", [(key,) for key in gone]),
        )

    def _change(self, schema: str, *changes: tuple[str, list[tuple]]) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.file, timeout=_WAIT, isolation_level=None)) as base:
                base.execute("BEGIN IMMEDIATE")
                base.execute(schema)
                for statement, rows in changes:
                    base.executemany(statement, rows)
                base.execute("COMMIT")
        except (sqlite3.Error, OSError, UnicodeError) as error:
            self._give_up(error)

    def _give_up(self, error: Exception) -> None:
        """Delete a damaged file, so that the next call makes a new one; leave one that is only locked or read-only."""
        damaged = isinstance(error, (sqlite3.DatabaseError, AttributeError))
        damaged = damaged and not isinstance(error, sqlite3.OperationalError)
        foreign = isinstance(error, sqlite3.OperationalError) and "no such" in str(error)
        if damaged or foreign:
            with suppress(OSError):
                self.file.unlink()


class Memory:
    """Lines of text by key that are kept in a store's index; without a store in mind alone.

    A key must name everything that its line is made of (files, columns, code): nothing here tells that it is stale.
    """

    def __init__(self, store: Path | None = None) -> None:
        self._index = None if store is None else StoreIndex(store)
        self._lines = {} if self._index is None else self._index.recall()
        self._new: dict[str, str] = {}
        self._used: set[str] = set()

    def get(self, key: str) -> str | None:
        """The line of a key."""
        self._used.add(key)
        return self._lines.get(key)

    def put(self, key: str, text: str) -> None:
        """Add a line."""
        self._used.add(key)
        self._lines[key] = self._new[key] = text
        if len(self._new) >= _AT_ONCE:
            self.save()

    def save(self, *, whole: bool = False) -> None:
        """Write what is new; if the ``whole`` store was gone through, drop lines that nothing asks for any more."""
        stale = self._lines.keys() - self._used if whole else set()
        stale = stale if len(stale) > max(len(self._used), _AT_ONCE) else set()
        if self._index is not None and (self._new or stale):
            self._index.remember(self._new, stale)
        self._new = {}


@cache
def _maker() -> str:
    """Hash of the code that decides what a digest holds: another version's rows are not used."""
    from parface_bench.results import digest, record, result

    own = [digest, record, result, audit, report]
    sources = [Path(module.__file__ or "").read_bytes() for module in own]
    sources.append(Path(record.__file__).with_name("result.schema.json").read_bytes())
    return hashlib.sha256(b"".join(sources)).hexdigest()[:16]
