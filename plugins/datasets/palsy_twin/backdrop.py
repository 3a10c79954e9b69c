"""Backgrounds made of gradients, soft blobs, edges and noise; linear RGB."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.look import linear
from parface_bench.plugins.datasets.palsy_twin.skin import TILE, noise_tiles


def backdrop(rng: np.random.Generator, size: int) -> NDArray[np.float32]:
    """A random out-of-focus scene [size, size, 3]."""
    kind = rng.random()
    cells = rng.integers(2, 7, size=2)
    base = rng.uniform(10, 235, size=3)
    spread = rng.uniform(5, 80)
    grid = linear(np.clip(base + spread * rng.normal(size=(int(cells[0]), int(cells[1]), 3)), 0, 255)).astype(
        np.float32
    )
    picture = cv2.resize(grid, (size, size), interpolation=cv2.INTER_CUBIC)
    if kind < 0.7:
        for _ in range(int(rng.integers(2, 9))):
            colour = [float(c) for c in linear(np.clip(base + 1.5 * spread * rng.normal(size=3), 0, 255))]
            x, y, w, h = rng.uniform(-0.2, 1.2, size=4) * size
            if rng.random() < 0.6:
                cv2.rectangle(picture, (int(x), int(y)), (int(x + w * 0.4), int(y + h * 0.8)), colour, -1)
            else:
                axes = (int(1 + abs(w) * 0.25), int(1 + abs(h) * 0.25))
                cv2.ellipse(picture, (int(x), int(y)), axes, float(w), 0, 360, colour, -1)
        blur = float(rng.uniform(0.002, 0.03)) * size
        picture = cv2.GaussianBlur(picture, (0, 0), max(blur, 0.5))
    tile = noise_tiles()[int(rng.integers(len(noise_tiles())))]
    zoom = max(1, int(rng.integers(1, 4)) * TILE // 512)
    texture = cv2.resize(
        np.roll(tile, tuple(rng.integers(TILE, size=2)), (0, 1))[: TILE // zoom, : TILE // zoom], (size, size)
    )
    picture *= np.exp(rng.uniform(0.0, 0.35) * texture)[..., None]
    return np.clip(picture, 0, 1.5).astype(np.float32)
