"""The files behind landmark tables: batches of checked numbers from CSV or Parquet, and whose fault a bad file is."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

from parface_bench.limits import NAME, bad_name, check_parquet
from parface_bench.registry import UserError
from parface_bench.scoring.columns import FARTHEST

BOX = ("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2")
NUMBERS = ("box_size", "image_size", "yaw")
SUBSET = "subset:"
LINE = 8 << 20  # characters
IMAGE = "image"  # names the faces of a table of true landmarks that has no ids


@dataclass(frozen=True)
class TableColumns:
    """Which columns are read, in order: coordinates landmark by landmark, then visibility, box, numbers, subsets.

    ``gaps``: a row without any coordinate is no fault. ``id``: the column that names the faces. ``confidence``: the
    last columns are confidences, which may be empty.
    """

    points: int
    dims: int
    columns: tuple[str, ...]
    visible: bool = False
    gaps: bool = False
    id: str = "id"
    confidence: bool = False

    @staticmethod
    def of(path: Path, names: list[str], truth: bool, confidence: bool = False) -> TableColumns:
        """The columns of a table with these names; UserError where they do not make one."""
        spaced = next((n for n in names if n != n.strip()), None)
        if spaced is not None:
            raise UserError(f"{path}: the column name {spaced!r} has spaces around it; remove them from the header")
        if "id" not in names and not (truth and IMAGE in names):
            hint = "; is it separated by ';' or tabs instead of commas?" if len(names) == 1 and path.suffix else ""
            raise UserError(f"{path}: there is no column 'id' (the header must read id, x0, y0, x1, y1, ...){hint}")
        twice = sorted({n for n in names if names.count(n) > 1}) if len(set(names)) < len(names) else []
        if twice:
            raise UserError(f"{path}: the column {twice[0]!r} occurs more than once")
        found: dict[str, set[int]] = {"x": set(), "y": set(), "z": set(), "v": set()}
        for name in names:
            match = re.fullmatch(r"([xyzv])(0|[1-9]\d*)", name)
            if match:
                found[match[1]].add(int(match[2]))
        points = max((i + 1 for axis in "xyz" for i in found[axis]), default=0)
        if not points:
            raise UserError(f"{path}: there are no landmark columns (x0, y0, x1, y1, ...)")
        axes = "xyz" if found["z"] else "xy"
        columns = []
        for i in range(points):
            for axis in axes:
                if i not in found[axis]:
                    raise UserError(
                        f"{path}: the column '{axis}{i}' is missing; each landmark, 0 to {points - 1}, needs "
                        f"{'x and y' if axes == 'xy' else 'x, y and z'}"
                    )
                columns.append(f"{axis}{i}")
        visible = truth and bool(found["v"])
        if truth:
            if visible and found["v"] != set(range(points)):
                raise UserError(f"{path}: visibility needs a column for every landmark, v0 to v{points - 1}")
            box = [c for c in BOX if c in names]
            if box and len(box) < 4:
                raise UserError(f"{path}: a box needs the four columns {', '.join(BOX)}; it has {', '.join(box)}")
            columns += [f"v{i}" for i in range(points)] if visible else []
            columns += [*box, *(c for c in NUMBERS if c in names), *(c for c in names if c.startswith(SUBSET))]
        sure = [f"c{i}" for i in range(points)] if confidence else []
        missing = [name for name in sure if name not in names]
        if missing and len(missing) < points:
            raise UserError(f"{path}: the column {missing[0]!r} is missing; confidence needs c0 to c{points - 1}")
        columns += [] if missing else sure
        ids, there = "id" if "id" in names else IMAGE, bool(sure) and not missing
        return TableColumns(points, len(axes), tuple(columns), visible, id=ids, confidence=there)

    def fault(self, values: np.ndarray) -> tuple[int, int] | None:
        """Row and column of the first cell that is wrong."""
        bad = ~np.isfinite(values)
        size = self.points * self.dims
        bad[:, :size] |= np.abs(values[:, :size]) > FARTHEST
        if self.confidence:
            bad[:, -self.points :] = np.isinf(values[:, -self.points :])
        if self.visible:
            seen = values[:, size : size + self.points] != 0
            bad[:, :size] &= np.repeat(seen, self.dims, axis=1)
        if self.gaps:
            bad[np.isnan(values[:, :size]).all(axis=1), :size] = False
        for k, name in enumerate(self.columns):
            if name.startswith(SUBSET) or (self.visible and size <= k < size + self.points):
                bad[:, k] |= (values[:, k] != 0) & (values[:, k] != 1)
        rows = np.flatnonzero(bad.any(axis=1))
        return (int(rows[0]), int(np.argmax(bad[rows[0]]))) if len(rows) else None

    def wants(self, column: str, cell: object) -> str:
        """What a cell of this column must hold instead."""
        if column.startswith((SUBSET, "v")):
            return "0 or 1"
        return f"at most {FARTHEST:g} pixels" if math.isfinite(_number(str(cell))) else "a finite number"


@dataclass(frozen=True)
class CsvTable:
    """A CSV file in UTF-8, comma separated, with a header line."""

    path: Path
    names: list[str]

    def batches(self, wanted: TableColumns) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Ids [n] and checked numbers [n, columns that are wanted], batch by batch."""
        types = {wanted.id: pa.string(), **dict.fromkeys(wanted.columns, pa.float64())}
        try:
            reader = pa.csv.open_csv(
                self.path,
                read_options=pa.csv.ReadOptions(block_size=8 << 20),
                convert_options=pa.csv.ConvertOptions(column_types=types, include_columns=list(types)),
            )
            for batch in reader:
                if batch.num_rows:
                    yield _arrays(self.path, batch, wanted, self.blame)
        except pa.ArrowInvalid as error:
            raise self.blame(wanted) or UserError(f"{self.path} cannot be read: {_line(error)}") from error

    def blame(self, wanted: TableColumns) -> UserError | None:
        """Find the first wrong row with a plain reader, which knows where it is."""
        try:
            return self._blame(wanted)
        except csv.Error as error:
            return UserError(f"{self.path} is no CSV table of numbers ({error})")

    def _blame(self, wanted: TableColumns) -> UserError | None:
        at = {name: self.names.index(name) for name in wanted.columns}
        with self.path.open(newline="", encoding="utf-8-sig", errors="replace") as file:
            rows = (row for row in csv.reader(_lines(file)) if row)
            next(rows)
            number = 0
            for number, row in enumerate(rows, 1):
                where = f"{self.path}, row {number}"
                if len(row) != len(self.names):
                    return UserError(f"{where}: it has {len(row)} columns, the header has {len(self.names)}")
                numbers = np.array([[_number(row[k]) for k in at.values()]])
                fault = wanted.fault(numbers)
                if fault:
                    column = wanted.columns[fault[1]]
                    cell, name = row[at[column]], row[self.names.index(wanted.id)]
                    return _bad_cell(self.path, number, name, column, cell, wanted)
        return None if number else UserError(f"{self.path} holds a header and no faces")


@dataclass(frozen=True)
class ParquetTable:
    """A Parquet file."""

    path: Path
    names: list[str]
    file: pa.parquet.ParquetFile

    def batches(self, wanted: TableColumns) -> Iterator[tuple[np.ndarray, np.ndarray]]:
        """Ids [n] and checked numbers [n, columns that are wanted], batch by batch."""
        try:
            first = 0
            for batch in self.file.iter_batches(batch_size=16384, columns=[wanted.id, *wanted.columns]):
                if batch.num_rows:
                    yield _arrays(self.path, batch, wanted, None, first)
                first += batch.num_rows
        except (pa.ArrowException, OSError, ValueError) as error:  # a name that is no UTF-8 is a ValueError
            raise UserError(f"{self.path} is a damaged Parquet file: {_line(error)}") from error


def _arrays(
    path: Path, batch: pa.RecordBatch, wanted: TableColumns, blame: object = None, first: int = 0
) -> tuple[np.ndarray, np.ndarray]:
    ids = batch.column(batch.schema.get_field_index(wanted.id)).cast(pa.string()).to_numpy(zero_copy_only=False)
    values = np.empty((batch.num_rows, len(wanted.columns)))
    for k, name in enumerate(wanted.columns):
        column = batch.column(batch.schema.get_field_index(name))
        if pa.types.is_floating(column.type) or pa.types.is_integer(column.type) or pa.types.is_boolean(column.type):
            values[:, k] = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        else:
            cells = column.to_pylist()
            numbers = [_number(str(c)) for c in cells]
            values[:, k] = numbers
            for i, number in enumerate(numbers):
                if math.isnan(number):
                    raise _bad_cell(path, first + i + 1, str(ids[i]), name, cells[i], wanted)
    for empty in np.flatnonzero(pd.isna(ids) | (ids == "")):
        raise UserError(f"{path}, row {first + int(empty) + 1}: the id is empty")
    for row, name in enumerate(ids):
        if not name.isprintable() or len(name) > NAME:
            wrong = bad_name(name)
            if wrong:
                raise UserError(f"{path}, row {first + row + 1}: the id {wrong}; give the face another")
    fault = wanted.fault(values)
    if fault:
        row, k = fault
        found = blame(wanted) if callable(blame) else None
        if isinstance(found, UserError):
            raise found
        name = wanted.columns[k]
        cell = batch.column(batch.schema.get_field_index(name))[row].as_py()
        raise _bad_cell(path, first + row + 1, str(ids[row]), name, cell, wanted)
    return ids, values


def open_table(path: Path) -> CsvTable | ParquetTable:
    """The reader for a file, with its header read."""
    if path.exists() and not path.is_file() and not path.is_dir():
        raise UserError(f"{path} cannot be read: it is no regular file")
    try:
        with path.open("rb") as file:
            head = file.read(4)
    except OSError as error:
        raise UserError(f"{path} cannot be read: {error.strerror}") from error
    if not head:
        raise UserError(f"{path} is empty")
    if head == b"PAR1" or path.suffix.lower() in (".parquet", ".pq"):
        try:
            # otherwise a row group, mostly the whole file, is read at once
            parquet = pa.parquet.ParquetFile(path, buffer_size=1 << 16, pre_buffer=False)
        except (pa.ArrowException, OSError, ValueError) as error:  # a name that is no UTF-8 is a ValueError
            raise UserError(f"{path} is not a readable Parquet file: {_line(error)}") from error
        check_parquet(parquet.metadata.num_rows, len(parquet.schema_arrow.names), path.stat().st_size, str(path))
        return ParquetTable(path, list(parquet.schema_arrow.names), parquet)
    try:
        with path.open(newline="", encoding="utf-8-sig") as text:
            names = next((row for row in csv.reader(_lines(text)) if row), [])
    except _LongLine:
        raise UserError(f"{path}: its first line has more than {LINE >> 20} MiB, so it is no table") from None
    except (UnicodeDecodeError, csv.Error) as error:
        raise UserError(f"{path} is neither CSV in UTF-8 nor Parquet") from error
    return CsvTable(path, names)


class _LongLine(csv.Error):
    """A line that no table has, such as a file of zeros."""


def _lines(file: TextIO) -> Iterator[str]:
    while line := file.readline(LINE):
        if len(line) == LINE:
            raise _LongLine(f"a line has more than {LINE >> 20} MiB")
        yield line


def _bad_cell(path: Path, row: int, face: str, column: str, cell: object, wanted: TableColumns) -> UserError:
    what = "an empty cell" if cell is None or cell == "" else repr(cell)
    return UserError(
        f"{path}, row {row} (id {face!r}), column {column!r}: found {what}, needs {wanted.wants(column, cell)}"
    )


def _number(text: str) -> float:
    try:
        return float(text) if "_" not in text else math.nan  # Python alone reads 1_000
    except ValueError:
        return math.nan


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())[:200]
