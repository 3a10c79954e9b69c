"""Faces over time: which face of a frame is which of the frame before, and smooth paths of their landmarks."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from parface_bench.predicting.predict import Face

_SAME, _PATIENCE = 0.3, 15


def track(frames: list[list[Face]]) -> list[list[Face]]:
    """Number the faces of a video so that a face keeps its number while its box overlaps with itself.

    Args:
        frames: the faces of each frame.

    Returns:
        The same faces with ``track`` set (0, 1, ...); a face that was away for more than half a second is a new one.
    """
    last: dict[int, tuple[int, np.ndarray]] = {}
    following = 0
    out = []
    for number, faces in enumerate(frames):
        last = {k: v for k, v in last.items() if number - v[0] <= _PATIENCE}
        pairs = sorted(
            (
                (-overlap(face.box, box), i, k)
                for i, face in enumerate(faces)
                if face.box is not None
                for k, (_, box) in last.items()
            )
        )
        mine: dict[int, int] = {}
        for negative, i, k in pairs:
            if -negative >= _SAME and i not in mine and k not in mine.values():
                mine[i] = k
        row = []
        for i, face in enumerate(faces):
            if face.box is None:
                row.append(face)
                continue
            if i not in mine:
                mine[i], following = following, following + 1
            last[mine[i]] = (number, face.box)
            row.append(replace(face, track=mine[i]))
        out.append(row)
    return out


def overlap(a: np.ndarray, b: np.ndarray) -> float:
    """Intersection over union of two boxes [4]."""
    low, high = np.maximum(a[:2], b[:2]), np.minimum(a[2:], b[2:])
    common = np.prod(np.clip(high - low, 0, None))
    union = np.prod(a[2:] - a[:2]) + np.prod(b[2:] - b[:2]) - common
    return float(common / max(union, 1e-9))


def smooth(frames: list[list[Face]], sigma: float) -> list[list[Face]]:
    """Smooth each face's landmarks over time with a Gaussian of ``sigma`` frames; frames without it do not count.

    Args:
        frames: as :func:`track` gives them.
        sigma: standard deviation in frames; 0 changes nothing.
    """
    if sigma <= 0:
        return frames
    from scipy.ndimage import gaussian_filter1d  # a third of a second, which photographs need not wait for

    places: dict[int, list[tuple[int, int]]] = {}
    for number, faces in enumerate(frames):
        for i, face in enumerate(faces):
            if face.points is not None and face.track >= 0:
                places.setdefault(face.track, []).append((number, i))
    out = [list(faces) for faces in frames]
    for where in places.values():
        first, last = where[0][0], where[-1][0]
        points = np.stack([np.asarray(frames[n][i].points) for n, i in where])
        path = np.zeros((last - first + 1, *points.shape[1:]))
        there = np.zeros(len(path))
        for (number, _), p in zip(where, points, strict=True):
            path[number - first], there[number - first] = p, 1.0
        weight = gaussian_filter1d(there, sigma, axis=0, mode="constant")
        path = gaussian_filter1d(path, sigma, axis=0, mode="constant") / np.maximum(weight, 1e-12)[:, None, None]
        for number, i in where:
            face = frames[number][i]
            upright = None if face.upright is None else (face.upright[0], path[number - first])
            out[number][i] = replace(face, points=path[number - first], upright=upright)
    return out
