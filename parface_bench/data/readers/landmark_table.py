"""A table of landmarks: ``image, x0, y0[, z0], x1, ...`` with optional ``id``, box, yaw, split and subsets."""

from __future__ import annotations

import re

import numpy as np
import pandas as pd

from parface_bench.data.readers.tables import numbers, parse_csv, parse_parquet
from parface_bench.registry.errors import UserError

SPLITS = ("train", "val", "test", "")  # faces without are in the split ``all`` only
BOX = ["bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2"]


def parse_table(data: bytes, where: str, base: float = 0) -> tuple[pd.DataFrame, list[str]]:
    """Such a table, CSV or Parquet (told by its content).

    Args:
        base: what the table calls the first pixel.

    Returns:
        The table (columns ``image``, ``landmarks`` float64 [L, 2|3], ``bbox`` float64 [4] or None, and, as far as
        they are there, ``id``, ``split``, ``yaw``, ``box_size``, one bool column per ``subset:NAME``) and the subsets.

    Raises:
        UserError: no table, columns that do not make whole landmarks or boxes, a cell that is no number, or a split
            that is none of :data:`SPLITS`.
    """
    if data[:4] == b"PAR1":
        table = parse_parquet(data, where, ["image"])
    else:
        table = parse_csv(data, where, ["image"], dtype={"id": str, "image": str, "split": str})
    table = table.rename(columns=str)
    indices = [int(c[1:]) for c in table if re.fullmatch(r"x\d{1,4}", c)]
    axes = "xyz" if "z0" in table else "xy"
    names = [f"{axis}{i}" for i in range(len(indices)) for axis in axes]
    gone = [n for n in names if n not in table]
    if gone or sorted(indices) != list(range(len(indices))):
        missing = gone[0] if gone else f"x{next(i for i in range(len(indices)) if i not in indices)}"
        raise UserError(f"{where}: the column {missing!r} is missing; landmarks are x0, y0[, z0], x1, ... without gaps")
    result = pd.DataFrame({"image": table["image"].fillna("").astype(str)})
    count = len(table)
    if names:
        values = numbers(table, names, where).reshape(count, len(indices), len(axes))
        values[:, :, :2] -= base
        result["landmarks"] = pd.Series(list(values), dtype=object)
    else:
        result["landmarks"] = pd.Series([None] * count, dtype=object)
    boxed = [name for name in BOX if name in table]
    if boxed and len(boxed) < 4:
        raise UserError(f"{where}: a box needs the columns {', '.join(BOX)}; it has {', '.join(boxed)}")
    result["bbox"] = pd.Series(list(numbers(table, BOX, where) - base) if boxed else [None] * count, dtype=object)
    for name in ("yaw", "box_size"):
        if name in table:
            result[name] = numbers(table, [name], where)[:, 0]
    for name in ("id", "split"):
        if name in table:
            result[name] = table[name].fillna("").astype(str)
    for row in np.flatnonzero(~result["split"].isin(SPLITS)) if "split" in result else ():
        found = result["split"].iloc[row]
        raise UserError(f"{where}: row {row + 2}: the split {found!r} is none of {', '.join(SPLITS[:-1])}; correct it")
    tags = []
    for column in table:
        if column.startswith("subset:"):
            flags = numbers(table, [column], where)[:, 0]
            if not np.isin(flags, (0, 1)).all():
                raise UserError(f"{where}: column {column!r} holds something else than 0 and 1; correct it")
            tag = column.removeprefix("subset:")
            result[tag] = flags == 1
            tags.append(tag)
    return result, tags
