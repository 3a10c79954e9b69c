"""Pictures of a run: crops with true and found landmarks, samples of a network, as PNG files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import cv2
import numpy as np
import pandas as pd

from parface_bench.atomic import write_atomic
from parface_bench.data.images.crop import Crop, apply
from parface_bench.data.images.depth_views import depth_views, level
from parface_bench.data.images.reading import read_image
from parface_bench.faces import get_schema
from parface_bench.results.worst import tags_of

TRUE, FOUND = (60, 220, 100), (255, 140, 20)  # RGB: green, orange
_SIDE, _COLUMNS, _SHIFT = 512, 4, 4
_SMALL, _SAMPLES = 128, 6  # least side of a sample's tile, and how many stand in a row
_LINE, _LINES = 22, 4  # height of a line of text, pixels; lines of a caption


def overlays(
    frame: pd.DataFrame,
    found: np.ndarray,
    rows: Sequence[int] | np.ndarray,
    crop: Crop,
    path: Path,
    errors: Sequence[float] | None = None,
) -> None:
    """Draw faces in their crops, 512 px each, with true landmarks (green) and found ones (orange, white error lines).

    Thin lines join the landmarks along the layout's edges; under a face stand its id, its error and its tags.
    3D landmarks also get two views of their own, front and side, with depth in colour and the mean depths made equal.

    Args:
        frame: index table.
        found: [N, L, 2|3] landmarks for all its rows, pixels of the pictures.
        rows: which rows to draw.
        crop: how to cut them out.
        path: a PNG file, replaced whole.
        errors: the drawn faces' errors, percent, for the captions; without them mean errors in crop pixels stand there.
    """
    tags = [tag for tag in frame.attrs.get("tags", ()) if tag in frame]
    view = Crop.from_config(crop, size=_SIDE, margin=0)
    edges = get_schema(frame.attrs["schema"]).edges if "schema" in frame.attrs else ()
    tiles, solid = [], False
    part = frame.iloc[list(rows)]
    for number, (row, points) in enumerate(zip(part.itertuples(index=False), found[list(rows)], strict=True)):
        tile = view.pixels(read_image(frame.attrs["root"], row.image), row)
        matrix = view.matrix(row)
        true = None if row.landmarks is None else apply(row.landmarks, matrix)[:, :2]
        place = apply(points, matrix)[:, :2]
        _draw(tile, true, place, edges)
        error = _pixels(true, place) if errors is None else f"NME {errors[number]:.2f} %"
        caption = _caption([str(row.id)[-60:], error, *tags_of(part.iloc[number], tags)])
        both = zip(level(row.landmarks, points), (TRUE, FOUND), strict=True)
        if points.shape[1] == 3:
            solid = True
            views = depth_views([(p, colour) for p, colour in both if p is not None], edges, side=_SIDE)
            tile = np.hstack([tile, views])
            caption = np.hstack([caption, np.zeros_like(caption), np.zeros_like(caption)])
        tiles.append(np.vstack([tile, caption]))
    faces = sheet(tiles, 2 if solid else _COLUMNS)
    save(np.vstack([_legend(faces.shape[1]), faces]), path)


def sheet(tiles: Sequence[np.ndarray], columns: int = _SAMPLES) -> np.ndarray:
    """Tiles uint8 [H, W, 3] of one size side by side, in rows of ``columns``; small ones enlarged by a whole number."""
    columns, times = min(columns, len(tiles)), max(1, _SMALL // len(tiles[0]))
    tiles = [tile.repeat(times, axis=0).repeat(times, axis=1) for tile in tiles]
    blank = np.zeros_like(tiles[0])
    padded = [*tiles, *[blank] * (-len(tiles) % columns)]
    return np.vstack([np.hstack(padded[i : i + columns]) for i in range(0, len(padded), columns)])


def save(image: np.ndarray, path: Path) -> None:
    """Write an RGB picture uint8 [H, W, 3] as a PNG, replacing the file whole."""
    _, data = cv2.imencode(".png", cv2.cvtColor(image, cv2.COLOR_RGB2BGR))
    write_atomic(path, data.tobytes(), flush=False)


def _draw(tile: np.ndarray, true: np.ndarray | None, found: np.ndarray, edges: Iterable[Sequence[int]]) -> None:
    edges = list(edges)
    if true is not None and len(true) == len(found):  # a method with a schema of its own has other landmarks
        for a, b in zip(true, found, strict=True):
            _line(tile, a, b, (255, 255, 255))
    for points, colour in ((true, TRUE), (found, FOUND)):
        if points is None:
            continue
        if edges and len(points) > int(np.max(edges)):
            for i, j in edges:
                _line(tile, points[i], points[j], colour)
        for point in points:
            if _there(point):
                cv2.circle(tile, _at(point), 2 << _SHIFT, colour, -1, cv2.LINE_AA, _SHIFT)


def _line(tile: np.ndarray, a: np.ndarray, b: np.ndarray, colour: tuple[int, int, int]) -> None:
    if _there(a) and _there(b):
        cv2.line(tile, _at(a), _at(b), colour, 1, cv2.LINE_AA, _SHIFT)


def _there(point: np.ndarray) -> bool:
    return bool(np.isfinite(point).all() and np.abs(point).max() < 1e4)


def _at(point: np.ndarray) -> tuple[int, int]:
    return round(float(point[0]) * (1 << _SHIFT)), round(float(point[1]) * (1 << _SHIFT))


def _pixels(true: np.ndarray | None, found: np.ndarray) -> str:
    if true is None or len(true) != len(found):
        return ""
    error = np.linalg.norm(found - true, axis=1)
    return f"mean error {np.nanmean(error):.1f} of {_SIDE} px" if np.isfinite(error).any() else ""


def _caption(lines: Sequence[str]) -> np.ndarray:
    strip = np.zeros((_LINES * _LINE, _SIDE, 3), np.uint8)
    for number, text in enumerate(lines[:_LINES], 1):
        _write(strip, text, (4, number * _LINE - 6))
    return strip


def _legend(width: int) -> np.ndarray:
    strip = np.zeros((_LINE + 6, width, 3), np.uint8)
    for x, text, colour in ((4, "true", TRUE), (70, "found", FOUND), (150, "error", (255, 255, 255))):
        _write(strip, text, (x, _LINE - 4), colour)
    return strip


def _write(strip: np.ndarray, text: str, at: tuple[int, int], colour: tuple[int, int, int] = (230, 230, 230)) -> None:
    plain = text.encode("ascii", "replace").decode()  # OpenCV's fonts have no other letters
    cv2.putText(strip, plain, at, cv2.FONT_HERSHEY_SIMPLEX, 0.5, colour, 1, cv2.LINE_AA)
