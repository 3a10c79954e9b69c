"""Heights on chains of landmarks, for many faces at once: straight pieces and interpolating cubic splines.

A chain is float [N, K, 2] (X, Y); it is sorted by X first, as a height at a given X needs. Where a chain does not reach
the X, or two of a spline's points share one, the height is undefined (NaN).
"""

from __future__ import annotations

import numpy as np


def by_x(chain: np.ndarray) -> np.ndarray:
    """The chain's points from small to large X; points of equal X keep their order."""
    order = np.argsort(chain[..., 0], axis=1, kind="stable")
    return np.take_along_axis(chain, order[..., None], axis=1)


def interp(chain: np.ndarray, x: np.ndarray) -> np.ndarray:
    """Y of the polyline through the chain at X = ``x`` [N]; NaN outside of it."""
    points = by_x(chain)
    xs, ys = points[..., 0], points[..., 1]
    right = np.clip((xs < x[:, None]).sum(axis=1), 1, xs.shape[1] - 1)
    rows = np.arange(len(xs))
    x0, x1, y0, y1 = (a[rows, k] for a in (xs, ys) for k in (right - 1, right))
    step = x1 - x0
    share = np.divide(x - x0, step, out=np.zeros_like(step), where=step != 0)
    inside = (x >= xs[:, 0]) & (x <= xs[:, -1])
    return np.where(inside, y0 + share * (y1 - y0), np.nan)


class Spline:
    """The interpolating cubic spline (not-a-knot; of four points the one cubic) of each of N chains."""

    def __init__(self, chain: np.ndarray) -> None:
        """Fit it.

        Args:
            chain: [N, K, 2], K at least 4. Chains whose X do not increase strictly have no spline (NaN everywhere).
        """
        points = by_x(chain)
        self.x, y = points[..., 0], points[..., 1]
        steps = np.diff(self.x, axis=1)
        self.good = (steps > 0).all(axis=1) & np.isfinite(y).all(axis=1)
        h = np.where(self.good[:, None], steps, 1.0)
        y = np.where(self.good[:, None], y, 0.0)
        n, k = self.x.shape
        slopes = np.diff(y, axis=1) / h
        system, right = np.zeros((n, k, k)), np.zeros((n, k))
        inner = np.arange(1, k - 1)
        system[:, inner, inner - 1], system[:, inner, inner + 1] = h[:, 1:], h[:, :-1]
        system[:, inner, inner] = 2 * (h[:, :-1] + h[:, 1:])
        right[:, 1:-1] = 3 * (h[:, 1:] * slopes[:, :-1] + h[:, :-1] * slopes[:, 1:])
        # not-a-knot: the third derivative does not jump at the second point from either end
        for end, a, b, sign in ((0, 0, 1, 1), (k - 1, -1, -2, -1)):
            first, second = h[:, a], h[:, b]
            system[:, end, end] = second
            system[:, end, end + sign] = first + second
            weight = (first + 2 * (first + second)) * second * slopes[:, a] + first**2 * slopes[:, b]
            right[:, end] = weight / (first + second)
        self.d = np.linalg.solve(system, right[..., None])[..., 0]
        self.y, self._h, self._slopes = y, h, slopes

    def __call__(self, x: np.ndarray) -> np.ndarray:
        """Y at X = ``x`` [N] or [N, M], NaN outside the chain."""
        flat = x[:, None] if x.ndim == 1 else x
        at = np.clip((self.x[:, None, :] <= flat[..., None]).sum(axis=2) - 1, 0, self.x.shape[1] - 2)
        take = np.take_along_axis
        h, slope = take(self._h, at, 1), take(self._slopes, at, 1)
        d0, d1, y0 = take(self.d, at, 1), take(self.d, at + 1, 1), take(self.y, at, 1)
        t = flat - take(self.x, at, 1)
        value = y0 + t * (d0 + t * ((3 * slope - 2 * d0 - d1) / h + t * (d0 + d1 - 2 * slope) / h**2))
        inside = (flat >= self.x[:, :1]) & (flat <= self.x[:, -1:]) & self.good[:, None]
        return np.where(inside, value, np.nan).reshape(x.shape)

    def mean(self, low: np.ndarray, high: np.ndarray) -> np.ndarray:
        """Mean Y between two X [N], by Gauss-Legendre quadrature on each piece (exact)."""
        nodes, weights = np.polynomial.legendre.leggauss(3)
        total = np.zeros(len(self.x))
        for k in range(self.x.shape[1] - 1):
            a, b = np.maximum(self.x[:, k], low), np.minimum(self.x[:, k + 1], high)
            half = np.maximum(b - a, 0) / 2
            at = a[:, None] + half[:, None] * (1 + nodes)
            total += half * (np.nan_to_num(self(at)) @ weights)
        return np.where(self.good, total / (high - low), np.nan)


def polygon_area(points: np.ndarray) -> np.ndarray:
    """Area [N] inside closed polygons [N, K, 2] (shoelace)."""
    x, y = points[..., 0], points[..., 1]
    return np.abs(np.sum(x * np.roll(y, -1, axis=1) - np.roll(x, -1, axis=1) * y, axis=1)) / 2


def signed_area_beyond(points: np.ndarray, sign: int) -> np.ndarray:
    """Area [N] of the part of closed polygons with ``sign`` * X > 0; positive where they run clockwise on the screen.

    The integral of max(X, 0) dY round the polygon: the cut itself, at X = 0, adds nothing.
    """
    x, y = sign * points[..., 0], points[..., 1]
    x1, dy = np.roll(x, -1, axis=1), np.roll(y, -1, axis=1) - y
    a, b = np.maximum(x, 0), np.maximum(x1, 0)
    crossing = x * x1 < 0
    span = np.where(crossing, np.abs(x) + np.abs(x1), 1.0)
    mean = np.where(crossing, (a**2 + b**2) / (2 * span), (a + b) / 2)
    return sign * np.sum(mean * dy, axis=1)
