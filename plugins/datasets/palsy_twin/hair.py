"""Hair that grows on the head's own mesh: where the scalp is, and how far hair stands off it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.asset import SKIN, Head
from parface_bench.plugins.datasets.palsy_twin.look import Look

# Height of the hair line (dm) by depth z, on the base head.
LINE_Z = [-0.8, -0.3, 0.2, 0.45, 0.62, 0.85, 1.05, 1.25, 1.6]
LINE_Y = [6.35, 6.55, 6.95, 7.15, 7.3, 7.62, 7.86, 7.98, 7.98]
STAND = {
    "bald": 0.0,
    "stubble": 0.0,
    "short": 0.06,
    "medium": 0.14,
    "big": 0.38,
    "long": 0.10,
    "updo": 0.05,
    "cap": 0.0,
    "beanie": 0.0,
    "headscarf": 0.0,
}


def scalp(head: Head, look: Look) -> NDArray[np.float64]:
    """Hairiness of every vertex [V]: 0 skin, 1 scalp, blended over the hair line."""
    x, y, z = np.abs(head.vertices[:, 0]), head.vertices[:, 1], head.vertices[:, 2]
    above = y - np.interp(z, LINE_Z, LINE_Y) - look.hairline * (z > 0.6)
    out = np.clip(above / 0.10 + 0.5, 0, 1)
    ear = (x > 0.66) & (y < 7.36) & (y > 6.75)
    out[ear | (y < 6.3)] = 0
    on_skin = np.zeros(len(out), bool)
    on_skin[head.part_vertices[SKIN]] = True
    return np.where(on_skin, out, 0.0)


def volume(head: Head, look: Look, hairy: NDArray[np.float64]) -> NDArray[np.float64]:
    """How far (dm) the hair's surface stands off each vertex [V], uneven as hair is."""
    rng = np.random.default_rng(look.texture_seed + 1)
    v = head.vertices
    bumps = np.zeros(len(v))
    for _ in range(6):
        wave = rng.normal(size=3) * 5
        bumps += np.sin(v @ wave + rng.uniform(0, 6.28)) / 6
    top = 0.6 + 0.6 * np.clip((v[:, 1] - 7.6) / 0.7, 0, 1)
    return STAND[look.hair_style] * look.hair_volume * hairy**1.5 * top * (1 + 0.5 * bumps)
