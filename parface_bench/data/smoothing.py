"""The highest point of box-smoothed heatmaps on the CPU, exactly and without smoothing what cannot hold it.

Smoothing all of a batch costs many times what reading it does. A row's sum of absolute values bounds every smoothed
value near that row, so one pass over memory leaves few rows to look at, and the same bound leaves few columns.
"""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numba
import numpy as np

# float32 sums of at most some hundred terms stay well within this of the true sum
_SLACK = np.float32(1.0001)


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _row_sums(heatmap: np.ndarray, out: np.ndarray) -> None:
    for y in range(heatmap.shape[0]):
        row = heatmap[y]
        total = np.float32(0)
        for x in range(row.size):
            total += abs(row[x])
        out[y] = total


@numba.njit(nogil=True, cache=True)
def _windowed(values: np.ndarray, radius: int, out: np.ndarray) -> None:
    """Sums of ``values`` over windows of 2 radius + 1, zeros beyond the ends."""
    n = values.size
    total = 0.0
    for i in range(min(radius, n)):
        total += values[i]
    for i in range(n):
        if i + radius < n:
            total += values[i + radius]
        out[i] = total
        if i >= radius:
            total -= values[i - radius]


@numba.njit(nogil=True, cache=True)
def _search(heatmaps: np.ndarray, radius: int, place: np.ndarray, height: np.ndarray) -> None:
    count, rows, columns = heatmaps.shape
    area = (2 * radius + 1) ** 2
    row_sum, row_bound = np.empty(rows, np.float32), np.empty(rows, np.float32)
    column_sum, column_bound = np.empty(columns, np.float32), np.empty(columns, np.float32)
    band = np.zeros(columns, np.float64)
    for i in range(count):
        heatmap = heatmaps[i]
        _row_sums(heatmap, row_sum)
        _windowed(row_sum, radius, row_bound)
        start = 0
        for y in range(rows):
            if row_bound[y] > row_bound[start]:
                start = y
        # the row that looks best gives a value that others must beat ...
        best, best_at = np.float32(-np.inf), 0
        first, last, left, right = start, start, 0, columns - 1
        for sweep in range(2):
            if sweep == 1:
                limit = np.float32(best * area)
                # ... which leaves the rows, and then the columns, whose bound reaches it
                first = 0
                while first < start and row_bound[first] * _SLACK < limit:
                    first += 1
                last = rows - 1
                while last > start and row_bound[last] * _SLACK < limit:
                    last -= 1
                column_sum[:] = 0
                for y in range(max(first - radius, 0), min(last + radius + 1, rows)):
                    row = heatmap[y]
                    for x in range(columns):
                        column_sum[x] += abs(row[x])
                _windowed(column_sum, radius, column_bound)
                left, right = 0, columns - 1
                while left < right and column_bound[left] * _SLACK < limit:
                    left += 1
                while right > left and column_bound[right] * _SLACK < limit:
                    right -= 1
            # `band` holds vertical sums over the window of row y, for the columns that the windows touch
            near, far = max(left - radius, 0), min(right + radius + 1, columns)
            band[:] = 0.0
            for y in range(max(first - radius, 0), min(first + radius, rows)):
                for x in range(near, far):
                    band[x] += heatmap[y, x]
            for y in range(first, last + 1):
                if y + radius < rows:
                    for x in range(near, far):
                        band[x] += heatmap[y + radius, x]
                if y > first and y - radius - 1 >= 0:
                    for x in range(near, far):
                        band[x] -= heatmap[y - radius - 1, x]
                total = 0.0
                for x in range(near, min(left + radius, columns)):
                    total += band[x]
                for x in range(left, right + 1):
                    if x + radius < columns:
                        total += band[x + radius]
                    value = np.float32(total / area)
                    if x >= radius:
                        total -= band[x - radius]
                    at = y * columns + x
                    if value > best or (value == best and at < best_at):
                        best, best_at = value, at
        place[i], height[i] = best_at, best


def smoothed_peaks(heatmaps: np.ndarray, radius: int = 4, threads: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """Where each heatmap is highest after smoothing with a box of ``2 * radius + 1`` pixels, zeros beyond the border.

    Args:
        heatmaps: float32 [N, H, W].
        radius: of the box; 4 gives the original ParFace code's 9 x 9.
        threads: chunks that are searched at the same time.

    Returns:
        Flat index of the first highest pixel in row-major order, int64 [N]; its smoothed value, float32 [N].
    """
    heatmaps = np.ascontiguousarray(heatmaps, dtype=np.float32)
    place, height = np.empty(len(heatmaps), np.int64), np.empty(len(heatmaps), np.float32)
    bounds = np.linspace(0, len(heatmaps), max(threads, 1) + 1).astype(int)
    parts = [(heatmaps[a:b], radius, place[a:b], height[a:b]) for a, b in pairwise(bounds)]
    if len(parts) == 1:
        _search(*parts[0])
    else:
        with ThreadPoolExecutor(len(parts)) as pool:
            list(pool.map(lambda part: _search(*part), parts))
    return place, height
