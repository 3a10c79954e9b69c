"""Landmark tables, CSV or Parquet: a row per face, columns ``id, x0, y0[, z0], x1, ...``; checked whole.

A table of true landmarks may add ``bbox_x1, bbox_y1, bbox_x2, bbox_y2`` and ``box_size`` (pixels), ``image_size`` (side
of the crop, pixels), ``yaw`` (degrees), ``v0, v1, ...`` (1: the landmark is visible, else 0; then its cells may be
empty) and 0/1 columns named ``subset:NAME``; one of predictions ``c0, c1, ...``, how sure each landmark is (higher is
surer, empty where that is not known). Other columns are not read. Ids are text: ``001`` and ``1`` are two faces;
a table of true landmarks without them may have a column ``image``, which then names the faces.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa

from parface_bench.data.readers.landmark_table import ids_of_images
from parface_bench.data.table_files import BOX, IMAGE, NUMBERS, SUBSET, TableColumns, open_table
from parface_bench.registry import UserError
from parface_bench.scoring.row_file import RowFile, Rows, taken

SHOWN = 5
MEMORY = 256 << 20  # bytes of coordinates beyond which a table that is read to be scored goes into a file


@dataclass
class LandmarkTable:
    """A table of landmarks as read.

    Attributes:
        path: where it was read.
        ids: [N] names, unique text.
        points: float64 [N, L, 2|3], pixels; of a large table that is read to be scored, a file of such rows.
        visible: bool [N, L] or None.
        bbox: float64 [N, 4] or None.
        numbers: the columns ``box_size``, ``image_size`` and ``yaw`` that there are, float64 [N].
        subsets: name -> bool [N].
        confidence: the same kind of array [N, L] of predictions, NaN where a cell is empty; None where not asked for.
    """

    path: Path
    ids: np.ndarray
    points: Rows
    visible: np.ndarray | None = None
    bbox: np.ndarray | None = None
    numbers: dict[str, np.ndarray] = field(default_factory=dict)
    subsets: dict[str, np.ndarray] = field(default_factory=dict)
    confidence: Rows | None = None

    def __len__(self) -> int:
        return len(self.ids)

    def take(self, kept: np.ndarray) -> LandmarkTable:
        """The table of some of its faces (bool [N]); itself where these are all."""
        if kept.all():
            return self
        return replace(
            self,
            ids=self.ids[kept],
            points=taken(self.points, kept),
            visible=None if self.visible is None else self.visible[kept],
            bbox=None if self.bbox is None else self.bbox[kept],
            numbers={name: values[kept] for name, values in self.numbers.items()},
            subsets={name: mask[kept] for name, mask in self.subsets.items()},
        )

    def index(self, schema: str, rows: slice = slice(None)) -> pd.DataFrame:
        """The faces, or some, as an index table (see :mod:`parface_bench.data.index`) without pictures."""
        frame = pd.DataFrame({"id": self.ids[rows], "landmarks": list(self.points[rows])})
        for name, values in {**self.numbers, **self.subsets}.items():
            frame[name] = values[rows]
        frame.attrs.update(schema=schema, tags=list(self.subsets))
        return frame

    def fingerprint(self) -> str:
        """Hash of the content, whatever the order of the rows."""
        order = np.argsort(self.ids)
        digest = hashlib.sha256("\n".join(self.ids[order]).encode())
        extra = {**self.numbers, **{SUBSET + k: v for k, v in self.subsets.items()}}
        arrays = {"points": self.points, "visible": self.visible, "bbox": self.bbox, **dict(sorted(extra.items()))}
        for name, array in arrays.items():
            if array is not None:
                digest.update(f"{name}{array.shape}".encode())
                for start in range(0, len(order), 65536):
                    digest.update(np.ascontiguousarray(array[order[start : start + 65536]]).tobytes())
        return digest.hexdigest()[:16]


class Growing:
    """An array that grows by blocks of rows; one of float64 goes into a file beyond ``most`` bytes."""

    def __init__(self, most: int | None) -> None:
        self._most, self._bytes = most, 0
        self._blocks: list[np.ndarray] = []
        self._file: RowFile | None = None

    def add(self, block: np.ndarray) -> None:
        """Add rows at the end."""
        self._bytes += block.nbytes
        self._blocks.append(block)
        if self._most is not None and self._bytes > self._most and block.ndim > 1 and block.dtype == np.float64:
            self._file = self._file or RowFile(block.shape[1:])
            for one in self._blocks:
                self._file.append(one)
            self._blocks = []

    def whole(self) -> Any:
        """All rows."""
        if self._file is not None:
            return self._file
        return self._blocks[0] if len(self._blocks) == 1 else np.concatenate(self._blocks)


def read_table(
    path: str | Path,
    *,
    truth: bool = False,
    gaps: bool = False,
    base: float = 0,
    confidence: bool = False,
    large: bool = False,
) -> LandmarkTable:
    """Read a landmark table.

    Args:
        path: CSV (with a header line) or Parquet, told apart by content.
        truth: also read what only a table of true landmarks has.
        confidence: also read c0, c1, ..., how sure each prediction is, where a table of predictions has them.
        gaps: a row whose coordinates are all empty is a face without landmarks (NaN), not a fault.
        base: what the table calls the first pixel; it is taken off x, y and boxes.
        large: coordinates and confidences beyond :data:`MEMORY` bytes go into a temporary file.

    Raises:
        UserError: the file cannot be read or a cell is wrong; the sentence names file, row and column.
    """
    path = Path(path)
    source = open_table(path)
    wanted = replace(TableColumns.of(path, source.names, truth, confidence), gaps=gaps)
    ids: list[np.ndarray] = []
    blocks: dict[str, Growing] = {}
    for names, values in source.batches(wanted):
        ids.append(names)
        for name, part in _parts(wanted, values, base).items():
            blocks.setdefault(name, Growing(MEMORY if large else None)).add(part)
    if not ids:
        raise UserError(f"{path} holds a header and no faces")
    pa.default_memory_pool().release_unused()
    every = np.concatenate(ids)
    if wanted.id == IMAGE:
        every = np.array(ids_of_images(every), dtype=object)
    twice = pd.Index(every).duplicated()
    if twice.any():
        raise UserError(f"{path}: {_count(every[twice], 'id')} more than once; every face needs one row of its own")
    found = {name: growing.whole() for name, growing in blocks.items()}
    table = LandmarkTable(
        path,
        every,
        found["points"],
        found.get("visible"),
        found.get("bbox"),
        {name: found[name] for name in NUMBERS if name in found},
        {name.removeprefix(SUBSET): mask for name, mask in found.items() if name.startswith(SUBSET)},
        found.get("confidence"),
    )
    for name, mask in table.subsets.items():
        if not mask.any():
            raise UserError(f"{path}: subset {name!r} is empty: remove the column {SUBSET + name!r} or mark its faces")
    return table


def align(predictions: LandmarkTable, ids: np.ndarray, truth: str, gaps: bool = False) -> np.ndarray:
    """Row of each face of ``ids`` in the predictions, -1 where there is none.

    Raises:
        UserError: faces without prediction (unless ``gaps`` allows some), or predictions of unknown faces; how many,
            and the first five.
    """
    index = pd.Index(predictions.ids)
    rows = index.get_indexer(pd.Index(ids))
    missing = ids[rows < 0]
    extra = predictions.ids[~index.isin(ids)]
    if len(missing) == len(ids):
        raise UserError(
            f"{predictions.path}: none of its ids is in {truth}: it has {predictions.ids[0]!r}, ..., "
            f"the truth has {ids[0]!r}, ...; ids are compared as text"
        )
    if len(missing) and not gaps:
        more = f" (while {len(extra)} of its ids are unknown there: {_first(extra)})" if len(extra) else ""
        raise UserError(
            f"{predictions.path}: {len(missing)} of the {len(ids)} faces of {truth} have no prediction: "
            f"{_first(missing)}{more}; add a row for each, or leave these faces out with --exclude-missing"
        )
    if len(extra):
        raise UserError(
            f"{predictions.path}: {len(extra)} extra id{'s are' if len(extra) > 1 else ' is'} not in {truth}: "
            f"{_first(extra)}; remove their rows"
        )
    return rows


def _parts(wanted: TableColumns, values: np.ndarray, base: float) -> dict[str, np.ndarray]:
    """The attributes of a table, of some rows of it."""
    size = wanted.points * wanted.dims
    points = np.ascontiguousarray(values[:, :size]).reshape(len(values), wanted.points, wanted.dims)
    rest = {name: values[:, k] for k, name in enumerate(wanted.columns) if k >= size}
    parts = {}
    if wanted.visible:
        visible = np.stack([rest[f"v{i}"] != 0 for i in range(wanted.points)], axis=1)
        points = np.where(visible[..., None] | np.isfinite(points).all(axis=-1, keepdims=True), points, np.nan)
        parts["visible"] = visible
    if BOX[0] in rest:
        parts["bbox"] = np.stack([rest[c] for c in BOX], axis=1)
    parts |= {c: rest[c].copy() for c in NUMBERS if c in rest}
    parts |= {c: v != 0 for c, v in rest.items() if c.startswith(SUBSET)}
    if wanted.confidence:
        parts["confidence"] = np.stack([rest[f"c{i}"] for i in range(wanted.points)], axis=1)
    if base:
        points[..., :2] -= base
        if "bbox" in parts:
            parts["bbox"] = parts["bbox"] - base
    return {"points": points, **parts}


def _first(names: np.ndarray) -> str:
    return ", ".join(n if n == n.strip() else repr(n) for n in map(str, names[:SHOWN])) + (
        ", ..." if len(names) > SHOWN else ""
    )


def _count(names: np.ndarray, what: str) -> str:
    names = pd.unique(names)
    return f"{len(names)} {what}{'s occur' if len(names) > 1 else ' occurs'} ({_first(names)})"
