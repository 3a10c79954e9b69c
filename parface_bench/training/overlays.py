"""Pictures of a run: crops with true and found landmarks, samples of a network, as PNG files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from parface_bench.atomic import write_atomic
from parface_bench.data.images.crop import Crop, apply
from parface_bench.data.images.reading import read_image

TRUE, FOUND = (60, 220, 100), (255, 140, 20)  # RGB: green, orange
_SIDE, _COLUMNS, _SHIFT = 256, 6, 4


def overlays(frame: pd.DataFrame, found: np.ndarray, rows: Sequence[int] | np.ndarray, crop: Crop, path: Path) -> None:
    """Draw faces in their crops with the true landmarks (green) and the found ones (orange, joined by error lines).

    Args:
        frame: index table.
        found: [N, L, 2|3] landmarks for all its rows, pixels of the pictures.
        rows: which rows to draw.
        crop: how to cut them out.
        path: a PNG file, replaced whole.
    """
    view = Crop.from_config(crop, size=_SIDE, margin=0)
    tiles = []
    for row, points in zip(frame.iloc[list(rows)].itertuples(index=False), found[list(rows)], strict=True):
        tile = view.pixels(read_image(frame.attrs["root"], row.image), row)
        matrix = view.matrix(row)
        true = None if row.landmarks is None else apply(row.landmarks, matrix)[:, :2]
        _draw(tile, true, apply(points, matrix)[:, :2])
        tiles.append(tile)
    save(sheet(tiles), path)


def sheet(tiles: Sequence[np.ndarray], columns: int = _COLUMNS) -> np.ndarray:
    """Tiles uint8 [H, W, 3] of one size side by side, in rows of ``columns``; small ones enlarged by a whole number."""
    columns, times = min(columns, len(tiles)), max(1, _SIDE // 2 // len(tiles[0]))
    tiles = [tile.repeat(times, axis=0).repeat(times, axis=1) for tile in tiles]
    blank = np.zeros_like(tiles[0])
    padded = [*tiles, *[blank] * (-len(tiles) % columns)]
    return np.vstack([np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)])


def save(image: np.ndarray, path: Path) -> None:
    """Write an RGB picture uint8 [H, W, 3] as a PNG, replacing the file whole."""
    _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    write_atomic(path, data.tobytes(), flush=False)


def _draw(tile: np.ndarray, true: np.ndarray | None, found: np.ndarray) -> None:
    scale = 1 << _SHIFT
    place = np.nan_to_num(found, nan=-1e4).clip(-1e4, 1e4)
    if true is not None and len(true) == len(place):  # a method with a schema of its own has other landmarks
        for a, b in zip(true, place, strict=True):
            if np.isfinite(a).all() and b[0] > -1e4:
                ends = [(round(x * scale), round(y * scale)) for x, y in (a, b)]
                cv2.line(tile, ends[0], ends[1], (255, 255, 255), 1, cv2.LINE_AA, _SHIFT)
    for points, colour in ((true, TRUE), (place, FOUND)):
        for x, y in points if points is not None else ():
            if np.isfinite(x) and x > -1e4:
                cv2.circle(tile, (round(x * scale), round(y * scale)), 2 * scale, colour, -1, cv2.LINE_AA, _SHIFT)
