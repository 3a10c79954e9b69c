"""The landmark layout of somebody's own table: named, in a YAML file beside the table, told by the number, or none."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pandas as pd

from parface_bench.faces import Layout, adopt, get_schema, schemas_with, unnamed
from parface_bench.limits import read_file, read_yaml
from parface_bench.registry.errors import UserError

SUFFIXES = (".yaml", ".yml")


def read_layout(file: Path) -> Layout:
    """The layout in a YAML file, whose keys are the attributes of :class:`parface_bench.Layout`.

    Raises:
        UserError: it cannot be read, or is no layout; names the file.
    """
    try:
        return Layout.of(read_yaml(read_file(file, 1 << 20).decode("utf-8"), str(file)), str(file))
    except (OSError, UnicodeDecodeError) as error:
        raise UserError(f"{file} cannot be read: {getattr(error, 'strerror', None) or error}") from error


def beside(table: Path) -> Path | None:
    """The layout file of a table: ``TABLE.layout.yaml``, else ``layout.yaml`` in its folder, if there is one."""
    names = [f"{table.stem}.layout{suffix}" for suffix in SUFFIXES] + [f"layout{suffix}" for suffix in SUFFIXES]
    return next((table.with_name(name) for name in names if table.with_name(name).is_file()), None)


def find_layout(table: Path, points: int, wanted: str = "") -> tuple[str, dict[str, Any]]:
    """The layout of a table of landmarks.

    Args:
        table: the file.
        points: how many landmarks it has.
        wanted: name of a layout, or a layout file; '' to look beside the table, and then for the only known layout with
            so many landmarks.

    Returns:
        The layout's name, and what an index table keeps in its ``attrs``: ``layout`` (facts and file of a layout that
        came with the table), or a note that the landmarks have none.

    Raises:
        UserError: the layout has another number of landmarks, or cannot be read, or its name is taken.
    """
    file = Path(wanted) if wanted.endswith(SUFFIXES) else None if wanted else beside(table)
    if file is not None:
        layout = read_layout(file)
        _fits(table, points, len(layout), f"layout {layout.name!r} in {file}")
        adopt(layout, str(file))
        return layout.name, {"layout": {"facts": layout.facts(), "file": str(file)}}
    if wanted:
        _fits(table, points, len(get_schema(wanted)), f"layout {wanted!r}")
        return wanted, {}
    known = schemas_with(points)
    if len(known) == 1:
        return known[0], {}
    why = f"may be {' or '.join(known)}: say which with schema=NAME" if known else "have no known layout"
    note = (
        f"{table}: its {points} landmarks {why}; without a layout they are never mirrored and have no regions "
        f"(describe them in {table.stem}.layout.yaml beside the table)"
    )
    return unnamed(points), {"notes": [note]}


def readopt(frame: pd.DataFrame) -> None:
    """Make the layout known that came with a table which was kept in the cache."""
    brought = frame.attrs.get("layout")
    if brought:
        adopt(Layout.of(brought["facts"], brought["file"]), brought["file"])


def _fits(table: Path, points: int, count: int, what: str) -> None:
    if points != count:
        raise UserError(f"{table} has {points} landmarks a face, {what} has {count}: correct one of them")
