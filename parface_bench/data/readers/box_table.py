"""ParFace's tables of detected faces: ``image_path, x1, y1, x2, y2, scale``, a CSV per data set."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import PICTURES, read_bytes, walk
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.sidecar import find
from parface_bench.data.readers.tables import numbers, parse_csv

COLUMNS = ["x1", "y1", "x2", "y2"]


def parse_boxes(data: bytes, where: str) -> pd.DataFrame:
    """Such a table.

    Returns:
        Columns ``name`` (as the table calls the picture), ``bbox`` float64 [4], and ``id`` if the table has it.

    Raises:
        UserError: no such table, or a box that is no four finite numbers.
    """
    table = parse_csv(data, where, ["image_path", *COLUMNS], dtype={"image_path": str, "id": str})
    boxes = numbers(table, COLUMNS, where)
    faces = pd.DataFrame({"name": table["image_path"].fillna(""), "bbox": pd.Series(list(boxes), dtype=object)})
    return faces.assign(id=table["id"]) if "id" in table else faces


def detected(root: Path, *tables: str, folders: tuple[str, ...] = ()) -> pd.DataFrame | None:
    """Faces of the first of these tables that is found; columns ``image``, ``bbox``. None where there is none."""
    file = find(root, *tables)
    if file is None:
        return None
    faces = parse_boxes(read_bytes(file.parent, file.name), str(file))
    pictures = Pictures(root, *folders)
    rows = []
    for row, (name, box) in enumerate(zip(faces["name"], faces["bbox"], strict=True)):
        with tolerant():
            rows.append((pictures.find(name or f"(row {row + 2} of {file.name}: none)", f"{file}: row {row + 2}"), box))
    return pd.DataFrame(rows, columns=["image", "bbox"])


def all_pictures(root: Path, folder: str = "") -> pd.DataFrame:
    """Every picture below the root, in folders and tars, without box; columns ``image``, ``bbox``."""
    prefix = f"{folder}/" if folder else ""
    refs = [prefix + ref for ref in walk(root / folder, PICTURES, tars=True)]
    return pd.DataFrame({"image": refs, "bbox": pd.Series([None] * len(refs), dtype=object)})
