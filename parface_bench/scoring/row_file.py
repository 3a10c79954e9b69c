"""Rows of numbers too many for the memory: kept in a file, read piece by piece."""

from __future__ import annotations

import io
import math
import mmap
import tempfile
from typing import Any

import numpy as np

from parface_bench.registry import WorkError

_PIECE = 64  # scattered rows that are looked at before their pages are given back: each may map 2 MiB


class RowFile:
    """An array float64 [N, ...] in a temporary file without a name, which ends with the process.

    It has an array's ``shape``, and gives rows as an array does: a slice, positions or a mask along the first axis make
    an array in memory. What was read does not stay in memory.
    """

    def __init__(self, row: tuple[int, ...]) -> None:
        self._file = tempfile.TemporaryFile(prefix="pfbench-")  # noqa: SIM115 - it lives as long as this object
        self._row, self._count = row, 0
        self._map: mmap.mmap | None = None
        self._order: np.ndarray | None = None

    def append(self, block: np.ndarray) -> None:
        """Add rows at the end.

        Raises:
            WorkError: the disk is full.
        """
        try:
            self._file.write(np.ascontiguousarray(block, dtype=np.float64).data.cast("B"))
            self._file.flush()
        except OSError as error:
            raise WorkError(
                f"{tempfile.gettempdir()}: a large table cannot be kept there while it is scored ({error.strerror}); "
                "set TMPDIR to a folder with more room"
            ) from error
        self._count += len(block)
        self._map = None

    def take(self, rows: np.ndarray) -> RowFile:
        """These rows (positions or a mask) as another such array of the same file."""
        order = np.arange(self._count) if self._order is None else self._order
        part = object.__new__(RowFile)
        part.__dict__.update(self.__dict__, _order=order[rows])
        return part

    @property
    def shape(self) -> tuple[int, ...]:
        """As of an array."""
        return (self._count if self._order is None else len(self._order), *self._row)

    @property
    def ndim(self) -> int:
        """As of an array."""
        return 1 + len(self._row)

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        if isinstance(rows, slice):
            first, last, step = rows.indices(len(self))
            if self._order is None and step == 1:
                return self._read(first, max(first, last))
            rows = np.arange(first, last, step)
        elif rows.dtype == bool:
            rows = np.flatnonzero(rows)
        rows = rows if self._order is None else self._order[rows]
        if len(rows) and np.array_equal(rows, np.arange(rows[0], rows[0] + len(rows))):
            return self._read(int(rows[0]), int(rows[0]) + len(rows))
        out = np.empty((len(rows), *self._row))
        if self._map is None and len(rows):
            self._map = mmap.mmap(self._file.fileno(), 0, access=mmap.ACCESS_READ)
        for start in range(0, len(rows), _PIECE):
            assert self._map is not None
            piece = rows[start : start + _PIECE]
            out[start : start + len(piece)] = np.frombuffer(self._map).reshape(-1, *self._row)[piece]
            if hasattr(mmap, "MADV_DONTNEED"):
                self._map.madvise(mmap.MADV_DONTNEED)
        return out

    def _read(self, first: int, last: int) -> np.ndarray:
        """Rows that stand one after another."""
        out = np.empty((last - first, *self._row))
        if not len(out):
            return out
        self._file.seek(first * math.prod(self._row) * out.itemsize)
        if self._file.readinto(out.data.cast("B")) != out.nbytes:
            raise WorkError("a temporary file was cut off while a large table was scored; try again")
        self._file.seek(0, io.SEEK_END)
        return out

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> np.ndarray:
        return self[:] if dtype is None else self[:].astype(dtype, copy=False)


Rows = np.ndarray | RowFile


def taken(values: Rows, rows: np.ndarray) -> Rows:
    """Rows of an array or of a file, each as its own kind."""
    return values.take(rows) if isinstance(values, RowFile) else values[rows]
