"""From triangles to colours: one compiled pass over the supersampled picture, in linear RGB."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

# Materials beyond the asset's parts (0 skin ... 5 socket).
HAIR, FABRIC, HAND, PLAIN, COVER, LASHES = 6, 7, 8, 9, 10, 11  # FABRIC belongs to the person, COVER to the occluder
MATERIALS = 12
# Columns of the per-vertex table.
NORMAL, RECEIVED, REST, LIP, LASH, SCALP, KEY, COLUMNS = 0, 3, 6, 9, 10, 11, 12, 13


@numba.njit(cache=True, nogil=True, inline="always")
def _noise(tile: NDArray[np.float32], x: float, y: float) -> float:
    """Bilinear sample of a square periodic tile whose side is a power of two."""
    last = tile.shape[0] - 1
    fx, fy = np.floor(x), np.floor(y)
    tx, ty = x - fx, y - fy
    ix, iy = int(fx) & last, int(fy) & last
    jx, jy = (ix + 1) & last, (iy + 1) & last
    top = tile[iy, ix] * (1 - tx) + tile[iy, jx] * tx
    low = tile[jy, ix] * (1 - tx) + tile[jy, jx] * tx
    return top * (1 - ty) + low * ty


@numba.njit(cache=True, nogil=True, inline="always")
def _ramp(x: float, lo: float, hi: float) -> float:
    t = (x - lo) / (hi - lo)
    t = 0.0 if t < 0 else 1.0 if t > 1 else t
    return t * t * (3 - 2 * t)


@numba.njit(cache=True, nogil=True, inline="always")
def _cloth_other(x: float, y: float, pattern: float, scale: float) -> float:
    """Share (0 ... 1) of the second colour: plain, stripes, checks, an open jacket or a collar, by ``pattern``."""
    if pattern < 2:
        return 0.0
    across, along = np.sin(y * 45 * scale) > 0.3, np.sin(x * 40 * scale) > 0.3
    if pattern < 3:
        return 1.0 if across else 0.0
    if pattern < 4:
        return 0.5 * across + 0.5 * along
    if pattern < 5:
        return 1.0 if abs(x) < 0.10 * scale + 0.35 * (y - 5.0) else 0.0
    return 1.0 if y > 5.55 + 0.15 * scale * abs(x) else 0.0


@numba.njit(cache=True, nogil=True, fastmath=True)
def shade(
    picture: NDArray[np.float32],
    owner: NDArray[np.int32],
    weights: NDArray[np.float32],
    triangles: NDArray[np.int32],
    material: NDArray[np.uint8],
    nearness: NDArray[np.float32],
    table: NDArray[np.float32],
    texture: NDArray[np.float32],
    window: NDArray[np.float32],
    tile: NDArray[np.float32],
    colours: NDArray[np.float32],
    gloss: NDArray[np.float32],
    key: NDArray[np.float32],
    key_colour: NDArray[np.float32],
    look: NDArray[np.float32],
    eyes: NDArray[np.float32],
) -> None:
    """Colour every covered pixel of ``picture`` [H, W, 3] in place.

    Args:
        owner, weights: from the rasteriser; nearness: 1 / distance per vertex [V], for perspective-correct weights.
        table: float32 [V, COLUMNS], see the column constants.
        texture: skin, linear RGB [h, w, 3], over ``window`` = angle lo, angle hi, y lo, y hi, axis z (rest
            coordinates).
        tile: periodic noise [n, n] of mean 0 and standard deviation 1.
        colours: linear RGB per material [MATERIALS, 3]; the rows of ``gloss`` are strength and exponent per material.
        key, key_colour: direction toward the key light (camera axes) and its colour.
        look: RGB of lip, hair, cloth and lash; then neckline height and slope, hair contrast and grain, lip amount,
            whether there is hair on the scalp, lash threshold, second colour of the clothes, their pattern and its
            scale.
        eyes: iris RGB, sclera RGB, iris radius, pupil radius, centre x, centre y, limbal ring, front z.
    """
    height, width = owner.shape
    rows, columns = texture.shape[0], texture.shape[1]
    half = np.array([key[0], key[1], key[2] + 1.0], np.float32)
    half /= np.sqrt(half[0] ** 2 + half[1] ** 2 + half[2] ** 2)
    v = np.empty(COLUMNS, np.float32)
    c = np.empty(3, np.float32)
    for py in range(height):
        for px in range(width):
            t = owner[py, px]
            if t < 0:
                continue
            ia, ib, ic = triangles[t, 0], triangles[t, 1], triangles[t, 2]
            wa = weights[py, px, 0] * nearness[ia]
            wb = weights[py, px, 1] * nearness[ib]
            wc = (1 - weights[py, px, 0] - weights[py, px, 1]) * nearness[ic]
            total = 1 / (wa + wb + wc)
            wa, wb, wc = wa * total, wb * total, wc * total
            ra, rb, rc = table[ia], table[ib], table[ic]
            for k in range(COLUMNS):
                v[k] = wa * ra[k] + wb * rb[k] + wc * rc[k]
            x, y, z = v[REST], v[REST + 1], v[REST + 2]
            m = material[t]
            shine, power = gloss[m, 0], gloss[m, 1]
            if m == 0:
                angle = np.arctan2(x, z - window[4])
                u = (angle - window[0]) / (window[1] - window[0]) * columns - 0.5
                w = (window[3] - y) / (window[3] - window[2]) * rows - 0.5
                u = min(max(u, 0.0), columns - 1.001)
                w = min(max(w, 0.0), rows - 1.001)
                iu, iw = int(u), int(w)
                tu, tw = u - iu, w - iw
                for k in range(3):
                    top = texture[iw, iu, k] * (1 - tu) + texture[iw, iu + 1, k] * tu
                    low = texture[iw + 1, iu, k] * (1 - tu) + texture[iw + 1, iu + 1, k] * tu
                    c[k] = top * (1 - tw) + low * tw
                a = _ramp(v[LIP], 0.25, 0.7) * look[16] if z > 1.15 else 0.0
                grain = _noise(tile, x * 90, y * 25) if a > 0 else 0.0
                for k in range(3):
                    c[k] = c[k] * (1 - a) + look[k] * (1 + 0.06 * grain) * a
                shine += 0.12 * a
                a = _ramp(v[LASH], look[18], look[18] + 0.4) * 0.9
                for k in range(3):
                    c[k] = c[k] * (1 - a) + look[9 + k] * a
                if look[17] > 0 and v[SCALP] > 0.02:
                    strand = _noise(tile, angle * look[15], y * 9 + angle * 14)
                    rough = _noise(tile, x * 30 + 50, y * 30 + z * 30)
                    a = _ramp(v[SCALP] + 0.13 * rough + 0.08 * strand, 0.36, 0.62) * look[17]
                    tone = max(0.25, 1 + look[14] * (0.75 * strand + 0.4 * rough))
                    for k in range(3):
                        c[k] = c[k] * (1 - a) + look[3 + k] * tone * a
                    shine *= 1 - 0.75 * a
                if y < look[12] - look[13] * max(0.0, 0.75 - abs(x)):
                    weave = 1 + 0.10 * _noise(tile, x * 60, y * 60) + 0.18 * _noise(tile, x * 6 + 9, y * 6)
                    other = _cloth_other(x, y, look[22], look[23])
                    for k in range(3):
                        c[k] = (look[6 + k] + (look[19 + k] - look[6 + k]) * other) * weave
                    shine = 0.0
            elif m == 1:
                r = np.sqrt((abs(x) - eyes[8]) ** 2 + (y - eyes[9]) ** 2)
                lid = 1 - 0.45 * _ramp(y - eyes[9], -0.01, 0.06)
                for k in range(3):
                    c[k] = eyes[3 + k] * (1 - 0.35 * _ramp(r, 0.06, 0.14)) * lid
                if z > eyes[11]:
                    turn = np.arctan2(y - eyes[9], abs(x) - eyes[8])
                    fibre = 1 + 0.28 * _noise(tile, turn * 12, r * 90)
                    a = 1 - _ramp(r, eyes[6] - 0.007, eyes[6] + 0.004)
                    ring = 1 - eyes[10] * _ramp(r, eyes[6] * 0.7, eyes[6])
                    hole = 1 - _ramp(r, eyes[7] - 0.004, eyes[7] + 0.004)
                    for k in range(3):
                        c[k] = c[k] * (1 - a) + eyes[k] * fibre * ring * lid * a
                        c[k] = c[k] * (1 - hole) + 0.004 * hole
            elif m == HAIR:
                strand = _noise(tile, x * look[15] * 0.35, y * 1.5 + z * 3)
                fine = _noise(tile, x * look[15] + 31, y * 5 + z * 9)
                tone = max(0.22, 1 + look[14] * (strand + 0.6 * fine))
                for k in range(3):
                    c[k] = look[3 + k] * tone
            elif m in (FABRIC, COVER):
                weave = 1 + 0.05 * _noise(tile, x * 90, y * 90) + 0.16 * _noise(tile, x * 7, y * 12 + z * 5)
                for k in range(3):
                    c[k] = colours[m, k] * weave
            elif m == HAND:
                blotch = 1 + 0.06 * _noise(tile, x * 30, y * 30 + z * 17)
                for k in range(3):
                    c[k] = colours[m, k] * blotch
            else:
                for k in range(3):
                    c[k] = colours[m, k]
            nx, ny, nz = v[NORMAL], v[NORMAL + 1], v[NORMAL + 2]
            length = np.sqrt(nx * nx + ny * ny + nz * nz) + 1e-9
            toward = (nx * half[0] + ny * half[1] + nz * half[2]) / length
            glint = shine * v[KEY]
            glint = glint * toward**power if glint > 1e-3 and toward > 0.3 else 0.0
            edge = shine * 0.25 * (1 - abs(nz) / length) ** 3
            for k in range(3):
                picture[py, px, k] = c[k] * v[RECEIVED + k] + glint * key_colour[k] + edge * v[RECEIVED + k]
