"""Backgrounds made of gradients, soft shapes, edges and noise, muted as photographs are; linear RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.look import linear
from parface_bench.plugins.datasets.palsy_twin.skin import TILE, noise_tiles

Picture = NDArray[np.float32]


def _colours(rng: np.random.Generator, n: int, base: NDArray[np.float64], spread: float) -> NDArray[np.float32]:
    """Colours [n, 3] about a base: they differ in brightness more than in hue, and now and then one is vivid."""
    value = base + spread * rng.normal(size=(n, 1)) + 0.35 * spread * rng.normal(size=(n, 3))
    vivid = rng.random(n) < 0.06
    value[vivid] = rng.uniform(0, 255, size=(int(vivid.sum()), 3))
    return linear(np.clip(value, 2, 253)).astype(np.float32)


def backdrop(rng: np.random.Generator, size: int) -> Picture:
    """A random wall, room, street or garden [size, size, 3], mostly out of focus."""
    base = 10 + 235 * rng.beta(1.1, 1.6) + rng.exponential(10) * rng.normal(size=3) * [1, 0.6, 1]
    spread = float(rng.uniform(5, 55))
    kind = rng.random()
    rows, columns = (int(v) for v in rng.integers(2, 6, size=2))
    grid = _colours(rng, rows * columns, base, spread * (0.4 if kind < 0.3 else 1.0)).reshape(rows, columns, 3)
    picture = np.asarray(cv2.resize(grid, (size, size), interpolation=cv2.INTER_LINEAR), np.float32)
    if kind >= 0.25:
        picture = _blurred(rng, _shapes(rng, picture, base, spread), 0.003)
        if rng.random() < 0.3:
            picture = _blurred(rng, _people(rng, picture), 0.006)
        if rng.random() < 0.4:  # something nearer, or sharper, before it
            picture = _blurred(rng, _shapes(rng, picture, base, spread), 0.0015)
    texture = _texture(rng, size)
    picture *= np.exp(rng.uniform(0.0, 0.12 if kind < 0.6 else 0.4) * texture)[..., None]
    return np.clip(picture, 0.0, 1.5).astype(np.float32)


def _shapes(rng: np.random.Generator, picture: Picture, base: NDArray[np.float64], spread: float) -> Picture:
    """Boxes, poles, discs and lines drawn into a picture."""
    size = picture.shape[0]
    count = int(rng.integers(3, 16))
    for colour, values in zip(_colours(rng, count, base, spread * 1.3), rng.random((count, 6)), strict=True):
        tint = [float(c) for c in colour]
        x, y, w, h = (values[:4] * 1.4 - 0.2) * size
        if values[4] < 0.45:
            turn = 0.0 if values[5] < 0.7 else 360 * values[5]
            corners = cv2.boxPoints(((x, y), (abs(w) * 0.5 + 2, abs(h) + 2), turn))
            cv2.fillPoly(picture, [corners.astype(np.int32)], tint, cv2.LINE_AA)
        elif values[4] < 0.7:
            cv2.ellipse(
                picture,
                (int(x), int(y)),
                (int(2 + abs(w) * 0.2), int(2 + abs(h) * 0.2)),
                180 * values[5],
                0,
                360,
                tint,
                -1,
            )
        else:
            thick = int(1 + 0.03 * size * values[5])
            cv2.line(picture, (int(x), int(y)), (int(w), int(h)), tint, thick, cv2.LINE_AA)
    return picture


def _people(rng: np.random.Generator, picture: Picture) -> Picture:
    """Other people: a head with hair over shoulders, one to three times."""
    size = picture.shape[0]
    for _ in range(int(rng.integers(1, 4))):
        melanin, grey, r = rng.random(), rng.uniform(5, 150), size * float(rng.uniform(0.08, 0.22))
        skin = linear(np.array([235, 190, 165]) * (1 - melanin) + np.array([90, 58, 45]) * melanin)
        hair, cloth = linear(grey * np.array([1, 0.85, 0.7])), linear(rng.uniform(10, 245, size=3))
        x, y = int(rng.uniform(-0.1, 1.1) * size), int(rng.uniform(0.1, 0.9) * size)
        for colour, (dx, dy), (w, h) in (
            (cloth, (0, 2.6), (2.0, 1.6)),
            (hair, (0, -0.25), (0.95, 1.2)),
            (skin, (0, 0.7), (0.4, 0.8)),
            (skin, (0, 0.1), (0.72, 1.0)),
        ):
            tint = [float(c) for c in colour * 0.7]
            cv2.ellipse(picture, (x + int(dx * r), y + int(dy * r)), (int(w * r), int(h * r)), 0, 0, 360, tint, -1)
    return picture


def _blurred(rng: np.random.Generator, picture: Picture, least: float) -> Picture:
    """Out of focus by a random depth of field: ``least`` to 0.04 of the picture's size."""
    blur = float(np.exp(rng.uniform(np.log(least), np.log(0.04)))) * picture.shape[0]
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), max(blur, 0.4)), np.float32)


def _texture(rng: np.random.Generator, size: int) -> Picture:
    """Noise [size, size] at a random scale."""
    tile = noise_tiles()[int(rng.integers(len(noise_tiles())))]
    extent = int(TILE // rng.integers(1, 5))
    y, x = (int(v) for v in rng.integers(0, TILE - extent + 1, size=2))
    return np.asarray(cv2.resize(tile[y : y + extent, x : x + extent], (size, size)), np.float32)
