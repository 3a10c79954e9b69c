"""From linear light to a photograph: exposure, tone curve, colour cast, grey, blur, noise and JPEG."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class Photograph:
    """How a picture is taken; blur in pixels at 256, noise as a share of full scale, quality of the JPEG.

    ``contrast`` is a factor on the gamma, ``curve`` how much an S-shaped tone curve adds to it, ``saturation`` 1 for
    the colours as lit, ``sharpening`` the weight of an unsharp mask.
    """

    exposure: float
    contrast: float
    curve: float
    cast: NDArray[np.float64]
    saturation: float
    grey: bool
    blur: float
    motion: float
    motion_angle: float
    noise: float
    quality: int
    noise_seed: int
    sharpening: float = 0.0
    poor: bool = False


def draw_photograph(rng: np.random.Generator, brightness: float) -> Photograph:
    """A random camera: mostly decent, sometimes blurred, noisy, grey or strongly compressed.

    Args:
        brightness: of the face, linear 0 ... 1; people (and cameras) expose for it, about half way.
    """
    poor = rng.random() < 0.25
    values = rng.random(8)
    return Photograph(
        exposure=float(np.exp(0.28 * rng.normal()) * (0.33 / max(brightness, 0.02)) ** 0.5),
        contrast=float(rng.uniform(0.85, 1.3)),
        curve=float(rng.uniform(0.1, 0.8)),
        cast=np.exp(0.05 * rng.normal(size=3)),
        saturation=float(0.6 + 0.4 * values[6]),
        grey=bool(values[0] < 0.06),
        blur=float(values[1] * (1.6 if poor else 0.45)),
        motion=float(values[2] * 6) if poor and values[3] < 0.3 else 0.0,
        motion_angle=float(values[4] * np.pi),
        noise=float(values[5] ** 2 * (0.06 if poor else 0.02)),
        quality=int(rng.integers(35, 80) if poor else rng.integers(80, 97)),
        noise_seed=int(rng.integers(2**31)),
        poor=bool(poor),
        sharpening=float(values[7] * 1.2),
    )


def develop(linear_rgb: NDArray[np.float32], photo: Photograph) -> NDArray[np.uint8]:
    """Linear RGB float32 [S, S, 3] to an sRGB picture uint8 [S, S, 3]."""
    size = linear_rgb.shape[0]
    light = linear_rgb * (photo.exposure * photo.cast).astype(np.float32)
    if photo.blur * size / 256 > 0.25:
        light = np.asarray(cv2.GaussianBlur(light, (0, 0), photo.blur * size / 256), np.float32)
    if photo.motion > 1:
        light = np.asarray(cv2.filter2D(light, -1, _streak(photo.motion * size / 256, photo.motion_angle)), np.float32)
    light = np.clip(light, 0, None)
    light = np.where(light > 0.7, 0.7 + 0.3 * np.tanh((light - 0.7) / 0.3), light)
    table = np.clip(light, 0, 1) ** np.float32(photo.contrast / 2.2)
    table = table + photo.curve * (table - 0.45) * (1 - (2 * table - 1) ** 2)  # cameras steepen the middle tones
    soft = cv2.GaussianBlur(table, (0, 0), 1.2 * size / 256)
    table = table + np.float32(photo.sharpening) * (table - soft)
    rng = np.random.default_rng(photo.noise_seed)
    if photo.noise > 0.002:
        grain = rng.standard_normal(size=(size, size), dtype=np.float32)
        table = table + (photo.noise * grain)[..., None] * (0.6 + 0.4 * (1 - table))
    keep = 0.0 if photo.grey else photo.saturation
    luma = (table @ np.array([0.299, 0.587, 0.114], np.float32))[..., None]
    table = luma + np.float32(keep) * (table - luma)
    return (np.clip(table, 0, 1) * 255 + 0.5).astype(np.uint8)


def _streak(length: float, angle: float) -> NDArray[np.float32]:
    size = 2 * int(np.ceil(length / 2)) + 1
    kernel = np.zeros((size, size), np.float32)
    centre = size // 2
    dx, dy = np.cos(angle) * length / 2, np.sin(angle) * length / 2
    ends = [(round(centre + k * float(dx)), round(centre + k * float(dy))) for k in (-1, 1)]
    cv2.line(kernel, ends[0], ends[1], 1.0, 1, cv2.LINE_AA)
    return kernel / kernel.sum()
