"""Index tables kept as Parquet, so that a data set's thousands of small annotation files are read once."""

from __future__ import annotations

import hashlib
import json
import os
import sys
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from parface_bench.atomic import write_atomic
from parface_bench.data.images.archive import is_picture, scan
from parface_bench.data.index import ARRAYS
from parface_bench.home import home

VERSION = 1


def stamp(places: Iterable[Path], *facts: Any) -> str:
    """Digest of ``facts`` and of the files below ``places``: names, and size and time of all that are no pictures."""
    digest = hashlib.sha256(json.dumps([VERSION, *map(str, facts)]).encode())
    for place in places:
        digest.update(f"\n{place.resolve()}".encode("utf-8", "surrogateescape"))
        if place.is_file():
            digest.update(_state(place.stat()))
        for inside, files in scan(place):
            digest.update(f"\n/{inside}".encode("utf-8", "surrogateescape"))
            for entry in files:
                digest.update(f"\n{entry.name}".encode("utf-8", "surrogateescape"))
                if not is_picture(entry.name) and entry.is_file():
                    digest.update(_state(entry.stat()))
    return digest.hexdigest()


def digest(*texts: str) -> str:
    """Hexadecimal digest of some texts."""
    return hashlib.sha256("\0".join(texts).encode("utf-8", "surrogatepass")).hexdigest()


def _state(stat: os.stat_result) -> bytes:
    return f" {stat.st_size} {stat.st_mtime_ns}".encode()


def load(prefix: str, key: str) -> pd.DataFrame | None:
    """The table kept under this key, or None where there is none that can be read."""
    file = _file(prefix, key)
    if not file.is_file():
        return None
    try:
        return _from_arrow(pq.read_table(file))
    except (pa.ArrowException, OSError, ValueError, KeyError, TypeError):
        return None


def save(prefix: str, key: str, frame: pd.DataFrame) -> None:
    """Keep a table; tables of the same prefix are from older files and go. Without a writable cache nothing is kept."""
    file = _file(prefix, key)
    try:
        table = _to_arrow(frame)
        write_atomic(file, lambda out: pq.write_table(table, out, compression="zstd"), flush=False)
        for old in file.parent.glob(f"{prefix}-*.parquet"):
            if old != file:
                old.unlink(missing_ok=True)
    except (OSError, pa.ArrowException, TypeError, ValueError) as error:
        print(f"pfbench: index table not kept in {file.parent} ({error}); it is made anew next time", file=sys.stderr)


def _file(prefix: str, key: str) -> Path:
    return home() / "index" / f"{prefix}-{key[:20]}.parquet"


def _to_arrow(frame: pd.DataFrame) -> pa.Table:
    columns: dict[str, pa.Array] = {}
    trailing: dict[str, int] = {}
    for name in frame.columns:
        values = list(frame[name])
        if name not in ARRAYS and not any(isinstance(v, np.ndarray) for v in values):
            columns[name] = pa.Array.from_pandas(frame[name])
            continue
        arrays = [np.ravel(v) for v in values if v is not None]
        trailing[name] = next((v.shape[1] for v in values if v is not None and v.ndim == 2), 0)
        lengths = np.array([0 if v is None else v.size for v in values])
        offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
        flat = pa.array(np.concatenate(arrays) if arrays else np.zeros(0))
        columns[name] = pa.ListArray.from_arrays(offsets, flat, mask=pa.array([v is None for v in values], pa.bool_()))
    about = json.dumps({"attrs": frame.attrs, "trailing": trailing})
    return pa.table(columns).replace_schema_metadata({"parface_bench": about})


def _from_arrow(table: pa.Table) -> pd.DataFrame:
    about = json.loads(table.schema.metadata[b"parface_bench"])
    table = table.combine_chunks()
    frame = table.drop_columns(list(about["trailing"])).to_pandas()
    for name, width in about["trailing"].items():
        column = table[name].chunk(0) if table.num_rows else pa.array([], pa.list_(pa.float64()))
        flat = column.values.to_numpy(zero_copy_only=False).copy()
        ends = column.offsets.to_numpy()
        rows = [flat[a:b] for a, b in pairwise(ends)]
        missing = column.is_null().to_numpy(zero_copy_only=False)
        values = [
            None if gone else (r.reshape(-1, width) if width else r) for r, gone in zip(rows, missing, strict=True)
        ]
        frame[name] = pd.Series(values, dtype=object)
    frame = frame[table.column_names]
    frame.attrs.update(about["attrs"])
    return frame
