"""The index table: one row per face; what every data set plugin makes and everything downstream reads.

Columns: ``id`` (str, unique), ``image`` (path relative to the root, '/' separators; ``archive.tar::member`` for a
picture inside a tar), ``landmarks`` (float64 [L, 2|3], pixels of the stored image, 0-based pixel centres, x right, y
down, z as the data set defines it; None where there are none; NaN only where ``visible`` is False), ``bbox`` (float64
[4] = x1, y1, x2, y2, or None), ``split`` (str), optional ``bbox_detector`` (as ``bbox``, from a detector),
``landmarks_2d`` (a second, 2D-convention truth), ``visible`` (bool [L]), ``box_size`` (float), ``yaw`` (degrees), and
one boolean or categorical column per tag. ``frame.attrs["tags"]`` names the tag columns: a boolean tag is a subset of
its own name.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.data.faults import tolerant
from parface_bench.registry.errors import UserError

TINY = 1e-9  # pixels: what is left of a zero after arithmetic
SCORED = ("id", "landmarks", "landmarks_2d", "visible", "bbox", "box_size", "yaw")
ARRAYS = {"landmarks": 2, "landmarks_2d": 2, "visible": 1, "bbox": 1, "bbox_detector": 1}


def index(
    labels: pd.DataFrame,
    *,
    image: str | Callable[[Any], str],
    landmarks: str | Callable[[Any], Any] | None = None,
    bbox: str | Callable[[Any], Any] | None = None,
    id: str | Callable[[Any], str] | None = None,
    split: str = "",
    tags: Iterable[str] = (),
    **columns: str | Callable[[Any], Any],
) -> pd.DataFrame:
    """Make an index table from a table of labels.

    Args:
        labels: one row per face, as the data set distributes it.
        image, landmarks, bbox, id: name of a column, or a function of a row (a named tuple) giving the value.
            ``id`` defaults to the image path without its suffix.
        split: name of the split, written in every row.
        tags: columns of ``labels`` to keep as subset tags.
        columns: further columns (``visible``, ``yaw``, ``box_size``, ``landmarks_2d``), given likewise.

    Returns:
        The table described at the top of this module.

    Raises:
        UserError: what a function of a row raises, or the file that it could not read. ``pfbench data check`` gathers
            these and goes on with the other rows.
    """
    tags = list(tags)
    rows = list(labels.itertuples(index=False))
    given = {"image": image, "id": id, "landmarks": landmarks, "bbox": bbox, **columns}
    broken: set[int] = set()
    found = {name: _values(labels, rows, how, broken) for name, how in given.items() if how is not None}
    whole = [at for at in range(len(rows)) if at not in broken]
    frame = pd.DataFrame(index=range(len(whole)))
    frame["image"] = pd.Series([str(PurePosixPath(found["image"][at])) for at in whole], dtype=str)
    if id is None:
        frame["id"] = pd.Series([str(PurePosixPath(p).with_suffix("")) for p in frame["image"]], dtype=str)
    else:
        frame["id"] = pd.Series([found["id"][at] for at in whole]).astype(str)
    for name in ("landmarks", "bbox", *columns):
        values = [found[name][at] for at in whole] if name in found else [None] * len(whole)
        if name in ARRAYS:
            kind = bool if name == "visible" else np.float64
            values = [None if v is None else np.asarray(v, dtype=kind) for v in values]
            frame[name] = pd.Series(values, dtype=object)
        else:
            frame[name] = values
        if name == "bbox":
            frame["split"] = split
    for tag in tags:
        tagged = list(labels[tag])
        frame[tag] = [tagged[at] for at in whole]
    frame.attrs["tags"] = tags
    return frame[["id", *[c for c in frame.columns if c != "id"]]]


def _values(labels: pd.DataFrame, rows: list[Any], how: str | Callable[[Any], Any], broken: set[int]) -> list[Any]:
    """A column's value for each row. While the files are checked a row whose function fails is a fault and broken."""
    if not callable(how):
        return list(labels[how])
    values: list[Any] = [None] * len(rows)
    for at, row in enumerate(rows):
        if at in broken:
            continue
        broken.add(at)
        with tolerant():
            try:
                values[at] = how(row)
            except OSError as error:
                place = error.filename or f"row {at}"
                raise UserError(f"{place}: {error.strerror or error}; copy it there or remove its row") from None
            broken.discard(at)
    return values


def stack(frame: pd.DataFrame, column: str = "landmarks") -> np.ndarray:
    """One array of a column of arrays: [N, L, D] for landmarks, [N, 4] for boxes.

    Raises:
        UserError: a row has none or another shape (the sentence names the row's id).
    """
    values: Sequence[Any] = list(frame[column])
    if not values:
        raise UserError(f"no faces left, so no {column} to stack")
    shape = next((np.shape(v) for v in values if v is not None), ())
    for name, value in zip(frame["id"], values, strict=True):
        if value is None or np.shape(value) != shape:
            got = "none" if value is None else str(np.shape(value))
            raise UserError(f"face {name!r}: {column} expected with shape {shape}, found {got}")
    return np.stack(values)


def join(frames: Sequence[pd.DataFrame]) -> pd.DataFrame:
    """One index table of several, with the tags and notes of all."""
    whole = pd.concat(frames, ignore_index=True) if frames else pd.DataFrame({"id": [], "image": []})
    for key in ("tags", "notes"):
        whole.attrs[key] = list(dict.fromkeys(v for f in frames for v in f.attrs.get(key, [])))
    return whole


def validate(frame: pd.DataFrame, where: str, *, points: int = 0, dims: int = 2) -> None:
    """Hold an index table to the contract at the top of this module.

    Args:
        where: names the data set and split in errors.
        points, dims: shape that all landmarks must have; ``points`` 0 asks only that all have one shape.

    Raises:
        UserError: naming the first face that breaks it.
    """
    missing = [c for c in ("id", "image", "landmarks", "bbox", "split") if c not in frame]
    if missing:
        raise UserError(
            f"{where}: the index table lacks {', '.join(missing)}; make it with parface_bench.data.index.index"
        )
    if frame["id"].duplicated().any():
        twice = list(frame["id"][frame["id"].duplicated()].unique()[:5])
        raise UserError(f"{where}: face ids must be unique; these occur more than once: {', '.join(twice)}")
    shape = (points, dims) if points else None
    visible = frame["visible"] if "visible" in frame else [None] * len(frame)
    for id, marks, seen in zip(frame["id"], frame["landmarks"], visible, strict=True):
        if marks is None:
            continue
        shape = shape or marks.shape
        if marks.shape != shape:
            raise UserError(f"{where}: face {id!r} has landmarks {marks.shape}, not {shape}; correct its annotation")
        if seen is not None and seen.shape != shape[:1]:
            raise UserError(f"{where}: face {id!r} has {seen.size} visibilities for {shape[0]} landmarks")
        finite = np.isfinite(marks).all(axis=1)
        if not finite.all() and (seen is None or seen[~finite].any()):
            raise UserError(f"{where}: face {id!r} has landmarks that are no finite numbers; correct its annotation")


def fingerprint(frame: pd.DataFrame) -> str:
    """Sixteen hexadecimal digits that are equal for equal faces: ids, landmarks, boxes and tags, whatever their order.

    Numbers count to one part in a million, so that the last bits of another machine's arithmetic change nothing; where
    the pictures lie, what the split is called and what a face detector found do not count.
    """
    digest = hashlib.sha256(b"index 1")
    order = np.argsort(frame["id"].to_numpy(dtype=object), kind="stable")
    for column in sorted(set(frame.columns) & {*SCORED, *frame.attrs.get("tags", [])}):
        values = list(frame[column].iloc[order])
        digest.update(f"\n{column} {len(values)}\n".encode())
        digest.update(_canonical(values))
    return digest.hexdigest()[:16]


def _canonical(values: list[Any]) -> bytes:
    values = [None if np.ndim(v) == 0 and pd.isna(v) else v for v in values]
    if any(isinstance(v, (str, bool, np.bool_)) for v in values):
        return json.dumps([None if v is None else str(v) for v in values]).encode()
    shapes = np.array([-1 if v is None else np.size(v) for v in values], dtype="<i4")
    parts = [np.ravel(v).astype(np.float64) for v in values if v is not None]
    numbers = np.concatenate(parts) if parts else np.zeros(0)
    mantissa, exponent = np.frexp(np.where(np.abs(numbers) < TINY, 0.0, numbers))
    mantissa = np.rint(np.nan_to_num(mantissa, nan=2.0, posinf=3.0, neginf=-3.0) * 2**20)
    carry = np.abs(mantissa) == 2**20
    mantissa = np.where(carry, mantissa / 2, mantissa)
    return shapes.tobytes() + mantissa.astype("<i4").tobytes() + (exponent + carry).astype("<i4").tobytes()
