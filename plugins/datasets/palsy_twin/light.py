"""Light: an environment in spherical harmonics of order 2 and one key light with a soft shadow; linear RGB."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.raster import light_reaching, rasterise

SHADOW_SIZE = 160
# Cosine lobe in spherical harmonics over pi (Ramamoorthi and Hanrahan 2001), one factor per coefficient.
COSINE = np.array([1.0] + [2 / 3] * 3 + [1 / 4] * 5)
KINDS = ("soft", "studio", "flash", "side", "top", "back", "dim")
SHARES = (0.24, 0.23, 0.18, 0.13, 0.11, 0.06, 0.05)
KEY = {"soft": 0.5, "studio": 0.95, "flash": 1.0, "side": 1.0, "top": 0.95, "back": 0.8, "dim": 0.3}
AMBIENT = {"soft": 0.45, "studio": 0.30, "flash": 0.22, "side": 0.26, "top": 0.34, "back": 0.40, "dim": 0.20}


def harmonics(normal: NDArray[np.float64]) -> NDArray[np.float64]:
    """The nine real spherical harmonics up to order 2 at unit vectors [..., 3]."""
    x, y, z = normal[..., 0], normal[..., 1], normal[..., 2]
    return np.stack(
        [
            0.282095 * np.ones_like(x),
            0.488603 * y,
            0.488603 * z,
            0.488603 * x,
            1.092548 * x * y,
            1.092548 * y * z,
            0.315392 * (3 * z * z - 1),
            1.092548 * x * z,
            0.546274 * (x * x - y * y),
        ],
        axis=-1,
    )


@dataclass(frozen=True)
class Light:
    """Environment coefficients [9, 3], key direction (toward the light, camera axes) and colour, softness in pixels."""

    kind: str
    environment: NDArray[np.float64]
    direction: NDArray[np.float64]
    colour: NDArray[np.float64]
    softness: int


def _unit(vector: NDArray[np.float64]) -> NDArray[np.float64]:
    return vector / np.sqrt((vector**2).sum())


def _tint(rng: np.random.Generator, strength: float) -> NDArray[np.float64]:
    """A colour between candle light and blue sky, mean 1."""
    warm = (0.4 + rng.normal()) * strength
    return np.exp(np.array([warm, 0.1 * rng.normal() * strength, -warm]))


def draw_light(rng: np.random.Generator) -> Light:
    """A random light; the kind names where its key stands."""
    kind = KINDS[int(np.searchsorted(np.cumsum(SHARES[:-1]), rng.random()))]
    side = 1.0 if rng.random() < 0.5 else -1.0
    a, b, c = rng.random(3)
    direction = {
        "soft": [side * a * 0.8, 0.2 + 0.7 * b, 0.8],
        "studio": [side * (0.3 + 0.5 * a), 0.3 + 0.4 * b, 0.9],
        "flash": [side * 0.2 * a, 0.25 * b, 1.0],
        "side": [side, 0.5 * b - 0.1, 0.35 * c],
        "top": [side * 0.4 * a, 1.0, 0.25 + 0.3 * c],
        "back": [side * (0.6 + a), 0.6 * b, -0.5 * c],
        "dim": [side * a, b - 0.2, 0.6],
    }[kind]
    key = KEY[kind] * rng.uniform(0.7, 1.3)
    ambient = AMBIENT[kind] * rng.uniform(0.75, 1.3)
    coefficients = np.zeros((9, 3))
    for _ in range(4):
        toward = _unit(rng.normal(size=3) * [1, 0.8, 1] + [0, 0.5, 0.35])
        coefficients += rng.uniform(0.3, 1) * harmonics(toward)[:, None] * _tint(rng, 0.12)
    coefficients *= 0.5 * COSINE[:, None] / (coefficients[0].mean() * 0.282095)
    coefficients[0] += 0.5 / 0.282095
    return Light(
        kind,
        coefficients * ambient * _tint(rng, 0.08),
        _unit(np.array(direction)),
        key * _tint(rng, 0.10),
        int(rng.integers(1, 6)),
    )


def received(
    light: Light,
    view: NDArray[np.float64],
    normal: NDArray[np.float64],
    openness: NDArray[np.float64],
    triangles: NDArray[np.int32],
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Diffuse light per vertex [V, 3] and the share of the key light that reaches it [V].

    Args:
        view, normal: points and unit normals in camera axes [V, 3]; openness: unoccluded share [V].
        triangles: int32 [T, 3] that throw shadows.
    """
    right = _unit(np.cross([0.0, 1.0, 0.05], light.direction))
    up = np.cross(light.direction, right)
    span = SHADOW_SIZE / 4.4
    screen = np.stack([view @ right * span, -(view @ up) * span], axis=1).astype(np.float32) + SHADOW_SIZE / 2
    depth = (view @ light.direction).astype(np.float32)
    nearest = rasterise(screen, depth, triangles, np.zeros(len(triangles), bool), SHADOW_SIZE, SHADOW_SIZE)[2]
    lit = light_reaching(screen, depth, nearest, 0.06, light.softness)
    facing = normal @ light.direction
    wrapped = np.clip(
        (facing[:, None] + [0.25, 0.12, 0.10]) / [1.25, 1.12, 1.10], 0, 1
    )  # light bleeds red through skin
    cavity = 0.12 + 0.88 * np.clip(openness * 1.1, 0, 1) ** 1.5
    around = np.clip(harmonics(normal) @ light.environment, 0.02, None) * cavity[:, None]
    return (around + wrapped * light.colour * (lit * (0.5 + 0.5 * cavity))[:, None]).astype(np.float32), lit
