"""A table of landmarks: ``image, x0, y0[, z0], x1, ...`` with optional ``id``, box, yaw, visibility, split, subsets."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import PurePosixPath

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
        they are there, ``id`` (as the file has it), ``split``, ``yaw``, ``box_size``, ``image_size``, ``visible`` bool
        [L] of the columns ``v0``, ..., one bool column per ``subset:NAME``) and the subsets.

    Raises:
        UserError: no table, columns that do not make whole landmarks or boxes, a cell that is no number, or a split
            that is none of :data:`SPLITS`.
    """
    if data[:4] == b"PAR1":
        table = parse_parquet(data, where, ["image"])
    else:
        text = dict.fromkeys(("id", "image", "split"), str)  # a face may be called NA: only an empty cell is missing
        table = parse_csv(data, where, ["image"], dtype=text, keep_default_na=False, na_values=[""])
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
        seen = _visible(table, len(indices), where)
        if seen is not None:
            result["visible"] = pd.Series(list(seen), dtype=object)
            hidden = ~np.repeat(seen, len(axes), axis=1)
            cells = table[names].apply(pd.to_numeric, errors="coerce").to_numpy(dtype=np.float64)
            absent = hidden & np.isnan(cells)  # what is not visible may be empty
            table = table.assign(**{name: table[name].mask(absent[:, k], 0) for k, name in enumerate(names)})
        values = numbers(table, names, where)
        if seen is not None:
            values[absent] = np.nan
        values = values.reshape(count, len(indices), len(axes))
        values[:, :, :2] -= base
        result["landmarks"] = pd.Series(list(values), dtype=object)
    else:
        result["landmarks"] = pd.Series([None] * count, dtype=object)
    boxed = [name for name in BOX if name in table]
    if boxed and len(boxed) < 4:
        raise UserError(f"{where}: a box needs the columns {', '.join(BOX)}; it has {', '.join(boxed)}")
    result["bbox"] = pd.Series(list(numbers(table, BOX, where) - base) if boxed else [None] * count, dtype=object)
    for name in ("yaw", "box_size", "image_size"):
        if name in table:
            result[name] = numbers(table, [name], where)[:, 0]
    for name in ("id", "split"):
        if name in table:
            result[name] = table[name].fillna("").astype(str)
    for row in np.flatnonzero(result["id"] == "") if "id" in result else ():
        raise UserError(f"{where}: row {row + 2}: the id is empty; give each face one, or leave out the column")
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


def ids_of_images(images: Iterable[str]) -> list[str]:
    """Names of faces whose table has no ids: the image as the table names it, without suffix; further faces of one
    image are NAME#2, NAME#3, ..."""
    seen: dict[str, int] = {}
    names = []
    for image in images:
        name = str(PurePosixPath(image).with_suffix("")) if image else ""
        seen[name] = seen.get(name, 0) + 1
        names.append(name if seen[name] == 1 else f"{name}#{seen[name]}")
    return names


def _visible(table: pd.DataFrame, points: int, where: str) -> np.ndarray | None:
    """Bool [N, L] of the columns ``v0``, ``v1``, ...; None where there are none."""
    names = [f"v{i}" for i in range(points)]
    there = [c for c in table if re.fullmatch(r"v\d{1,4}", c)]
    if not there:
        return None
    if sorted(there) != sorted(names):
        raise UserError(f"{where}: visibility needs a column for every landmark, v0 to v{points - 1}")
    flags = numbers(table, names, where)
    if not np.isin(flags, (0, 1)).all():
        raise UserError(f"{where}: the columns v0 to v{points - 1} hold something else than 0 and 1; correct them")
    return flags == 1
