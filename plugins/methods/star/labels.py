"""What STAR's point and edge maps are trained towards: dots at the landmarks, and the lines that they lie on."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import cv2
import numpy as np
import torch
from scipy import interpolate
from torch import Tensor

from parface_bench.data.threads import in_threads
from parface_bench.faces import Schema

# of a dot, in crop pixels
SIGMA = 1.5
# a line is drawn this many times as large as the crop, and its curve has so many points from landmark to landmark
ENLARGED, DENSITY = 4, 5


class Edge(NamedTuple):
    """A line through landmarks, one after the other."""

    landmarks: list[int]
    closed: bool


def edges(schema: Schema) -> list[Edge]:
    """The drawn lines of a landmark layout: of 68 and of 98 points the nine that STAR has."""
    lines: list[Edge] = []
    for a, b in ((int(a), int(b)) for a, b in schema.edges):
        if not lines or lines[-1].closed or lines[-1].landmarks[-1] != a:
            lines.append(Edge([a], False))
        last = lines[-1].landmarks
        if b == last[0]:
            lines[-1] = Edge(last, True)
        else:
            last.append(b)
    return [line for line in lines if len(line.landmarks) > 2]


def point_maps(points: Tensor, size: int, published: bool = False) -> Tensor:
    """Dots at landmarks [B, L, 2] (crop pixels), in maps of a quarter of the crop's side: [B, L, size / 4, size / 4].

    A Gaussian in the crop, sampled as bilinear reduction does: the mean of the middle 2 x 2 of each 4 x 4 pixels.
    ``published``: centred at whole pixels, one too far where the window of 10 pixels begins outside, and cut off there.
    """
    centre = points.nan_to_num(0).clamp(0, size - 1).double()[..., None]
    pixel = torch.arange(size, dtype=torch.float64, device=points.device)
    if published:
        start, end = (torch.trunc(centre.round() + reach) for reach in (-3 * SIGMA, 3 * SIGMA + 1))
        profile = torch.exp(-((pixel - start - 5) ** 2) / (2 * SIGMA**2))
        profile = torch.where((pixel >= start) & (pixel < end), profile, 0.0)
    else:
        profile = torch.exp(-((pixel - centre) ** 2) / (2 * SIGMA**2))
    profile = profile.unflatten(-1, (-1, 4))[..., 1:3].mean(dim=-1).float()
    return profile[:, :, 1, :, None] * profile[:, :, 0, None, :]


def edge_maps(points: Tensor, lines: Sequence[Edge], size: int) -> Tensor:
    """Lines through landmarks [B, L, 2] (crop pixels), [B, lines, size / 4, size / 4]; empty where one is NaN."""
    places = points.detach().double().cpu().numpy()
    maps = np.zeros((len(places), len(lines), size // 4, size // 4), np.float32)

    def draw(part: slice) -> None:
        for face, out in zip(places[part], maps[part], strict=True):
            for line, there in zip(lines, out, strict=True):
                _draw(curve(face[line.landmarks], line.closed), line.closed, size, there)

    in_threads(draw, len(places), min(torch.get_num_threads(), len(places)))
    return torch.from_numpy(maps).to(points.device)


def curve(points: np.ndarray, closed: bool) -> np.ndarray:
    """A cubic spline through points [N, 2]; the points as they are where there is none (some coincide, or are NaN)."""
    through = np.concatenate([points, points[:1]]) if closed else points
    gaps = np.linalg.norm(np.diff(through, axis=0), axis=1)
    if len(through) < 4 or not np.isfinite(through).all() or not gaps.all():
        return points
    spline, places = interpolate.splprep(through.T, s=0, per=closed, k=3)
    steps = np.interp(np.arange((len(places) - 1) * DENSITY + (not closed)) / DENSITY, range(len(places)), places)
    return np.stack(interpolate.splev(steps, spline), axis=1)


def _draw(points: np.ndarray, closed: bool, size: int, out: np.ndarray) -> None:
    """A line one pixel wide, drawn enlarged and reduced as the dots are."""
    if not np.isfinite(points).all():
        return
    corners = (points.astype(np.float32).clip(0, size - 1) * ENLARGED + 0.5).astype(np.int32)
    block, middle = 4 * ENLARGED, slice(ENLARGED, 3 * ENLARGED)
    low = np.maximum(corners.min(axis=0) // block - 1, 0)
    high = np.minimum(corners.max(axis=0) // block + 2, size // 4)
    canvas = np.zeros((high - low)[::-1] * block, np.uint8)
    cv2.polylines(canvas, [corners - low.astype(np.int32) * block], closed, 255, ENLARGED)
    blocks = canvas.reshape(high[1] - low[1], block, high[0] - low[0], block)[:, middle, :, middle]
    out[low[1] : high[1], low[0] : high[0]] = blocks.mean(axis=(1, 3)) / 255
