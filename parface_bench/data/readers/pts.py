"""``.pts``: one face's landmarks as text, 1-based pixels, as the iBUG group distributes them (300W, Menpo)."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np

from parface_bench.data.images.archive import read_bytes
from parface_bench.registry.errors import UserError


def parse_pts(data: bytes, where: str, count: int | None = None) -> np.ndarray:
    """Landmarks of a ``.pts`` file.

    Args:
        data: the file's content: ``version: 1``, ``n_points: N``, and the coordinates between braces. A file without
            header or with commas between the coordinates is understood too.
        where: names the file in errors.
        count: number of landmarks that there must be.

    Returns:
        float64 [N, 2], 0-based pixels (the file's values less 1).

    Raises:
        UserError: a wrong number of points, or something that is no finite number (the sentence names the line).
    """
    text = data.decode("utf-8-sig", errors="replace")
    declared = re.search(r"n_points\s*:?\s*(\d{1,9})\b", text)
    points = []
    inside = "{" not in text
    for number, raw in enumerate(text.splitlines(), 1):
        line = raw.strip()
        if not inside:
            inside = "{" in line
            line = line.partition("{")[2].strip()
        line, closed, _ = line.partition("}")
        fields = line.replace(",", " ").replace(";", " ").split()
        if fields and not line.startswith(("version", "n_points", "#")):
            points.append(_pair(fields, f"{where}:{number}"))
        if closed:
            break
    if declared and int(declared[1]) != len(points):
        raise UserError(
            f"{where}: its header tells of {int(declared[1])} points but it holds {len(points)}; get it again"
        )
    if not points or (count is not None and len(points) != count):
        raise UserError(f"{where}: {count or 'some'} points expected, {len(points)} found; remove or replace the file")
    return np.array(points, dtype=np.float64) - 1.0


def read_pts(path: Path, count: int | None = None) -> np.ndarray:
    """Landmarks of a ``.pts`` file on disk; see :func:`parse_pts`.

    Raises:
        UserError: the file is missing or unreadable, or not what it should be.
    """
    return parse_pts(read_bytes(path.parent, path.name), str(path), count)


def _pair(fields: list[str], where: str) -> tuple[float, float]:
    try:
        x, y = (float(f) for f in fields)
    except ValueError:
        raise UserError(f"{where}: expected two numbers x and y, found {' '.join(fields)[:40]!r}; correct it") from None
    if not (np.isfinite(x) and np.isfinite(y)):
        raise UserError(f"{where}: the coordinate {' '.join(fields)[:40]!r} is no finite number; correct it")
    return x, y
