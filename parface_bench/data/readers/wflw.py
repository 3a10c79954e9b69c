"""WFLW's lists: a face per line, 98 points, its rectangle, six attributes, its picture."""

from __future__ import annotations

import numpy as np
import pandas as pd

from parface_bench.data.faults import tolerant
from parface_bench.data.readers.tables import lines, text_numbers
from parface_bench.registry.errors import UserError

ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
LISTS = dict(zip(("largepose", "expression", "illumination", "makeup", "occlusion", "blur"), ATTRIBUTES, strict=True))


def parse_list(data: bytes, where: str) -> pd.DataFrame:
    """``list_98pt_rect_attr_*.txt``: 196 coordinates, x1 y1 x2 y2, six 0/1 attributes, picture; all 0-based.

    Returns:
        Columns ``image``, ``landmarks`` float64 [98, 2], ``bbox`` float64 [4], one bool column per attribute, and
        ``line``, its number in the file.

    Raises:
        UserError: no line, or one of another shape (named by its number).
    """
    rows = []
    found = lines(data)
    if not found:
        raise UserError(f"{where}: is empty; copy it again")
    for number, line in found:
        with tolerant():
            numbers, picture = _split(line, 206, f"{where}:{number}")
            flags = numbers[200:]
            if not np.isin(flags, (0, 1)).all():
                raise UserError(
                    f"{where}:{number}: the six attributes are 0 or 1, found {line.split()[200:206]}; correct it"
                )
            rows.append((picture, numbers[:196].reshape(98, 2), numbers[196:200], *(f == 1 for f in flags), number))
    return pd.DataFrame(rows, columns=["image", "landmarks", "bbox", *ATTRIBUTES, "line"])


def parse_subset(data: bytes, where: str) -> list[tuple[str, np.ndarray]]:
    """``list_98pt_test_*.txt``: (picture, landmarks float64 [98, 2]) of each line.

    Raises:
        UserError: a line of another shape.
    """
    faces = []
    for number, line in lines(data):
        with tolerant():
            numbers, picture = _split(line, 196, f"{where}:{number}")
            faces.append((picture, numbers.reshape(98, 2)))
    return faces


def _split(line: str, count: int, where: str) -> tuple[np.ndarray, str]:
    fields = line.split(None, count)
    if len(fields) != count + 1:
        raise UserError(f"{where}: expected {count} numbers and a picture, found {len(fields)} fields; correct it")
    return text_numbers(" ".join(fields[:-1]), where, count), fields[-1]
