"""The index table: one row per face; what every data set plugin makes and everything downstream reads.

Columns: ``id`` (str, unique), ``image`` (path relative to the root, '/' separators; ``archive.tar::member`` for a picture
inside a tar), ``landmarks`` (float64 [L, 2|3], pixels of the stored image, 0-based pixel centres, x right, y down, z as the
data set defines it; None where there are none), ``bbox`` (float64 [4] = x1, y1, x2, y2, or None), ``split`` (str), optional
``landmarks_2d`` (a second, 2D-convention truth), ``visible`` (bool [L]), ``box_size`` (float), ``yaw`` (degrees), and
one boolean or categorical column per tag. ``frame.attrs["tags"]`` names the tag columns.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.registry.errors import UserError

ARRAYS = {"landmarks": 2, "landmarks_2d": 2, "visible": 1, "bbox": 1}


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
    """
    tags = list(tags)
    rows = list(labels.itertuples(index=False))
    frame = pd.DataFrame(index=range(len(rows)))

    def put(name: str, how: str | Callable[[Any], Any]) -> None:
        values = [how(r) for r in rows] if callable(how) else list(labels[how])
        if name in ARRAYS:
            kind = bool if name == "visible" else np.float64
            values = [None if v is None else np.asarray(v, dtype=kind) for v in values]
            frame[name] = pd.Series(values, dtype=object)
        else:
            frame[name] = values

    put("image", image)
    frame["image"] = [Path(p).as_posix() for p in frame["image"]]
    if id is None:
        frame["id"] = [str(Path(p).with_suffix("")) for p in frame["image"]]
    else:
        put("id", id)
        frame["id"] = frame["id"].astype(str)
    put("landmarks", landmarks or (lambda r: None))
    put("bbox", bbox or (lambda r: None))
    frame["split"] = split
    for name, how in columns.items():
        put(name, how)
    for tag in tags:
        frame[tag] = list(labels[tag])
    frame.attrs["tags"] = tags
    if frame["id"].duplicated().any():
        twice = list(frame["id"][frame["id"].duplicated()].unique()[:5])
        raise UserError(f"split {split!r}: face ids must be unique; these occur more than once: {', '.join(twice)}")
    return frame[["id", *[c for c in frame.columns if c != "id"]]]


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
