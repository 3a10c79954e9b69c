"""A contact sheet of a data set: faces with their landmarks, wireframe, box and crop square, to be looked at."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd

from parface_bench import outputs
from parface_bench.data.images.crop import Crop, apply, invert, warp
from parface_bench.data.images.reading import read_image
from parface_bench.faces import get_schema
from parface_bench.progress import progress
from parface_bench.registry.errors import UserError

TILE = 288
AROUND = 1.35
SHIFT = 4
SEEN, HIDDEN, LINE, SQUARE, BOX = (90, 255, 90), (255, 90, 90), (255, 255, 255), (80, 180, 255), (255, 200, 60)


def sheet(frame: pd.DataFrame, *, number: int = 24, columns: int = 6, mode: str = "lm_ground_truth") -> np.ndarray:
    """The contact sheet of faces spread evenly over an index table.

    Args:
        frame: an index table with ``attrs["root"]`` and ``["schema"]``.
        number: how many faces.
        columns: faces side by side.
        mode: crop mode whose square is drawn; faces that it cannot do are shown by their box or whole.

    Returns:
        uint8 RGB. Landmarks are green, red where they are not visible; the crop square blue, the box yellow.
    """
    picks = np.unique(np.linspace(0, len(frame) - 1, min(number, len(frame))).round().astype(int))
    rows = list(frame.iloc[picks].itertuples(index=False))
    tiles = [
        tile(frame.attrs["root"], row, frame.attrs.get("schema", ""), mode) for row in progress(rows, "drawing", 50)
    ]
    columns = min(columns, len(tiles))
    tiles += [np.zeros_like(tiles[0])] * (-len(tiles) % columns)
    lines = [np.concatenate(tiles[i : i + columns], axis=1) for i in range(0, len(tiles), columns)]
    return np.concatenate(lines, axis=0)


def tile(root: str | Path, row: Any, schema: str, mode: str) -> np.ndarray:
    """One face with what is known of it, uint8 RGB [TILE, TILE, 3]."""
    image = read_image(root, row.image)
    crop = Crop(mode=mode if row.landmarks is not None else "given", size=TILE)
    try:
        inside = invert(replace(crop, scale=AROUND).matrix(row))
        square = crop.square(row)
    except UserError:
        scale = TILE / max(image.shape[:2])
        inside = invert(np.array([[scale, 0, (scale - 1) / 2], [0, scale, (scale - 1) / 2]]))
        square = None
    matrix = invert(inside)
    picture = warp(image, matrix, TILE)
    if row.bbox is not None:
        x1, y1, x2, y2 = row.bbox
        _outline(picture, apply(np.array([[x1, y1], [x2, y1], [x2, y2], [x1, y2]]), matrix), BOX)
    if square is not None:
        _outline(picture, apply(square, matrix), SQUARE)
    if row.landmarks is not None:
        _landmarks(picture, apply(row.landmarks[:, :2], matrix), getattr(row, "visible", None), schema)
    name = str(row.id).encode("ascii", "replace").decode()
    picture[-18:] //= 3
    cv2.putText(picture, name[-44:], (4, TILE - 6), cv2.FONT_HERSHEY_SIMPLEX, 0.36, LINE, 1, cv2.LINE_AA)
    return picture


def write(picture: np.ndarray, file: Path, *, force: bool = False) -> None:
    """Write a sheet as PNG or JPEG, by the file's suffix, whole or not at all, and never over somebody's own.

    Raises:
        UserError: a suffix that is no kind of picture, or it cannot be written, or is there and not ours.
    """
    outputs.guard([file], force)
    try:
        good, data = cv2.imencode(file.suffix.lower(), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR))
    except cv2.error:
        good = False
    if not good:
        raise UserError(f"{file}: no known kind of picture; end its name in .png or .jpg")
    try:
        outputs.write(file, data.tobytes())
    except OSError as error:
        raise UserError(f"{file}: cannot be written ({error.strerror}); give another place with --out") from None


def _landmarks(picture: np.ndarray, points: np.ndarray, visible: np.ndarray | None, schema: str) -> None:
    if schema:
        for a, b in get_schema(schema).edges:
            if np.isfinite(points[[a, b]]).all():
                start, end = _fixed(points[[a, b]])
                cv2.line(picture, start, end, LINE, 1, cv2.LINE_AA, SHIFT)
    for at, point in enumerate(points):
        if np.isfinite(point).all():
            colour = SEEN if visible is None or visible[at] else HIDDEN
            cv2.circle(picture, _fixed([point])[0], 2 << SHIFT, colour, -1, cv2.LINE_AA, SHIFT)


def _outline(picture: np.ndarray, corners: np.ndarray, colour: tuple[int, int, int]) -> None:
    if np.isfinite(corners).all():
        points = np.array(_fixed(corners), dtype=np.int32)
        cv2.polylines(picture, [points], True, colour, 1, cv2.LINE_AA, SHIFT)


def _fixed(points: Iterable[Any]) -> list[tuple[int, int]]:
    """Pixels as OpenCV's fixed-point numbers, far ones brought within its range."""
    scaled = np.clip(np.asarray(points, dtype=np.float64) * (1 << SHIFT), -1e7, 1e7).round().astype(int)
    return [(int(x), int(y)) for x, y in scaled]
