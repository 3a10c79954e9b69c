"""Tables of faces as JSON, CSV, Parquet or text lines: a row per face, every fault named with file and row."""

from __future__ import annotations

import io
import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.data.images.archive import read_bytes
from parface_bench.limits import check_parquet
from parface_bench.registry.errors import UserError


def parse_json(data: bytes, where: str) -> Any:
    """The content of a JSON file.

    Raises:
        UserError: it is cut off or no JSON (the sentence names the line).
    """
    try:
        return json.loads(data.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise UserError(f"{where}:{error.lineno}: no JSON ({error.msg}); is the file cut off? copy it again") from None
    except (UnicodeDecodeError, RecursionError, ValueError) as error:
        raise UserError(f"{where}: no JSON ({type(error).__name__}); copy the file again") from None


def parse_json_table(data: bytes, where: str, need: Iterable[str] = ()) -> pd.DataFrame:
    """A table kept as JSON: a list of records, or an object of columns (lists, or objects of row -> value, as pandas).

    Raises:
        UserError: no such table, columns of unequal length, or one of ``need`` is missing.
    """
    content = parse_json(data, where)
    if isinstance(content, list):
        for row, record in enumerate(content):
            if not isinstance(record, dict):
                raise UserError(f"{where}: row {row} is no object of column -> value; correct it")
        names = list(dict.fromkeys(name for record in content for name in record))
        columns = {name: [record.get(name) for record in content] for name in names}
    elif isinstance(content, dict):
        columns = {k: list(v.values()) if isinstance(v, dict) else v for k, v in content.items()}
        sizes = {len(v) if isinstance(v, list) else -1 for v in columns.values()}
        if len(sizes) > 1 or -1 in sizes:
            raise UserError(f"{where}: no table: its columns are no lists of one length; correct it")
    else:
        raise UserError(f"{where}: no table: expected a list of rows or an object of columns")
    frame = pd.DataFrame({name: pd.Series(values, dtype=object) for name, values in columns.items()})
    return _with(frame, where, need)


def read_csv(path: Path, need: Iterable[str] = (), **how: Any) -> pd.DataFrame:
    """A CSV file on disk; see :func:`parse_csv`.

    Raises:
        UserError: the file is missing or unreadable, or not what it should be.
    """
    return parse_csv(read_bytes(path.parent, path.name), str(path), need, **how)


def parse_csv(data: bytes, where: str, need: Iterable[str] = (), **how: Any) -> pd.DataFrame:
    """A CSV file; ``how`` goes to :func:`pandas.read_csv`.

    Raises:
        UserError: empty, no table, not UTF-8, or one of ``need`` is missing.
    """
    try:
        frame = pd.read_csv(io.BytesIO(data), **how)
    except pd.errors.EmptyDataError:
        raise UserError(f"{where}: is empty; copy it again") from None
    except (ValueError, UnicodeDecodeError, OverflowError) as error:
        raise UserError(f"{where}: no CSV table ({_first_line(error)}); correct it") from None
    if not isinstance(frame.index, pd.RangeIndex):  # pandas takes the surplus for names of rows
        raise UserError(f"{where}: no CSV table (its rows have more cells than its heading); correct it")
    return _with(frame, where, need)


def parse_parquet(data: bytes, where: str, need: Iterable[str] = ()) -> pd.DataFrame:
    """A Parquet file.

    Raises:
        UserError: unreadable, or one of ``need`` is missing.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(io.BytesIO(data))
        check_parquet(file.metadata.num_rows, file.metadata.num_columns, len(data), where)
        frame = file.read().to_pandas()
    except (pa.ArrowException, OSError, ValueError, TypeError, KeyError) as error:
        raise UserError(f"{where}: no readable Parquet table ({_first_line(error)}); write it again") from None
    return _with(frame, where, need)


def numbers(frame: pd.DataFrame, columns: Iterable[str], where: str, first_row: int = 2) -> np.ndarray:
    """Columns as finite float64 [N, C].

    Args:
        first_row: what to call the first row in errors (2: line of a CSV file after its heading).

    Raises:
        UserError: something is no finite number (the sentence names row and column).
    """
    columns = list(columns)
    values = np.empty((len(frame), len(columns)))
    for at, name in enumerate(columns):
        values[:, at] = pd.to_numeric(frame[name], errors="coerce")
    bad = np.argwhere(~np.isfinite(values))
    if len(bad):
        row, at = bad[0]
        found = str(frame[columns[at]].iloc[row])[:40]
        raise UserError(
            f"{where}: row {row + first_row}, column {columns[at]!r}: {found!r} is no finite number; correct it"
        )
    return values


def points(value: Any, where: str, count: int | None = None, dims: tuple[int, ...] = (2, 3)) -> np.ndarray:
    """Nested lists as landmarks, float64 [N, 2|3].

    Raises:
        UserError: not that shape, or not all finite numbers.
    """
    try:
        array = np.asarray(value, dtype=np.float64)
    except (TypeError, ValueError, OverflowError):
        raise UserError(f"{where}: the landmarks are no table of numbers; correct them") from None
    if array.ndim != 2 or array.shape[1] not in dims or count not in (None, array.shape[0]):
        wanted = f"{count or 'N'} x {' or '.join(map(str, dims))}"
        raise UserError(f"{where}: landmarks of shape {wanted} expected, found {array.shape}; correct them")
    if not np.isfinite(array).all():
        raise UserError(f"{where}: the landmarks hold NaN or infinity; correct them")
    return array


def text_numbers(line: str, where: str, count: int) -> np.ndarray:
    """``count`` finite numbers of a text line, separated by blanks or commas, as float64.

    Raises:
        UserError: another count, or something that is no finite number.
    """
    fields = line.replace(",", " ").split()
    try:
        values = np.array([float(f) for f in fields])
    except ValueError:
        values = np.full(len(fields), np.nan)
    if len(values) != count or not np.isfinite(values).all():
        raise UserError(f"{where}: expected {count} numbers, found {line[:40]!r}; correct it")
    return values


def lines(data: bytes) -> list[tuple[int, str]]:
    """(line number, text) of the lines that are not blank."""
    text = data.decode("utf-8-sig", errors="replace")
    return [(number, line.strip()) for number, line in enumerate(text.splitlines(), 1) if line.strip()]


def _with(frame: pd.DataFrame, where: str, need: Iterable[str]) -> pd.DataFrame:
    missing = [name for name in need if name not in frame]
    if missing:
        names = list(frame.columns)
        apart = len(names) == 1 and any(mark in str(names[0]) for mark in ";\t")
        why = "is it separated by ';' or tabs instead of commas?" if apart else "is it the file of another data set?"
        raise UserError(f"{where}: lacks the columns {', '.join(missing)}; {why}")
    return frame


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
