"""Triangles to pixels on the CPU: exact z-buffer visibility, vertex normals and soft shadows, compiled by numba.

Screen coordinates are 0-based pixel centres (x right, y down); depth grows toward the viewer. Perspective is divided
out before rasterising, so attributes are interpolated with weights corrected by ``1/distance``.
"""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]


@numba.njit(cache=True, nogil=True)
def rasterise(
    screen: NDArray[np.float32],
    depth: NDArray[np.float32],
    triangles: NDArray[np.int32],
    two_sided: NDArray[np.bool_],
    height: int,
    width: int,
) -> tuple[NDArray[np.int32], NDArray[np.float32], NDArray[np.float32]]:
    """Nearest triangle of every pixel.

    Args:
        screen: float32 [V, 2], projected vertices.
        depth: float32 [V], larger is nearer.
        triangles: int32 [T, 3], wound anticlockwise seen from outside.
        two_sided: bool [T], triangles that are also seen from behind.
        height, width: of the picture.

    Returns:
        triangle index [H, W] (-1: none), barycentric weights of its first two corners [H, W, 2], depth [H, W].
    """
    owner = np.full((height, width), -1, np.int32)
    weights = np.zeros((height, width, 2), np.float32)
    nearest = np.full((height, width), np.float32(-1e30))
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = screen[a, 0], screen[a, 1]
        bx, by = screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if area > -1e-9 and not (two_sided[t] and area > 1e-9):
            continue
        x_lo = max(0, int(np.ceil(min(ax, bx, cx))))
        x_hi = min(width - 1, int(np.floor(max(ax, bx, cx))))
        y_lo = max(0, int(np.ceil(min(ay, by, cy))))
        y_hi = min(height - 1, int(np.floor(max(ay, by, cy))))
        if x_lo > x_hi or y_lo > y_hi:
            continue
        inverse = np.float32(1.0) / area
        za, zb, zc = depth[a], depth[b], depth[c]
        step_u = (by - cy) * inverse
        step_v = (cy - ay) * inverse
        for y in range(y_lo, y_hi + 1):
            u = ((bx - x_lo) * (cy - y) - (cx - x_lo) * (by - y)) * inverse
            v = ((cx - x_lo) * (ay - y) - (ax - x_lo) * (cy - y)) * inverse
            for x in range(x_lo, x_hi + 1):
                if u >= -1e-5 and v >= -1e-5 and u + v <= 1.00001:
                    z = u * za + v * zb + (1 - u - v) * zc
                    if z > nearest[y, x]:
                        nearest[y, x] = z
                        owner[y, x] = t
                        weights[y, x, 0] = u
                        weights[y, x, 1] = v
                u += step_u
                v += step_v
    return owner, weights, nearest


@numba.njit(cache=True, nogil=True)
def nearest_over(
    at: NDArray[np.float32], screen: NDArray[np.float32], depth: NDArray[np.float32], triangles: NDArray[np.int32]
) -> NDArray[np.float32]:
    """Depth of the nearest surface exactly over each screen position ``at`` [n, 2], -1e30 where there is none."""
    out = np.full(len(at), np.float32(-1e30))
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ax, ay = screen[a, 0], screen[a, 1]
        bx, by = screen[b, 0], screen[b, 1]
        cx, cy = screen[c, 0], screen[c, 1]
        area = (bx - ax) * (cy - ay) - (cx - ax) * (by - ay)
        if abs(area) < 1e-9:
            continue
        x_lo, x_hi, y_lo, y_hi = min(ax, bx, cx), max(ax, bx, cx), min(ay, by, cy), max(ay, by, cy)
        for k in range(len(at)):
            x, y = at[k, 0], at[k, 1]
            if x < x_lo or x > x_hi or y < y_lo or y > y_hi:
                continue
            u = ((bx - x) * (cy - y) - (cx - x) * (by - y)) / area
            v = ((cx - x) * (ay - y) - (ax - x) * (cy - y)) / area
            if u >= 0 and v >= 0 and u + v <= 1:
                out[k] = max(out[k], u * depth[a] + v * depth[b] + (1 - u - v) * depth[c])
    return out


@numba.njit(cache=True, nogil=True)
def vertex_normals(points: NDArray[np.float64], triangles: NDArray[np.int32]) -> NDArray[np.float64]:
    """Area-weighted unit normals [V, 3] of a mesh (zero where a vertex has no triangle)."""
    out = np.zeros_like(points)
    for t in range(triangles.shape[0]):
        a, b, c = triangles[t, 0], triangles[t, 1], triangles[t, 2]
        ux, uy, uz = points[b, 0] - points[a, 0], points[b, 1] - points[a, 1], points[b, 2] - points[a, 2]
        vx, vy, vz = points[c, 0] - points[a, 0], points[c, 1] - points[a, 1], points[c, 2] - points[a, 2]
        nx, ny, nz = uy * vz - uz * vy, uz * vx - ux * vz, ux * vy - uy * vx
        for k in (a, b, c):
            out[k, 0] += nx
            out[k, 1] += ny
            out[k, 2] += nz
    for k in range(out.shape[0]):
        length = np.sqrt(out[k, 0] ** 2 + out[k, 1] ** 2 + out[k, 2] ** 2)
        if length > 0:
            out[k] /= length
    return out


@numba.njit(cache=True, nogil=True)
def light_reaching(
    screen: NDArray[np.float32], depth: NDArray[np.float32], nearest: NDArray[np.float32], bias: float, radius: int
) -> NDArray[np.float32]:
    """Share of a light that reaches each vertex [V], from the light's own depth picture ``nearest`` [H, W].

    Averages the shadow test over a square of ``2 * radius + 1`` pixels, which makes the shadow's edge soft.
    """
    height, width = nearest.shape
    out = np.ones(len(depth), np.float32)
    for k in range(len(depth)):
        x0, y0 = int(np.rint(screen[k, 0])), int(np.rint(screen[k, 1]))
        lit = 0
        n = 0
        for y in range(y0 - radius, y0 + radius + 1):
            for x in range(x0 - radius, x0 + radius + 1):
                n += 1
                if x < 0 or y < 0 or x >= width or y >= height or depth[k] > nearest[y, x] - bias:
                    lit += 1
        out[k] = lit / n
    return out
