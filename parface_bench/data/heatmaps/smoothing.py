"""The highest point of box-smoothed heatmaps on the CPU, exactly and without smoothing what cannot hold it.

Smoothing all of a batch costs many times what reading it does. A row's sum of absolute values bounds every smoothed
value near that row, so one pass over memory leaves few rows to look at, and the same bound leaves few columns.
"""

from __future__ import annotations

import numba
import numpy as np

from parface_bench.data.threads import in_threads

# float32 sums of at most some hundred terms stay well within this of the true sum
_SLACK = np.float32(1.0001)


@numba.njit(nogil=True, cache=True, fastmath={"reassoc", "contract", "nsz"})
def _magnitude(row: np.ndarray) -> np.floating:
    total = np.float32(0)
    for x in range(row.size):
        total += abs(row[x])
    return total


@numba.njit(nogil=True, cache=True)
def _add(row: np.ndarray, sign: float, out: np.ndarray) -> None:
    for x in range(row.size):
        out[x] += sign * row[x]


@numba.njit(nogil=True, cache=True)
def _add_magnitudes(row: np.ndarray, out: np.ndarray) -> None:
    for x in range(row.size):
        out[x] += abs(row[x])


@numba.njit(nogil=True, cache=True)
def _windowed(padded: np.ndarray, out: np.ndarray) -> None:
    """Sums over windows of ``padded``, which has half a window of zeros at both ends, centred at each place."""
    out[:] = 0
    for k in range(padded.size - out.size + 1):
        _add(padded[k : k + out.size], 1, out)


@numba.njit(nogil=True, cache=True, fastmath={"nnan", "nsz"})
def _highest(values: np.ndarray) -> float:
    highest = values[0]
    for i in range(1, values.size):
        highest = max(highest, values[i])
    return highest


@numba.njit(nogil=True, cache=True)
def _reach(bound: np.ndarray, limit: np.floating) -> tuple[int, int]:
    """First and last place whose bound reaches the limit."""
    first, last = 0, bound.size - 1
    while first < last and bound[first] * _SLACK < limit:
        first += 1
    while last > first and bound[last] * _SLACK < limit:
        last -= 1
    return first, last


@numba.njit(nogil=True, cache=True)
def _search(heatmaps: np.ndarray, radius: int, place: np.ndarray, height: np.ndarray) -> None:
    count, rows, columns = heatmaps.shape
    area = (2 * radius + 1) ** 2
    # sums of rows and columns with zeros beyond both ends, and what bounds the smoothed values of a row, a column
    row_sum, row_bound = np.zeros(rows + 2 * radius, np.float32), np.zeros(rows, np.float32)
    column_sum, column_bound = np.zeros(columns + 2 * radius, np.float32), np.zeros(columns, np.float32)
    # vertical sums over the window of one row, and sums of these over the windows
    band, total = np.zeros(columns + 2 * radius, np.float64), np.zeros(columns, np.float64)
    own_rows, own_columns, own_band = (
        row_sum[radius : radius + rows],
        column_sum[radius : radius + columns],
        band[radius : radius + columns],
    )
    for i in range(count):
        heatmap = heatmaps[i]
        for y in range(rows):
            own_rows[y] = _magnitude(heatmap[y])
        _windowed(row_sum, row_bound)
        # the row that looks best gives a value that others must reach ...
        start = 0
        highest = _highest(row_bound)
        while start < rows - 1 and row_bound[start] != highest:
            start += 1
        own_band[:] = 0
        for y in range(max(start - radius, 0), min(start + radius + 1, rows)):
            _add(heatmap[y], 1, own_band)
        _windowed(band, total)
        limit = np.float32(_highest(total))
        # ... which leaves the rows, and then the columns, whose bound does
        first, last = _reach(row_bound, limit)
        own_columns[:] = 0
        for y in range(max(first - radius, 0), min(last + radius + 1, rows)):
            _add_magnitudes(heatmap[y], own_columns)
        _windowed(column_sum, column_bound)
        left, right = _reach(column_bound, limit)
        near, far = max(left - radius, 0), min(right + radius + 1, columns)
        own_band[:] = 0
        for y in range(max(first - radius, 0), min(first + radius, rows)):
            _add(heatmap[y, near:far], 1, own_band[near:far])
        best, best_at, worth = np.float32(-np.inf), 0, -np.inf
        for y in range(first, last + 1):
            if y + radius < rows:
                _add(heatmap[y + radius, near:far], 1, own_band[near:far])
            if y > first and y - radius - 1 >= 0:
                _add(heatmap[y - radius - 1, near:far], -1, own_band[near:far])
            value = 0.0
            for x in range(left, left + 2 * radius):
                value += band[x]
            for x in range(left, right + 1):
                value += band[x + 2 * radius]
                # equal means are equal in float32 only; the division is left out where it cannot matter
                if value > worth:
                    smoothed = np.float32(value / area)
                    if smoothed > best:
                        best, best_at = smoothed, y * columns + x
                        worth = value - abs(value) * 1e-6
                value -= band[x]
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
    in_threads(lambda part: _search(heatmaps[part], radius, place[part], height[part]), len(heatmaps), threads)
    return place, height
