"""The skin as a picture on a cylinder round the base head: colour, brows, stubble, make-up, spots and wrinkles."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.asset import SKIN, Head, load_head
from parface_bench.plugins.datasets.palsy_twin.look import Look
from parface_bench.plugins.datasets.palsy_twin.raster import rasterise

WIDTH, HEIGHT = 512, 448
ANGLE = 1.65  # radians to either side of the front
LOW, HIGH = 5.9, 8.15  # dm
AXIS = 0.35  # z of the cylinder's axis
TONES = ("cheek", "apple", "nose", "lid", "under eye", "socket")
TILES = 6
TILE = 512
WINDOW = np.array([-ANGLE, ANGLE, LOW, HIGH, AXIS], np.float32)

Picture = NDArray[np.float32]


@cache
def noise_tiles() -> list[Picture]:
    """Periodic noise pictures [TILE, TILE], mean 0, standard deviation 1; slope 1/f, smooth to fine."""
    rng = np.random.default_rng(20240711)
    fy, fx = np.fft.fftfreq(TILE)[:, None], np.fft.rfftfreq(TILE)[None]
    radius = np.sqrt(fx**2 + fy**2)
    out = []
    for k in range(TILES):
        slope, low = (0.6, 2 / TILE) if k >= 3 else (1.3, 1 / TILE)
        amplitude = np.where(radius >= low, np.maximum(radius, low) ** -slope, 0)
        spectrum = np.fft.rfft2(rng.normal(size=(TILE, TILE))) * amplitude
        field = np.fft.irfft2(spectrum, s=(TILE, TILE))
        out.append(((field - field.mean()) / field.std()).astype(np.float32))
    return out


def noise(rng: np.random.Generator, fine: bool) -> Picture:
    """A random shift and flip of a noise tile, cut to the skin picture's size."""
    tile = noise_tiles()[int(rng.integers(3)) + (3 if fine else 0)]
    y, x, flip = rng.integers(TILE), rng.integers(TILE), rng.integers(2)
    tile = np.roll(tile, (int(y), int(x)), axis=(0, 1))[:HEIGHT, :WIDTH]
    return np.ascontiguousarray(tile[:, ::-1] if flip else tile)


@dataclass(frozen=True)
class SkinSpace:
    """The picture's geometry: rest position of every texel [H, W, 3], and soft masks by region name [H, W]."""

    rest: Picture
    masks: dict[str, Picture]
    tones: Picture  # [H, W, 6]: the masks of TONES together
    frontal: Picture  # cylinder angle on a frontal grid of 1/200 dm: x -1..1 (columns), y 8.2..5.9 (rows)

    def texel(self, x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
        """Texture pixels [n, 2] of surface points given by their frontal rest coordinates (dm)."""
        column = np.clip(np.round((x + 1) * 200).astype(int), 0, self.frontal.shape[1] - 1)
        row = np.clip(np.round((8.2 - y) * 200).astype(int), 0, self.frontal.shape[0] - 1)
        angle = self.frontal[row, column]
        return np.stack([(angle + ANGLE) / (2 * ANGLE) * WIDTH - 0.5, (HIGH - y) / (HIGH - LOW) * HEIGHT - 0.5], axis=1)


def _spot(rest: Picture, x: float, y: float, sx: float, sy: float) -> Picture:
    """A Gaussian on both cheeks (or the mid line for x = 0), in frontal rest coordinates."""
    return np.exp(-0.5 * (((np.abs(rest[..., 0]) - x) / sx) ** 2 + ((rest[..., 1] - y) / sy) ** 2))


def _step(value: NDArray[Any], lo: float, hi: float) -> NDArray[Any]:
    t = np.clip((value - lo) / (hi - lo), 0, 1)
    return t * t * (3 - 2 * t)


def _masks(rest: Picture) -> dict[str, Picture]:
    x, y, z = np.abs(rest[..., 0]), rest[..., 1], rest[..., 2]
    jaw = np.interp(x, [0, 0.2, 0.35, 0.5, 0.62, 0.72], [6.5, 6.52, 6.6, 6.72, 6.9, 7.3]).astype(np.float32)
    below = _step(jaw - y, -0.06, 0.10) * _step(y, 5.95, 6.15) * _step(z, 0.45, 0.7)
    mouth_out = 1 - _spot(rest, 0, 6.60, 0.20, 0.07)
    moustache = np.exp(-0.5 * ((y - 6.745 + 0.10 * x) / 0.035) ** 2) * _step(0.34 - x, 0, 0.12)
    sideburn = np.exp(-0.5 * ((x - 0.70) / 0.05) ** 2) * _step(y, 6.7, 6.9) * _step(7.4 - y, 0, 0.2)
    chin = _spot(rest, 0, 6.26, 0.22, 0.16)
    return {
        "cheek": _spot(rest, 0.40, 6.92, 0.17, 0.15),
        "apple": _spot(rest, 0.42, 6.98, 0.13, 0.10),
        "nose": _spot(rest, 0, 6.92, 0.11, 0.09),
        "lid": _spot(rest, 0.31, 7.345, 0.12, 0.040),
        "under eye": _spot(rest, 0.29, 7.17, 0.11, 0.035),
        "socket": _spot(rest, 0.29, 7.27, 0.19, 0.09),
        "forehead": _spot(rest, 0, 7.75, 0.35, 0.15),
        "full beard": np.maximum(np.maximum(below, moustache), sideburn) * mouth_out,
        "goatee": np.maximum(chin, moustache) * mouth_out,
        "moustache": moustache * mouth_out,
        "beard": np.maximum(below, sideburn) * mouth_out,
    }


@cache
def skin_space() -> SkinSpace:
    """Built once a process by rasterising the base head on the cylinder and from the front."""
    head = load_head()
    triangles = np.ascontiguousarray(head.triangles[head.part == SKIN])
    v = head.vertices
    one_sided = np.zeros(len(triangles), bool)
    angle = np.arctan2(v[:, 0], v[:, 2] - AXIS)
    screen = np.stack(
        [(angle + ANGLE) / (2 * ANGLE) * WIDTH - 0.5, (HIGH - v[:, 1]) / (HIGH - LOW) * HEIGHT - 0.5], axis=1
    )
    radius = np.hypot(v[:, 0], v[:, 2] - AXIS)
    ahead = np.ascontiguousarray(triangles[np.abs(angle[triangles]).max(axis=1) < 2.4])
    rest = _painted(head, ahead, screen, radius, HEIGHT, WIDTH)
    frontal_screen = np.stack([(v[:, 0] + 1) * 200, (8.2 - v[:, 1]) * 200], axis=1)
    position = _painted(head, triangles, frontal_screen, v[:, 2], 461, 401, one_sided)
    frontal = np.arctan2(position[..., 0], position[..., 2] - AXIS)
    masks = {k: m.astype(np.float32) for k, m in _masks(rest).items()}
    return SkinSpace(rest, masks, np.stack([masks[k] for k in TONES], axis=-1), frontal.astype(np.float32))


def _painted(
    head: Head,
    triangles: NDArray[np.int32],
    screen: NDArray[np.float64],
    depth: NDArray[np.float64],
    height: int,
    width: int,
    two_sided: NDArray[np.bool_] | None = None,
) -> Picture:
    """Rest positions [H, W, 3] seen in a projection (nearest neighbour where nothing is)."""
    flags = np.zeros(len(triangles), bool) if two_sided is None else two_sided
    owner, weight, _ = rasterise(screen.astype(np.float32), depth.astype(np.float32), triangles, flags, height, width)
    corner = head.vertices[triangles[np.maximum(owner, 0)]]
    u, w = weight[..., :1], weight[..., 1:]
    position = (corner[..., 0, :] * u + corner[..., 1, :] * w + corner[..., 2, :] * (1 - u - w)).astype(np.float32)
    empty = (owner < 0).astype(np.uint8)
    _, label = cv2.distanceTransformWithLabels(empty, cv2.DIST_L2, 3, labelType=cv2.DIST_LABEL_PIXEL)
    lookup = np.zeros((label.max() + 1, 3), np.float32)
    lookup[label[empty == 0]] = position[empty == 0]
    return lookup[label]


def brow_strokes(look: Look, rng: np.random.Generator, line: NDArray[np.float64]) -> Picture:
    """Opacity [H, W] of both brows: hairs along the landmark line, which runs in the upper half of the brow."""
    space = skin_space()
    shift = 4
    picture = np.zeros((HEIGHT, WIDTH), np.float32)
    at = np.linspace(0.02, 1.04, 120)
    knots = np.linspace(0, 1, len(line))
    cx = np.polyval(np.polyfit(knots, line[:, 0], 3), at)
    cy = np.polyval(np.polyfit(knots, line[:, 1], 3), at) - 0.010 - 0.4 * look.brow_thickness
    thick = look.brow_thickness * np.interp(at, [0.02, 0.12, 0.35, 0.7, 1.04], [0.75, 1, 1, 0.75, 0.25])
    count = int(14 * look.brow_density * len(at))
    along = np.interp(at, [0.02, 0.12, 0.3, 1.04], [0.25, 0.6, 1.0, 1.0])  # sparser toward the nose
    along /= along.sum()
    for side in (1.0, -1.0):
        k = np.searchsorted(np.cumsum(along), rng.random(count)).clip(0, len(at) - 1)
        across = np.clip(rng.normal(size=count) * 0.36, -0.65, 0.65)
        x, y = cx[k] + rng.normal(size=count) * 0.004, cy[k] + across * thick[k]
        lean = (
            np.interp(at[k], [0, 0.3, 0.7, 1], [1.15, 0.5, 0.0, -0.35]) + rng.normal(size=count) * 0.18 - 0.5 * across
        )
        length = rng.uniform(0.02, 0.045, size=count)
        start = space.texel(side * x, y)
        end = space.texel(side * (x + length * np.cos(lean)), y + length * np.sin(lean))
        ends = np.round(np.stack([start, end], axis=1) * 2**shift).astype(np.int32)
        cv2.polylines(picture, list(ends[: count // 2]), False, 0.6, 1, cv2.LINE_AA, shift)
        cv2.polylines(picture, list(ends[count // 2 :]), False, 1.0, 1, cv2.LINE_AA, shift)
    soft = cv2.GaussianBlur(picture, (0, 0), 2.2)
    return np.clip(0.30 * picture + 0.85 * soft, 0, 1) * np.float32(min(0.9, 0.2 + 0.6 * look.brow_density))


@numba.njit(cache=True, nogil=True, fastmath=True)
def _tone(
    out: Picture,
    skin: NDArray[np.float32],
    coarse: Picture,
    fine: Picture,
    mask: NDArray[np.float32],
    relief: Picture,
    amounts: NDArray[np.float32],
) -> None:
    """Colour of bare skin into ``out`` [H, W, 3]: mottling, redness, shade round the eyes, light on folds.

    ``mask`` is [H, W, 6]: cheek, apple, nose, lid, under eye, socket; ``amounts``: mottling, ruddy, blush, eye
    circles, socket.
    """
    mottling, ruddy, blush, circles = amounts[0], amounts[1], amounts[2], amounts[3]
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            m = mask[i, j]
            red = ruddy * (m[0] + np.float32(0.9) * m[2]) + np.float32(1.6) * blush * m[1]
            tone = mottling * (np.float32(0.06) * coarse[i, j] + np.float32(0.035) * fine[i, j])
            tone -= np.float32(0.22) * circles * (m[4] + np.float32(0.6) * m[3]) + amounts[4] * m[5]
            light = relief[i, j]
            out[i, j, 0] = skin[0] * light * np.exp(np.float32(0.8) * tone + np.float32(0.10) * red)
            out[i, j, 1] = skin[1] * light * np.exp(tone - np.float32(0.75) * red)
            out[i, j, 2] = skin[2] * light * np.exp(tone - np.float32(0.60) * red)


@numba.njit(cache=True, nogil=True, fastmath=True)
def _lay(out: Picture, amount: Picture, colour: NDArray[np.float32]) -> None:
    """Cover ``out`` [H, W, 3] by a colour [3] as far as ``amount`` [H, W] says."""
    for i in range(out.shape[0]):
        for j in range(out.shape[1]):
            a = amount[i, j]
            if a > 0:
                for k in range(3):
                    out[i, j, k] += (colour[k] - out[i, j, k]) * a


def paint(look: Look, head: Head, light_factor: Picture) -> Picture:
    """The skin picture, linear RGB float32 [HEIGHT, WIDTH, 3].

    Args:
        light_factor: shading by folds [HEIGHT, WIDTH] (see :mod:`creases`), multiplied in.
    """
    rng = np.random.default_rng(look.texture_seed)
    space = skin_space()
    mask = space.masks
    coarse, fine = noise(rng, False), noise(rng, True)
    ruddy = 0.28 * look.ruddy * (1 - 0.6 * look.melanin)
    amounts = np.array([look.mottling, ruddy, look.blush, look.eye_circles, 0.1 + 0.35 * look.socket], np.float32)
    out = np.empty((HEIGHT, WIDTH, 3), np.float32)
    _tone(out, look.skin.astype(np.float32), coarse, fine, space.tones, light_factor, amounts)
    if look.stubble > 0:
        name = ("full beard", "full beard", "goatee", "moustache")[look.stubble_shape]
        grain = np.clip(0.75 + 0.35 * noise(rng, True), 0, 1.4)
        amount = np.clip(mask[name] * grain * (0.25 + 0.7 * look.stubble**2), 0, 0.95)
        _lay(out, amount.astype(np.float32), (0.6 * look.brow + 0.4 * look.hair).astype(np.float32))
    if look.eyeshadow_amount > 0:
        tint = (look.eyeshadow * look.skin.mean() * 1.5).astype(np.float32)
        _lay(out, np.float32(look.eyeshadow_amount) * mask["lid"], tint)
    if look.freckles > 0:
        specks = _step(noise(rng, True), 1.7, 2.3) * np.clip(
            mask["cheek"] + mask["nose"] + 0.4 * mask["forehead"], 0, 1
        )
        dark = (look.skin * [0.45, 0.25, 0.2]).astype(np.float32)
        _lay(out, (0.6 * look.freckles * specks).astype(np.float32), dark)
    _lay(out, brow_strokes(look, rng, head.brow_line).astype(np.float32), look.brow.astype(np.float32))
    return out
