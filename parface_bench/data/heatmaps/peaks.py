"""Parts of the heatmap decoders: where a map is highest, windows about that pixel, and sub-pixel steps from there."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

_TINY = 1e-10


def real(heatmaps: Tensor) -> torch.dtype:
    """The type of places found in such maps: that of the maps, at least single precision."""
    return heatmaps.dtype if heatmaps.dtype in (torch.float32, torch.float64) else torch.float32


def unravel(flat: Tensor, width: int) -> Tensor:
    """Flat indices [B, L] -> (x, y), int64 [B, L, 2]."""
    return torch.stack([flat % width, flat // width], dim=-1)


def threads(maps: int) -> int:
    """Threads that are worth starting for so many maps."""
    return min(torch.get_num_threads(), max(maps // 64, 1))


def argmax_centres(heatmaps: Tensor) -> Tensor:
    """The highest pixel of each map, int64 [B, L, 2]."""
    return unravel(heatmaps.detach().flatten(2).argmax(dim=-1), heatmaps.shape[-1])


def smoothed_argmax(heatmaps: Tensor, radius: int) -> Tensor:
    """Flat index [B, L] of the highest pixel after smoothing with a box of 2 radius + 1 pixels, zeros outside."""
    if heatmaps.device.type == "cpu" and not torch.onnx.is_in_onnx_export():
        from parface_bench.data.heatmaps.smoothing import smoothed_peaks  # numba takes its time, and few need it

        maps = heatmaps.detach().float().flatten(0, 1).numpy()
        place, _ = smoothed_peaks(maps, radius, threads(len(maps)))
        return torch.from_numpy(place).view(heatmaps.shape[:2])
    return smooth(heatmaps, radius).flatten(2).argmax(dim=-1)


def smooth(heatmaps: Tensor, radius: int = 4) -> Tensor:
    """Maps [B, L, H, W] smoothed with a box of 2 radius + 1 pixels, zeros outside; the input stays as it is."""
    side = 2 * radius + 1
    # in double, so that equal plateaus stay equal
    rows = F.avg_pool2d(heatmaps.double(), (1, side), 1, (0, radius))
    return F.avg_pool2d(rows, (side, 1), 1, (radius, 0)).to(heatmaps.dtype)


def expectation(weights: Tensor) -> Tensor:
    """Mean place [B, L, 2] under weights [B, L, H, W] that sum to one."""
    height, width = weights.shape[-2:]
    x = torch.arange(width, dtype=weights.dtype, device=weights.device)
    y = torch.arange(height, dtype=weights.dtype, device=weights.device)
    return torch.stack([(weights.sum(dim=-2) * x).sum(dim=-1), (weights.sum(dim=-1) * y).sum(dim=-1)], dim=-1)


def window(heatmaps: Tensor, centres: Tensor, radius: int) -> tuple[Tensor, Tensor]:
    """The pixels about each map's centre.

    Args:
        heatmaps: [B, L, H, W].
        centres: int64 [B, L, 2].
        radius: the window has 2 radius + 1 pixels a side.

    Returns:
        Values [B, L, K], and places [B, L, K, 2] (x, y); the places of pixels that do not exist are NaN.
    """
    height, width = heatmaps.shape[-2:]
    step = torch.arange(-radius, radius + 1, device=heatmaps.device)
    offsets = torch.stack(torch.meshgrid(step, step, indexing="xy"), dim=-1).flatten(0, 1)
    places = centres[:, :, None] + offsets
    x, y = places.unbind(dim=-1)
    exists = (x >= 0) & (x < width) & (y >= 0) & (y < height)
    flat = y.clamp(0, height - 1) * width + x.clamp(0, width - 1)
    values = heatmaps.flatten(2).gather(2, flat)
    return values, torch.where(exists[..., None], places.to(values.dtype), torch.nan)


def gaussian_blur(heatmaps: Tensor, sigma: float) -> Tensor:
    """Separable Gaussian smoothing; at the border the kernel is cut and scaled up to what is left of it.

    Two products with a band matrix: many times as fast on the CPU as convolutions of single channels.
    """
    rows, columns = (_blur_matrix(side, sigma).to(heatmaps) for side in heatmaps.shape[-2:])
    return rows @ heatmaps @ columns.T


def _blur_matrix(side: int, sigma: float) -> Tensor:
    place = torch.arange(side, dtype=torch.float64)
    matrix = torch.exp(-((place[:, None] - place) ** 2) / (2 * sigma**2))
    return matrix / matrix.sum(dim=1, keepdim=True)


def newton_on_log(heatmaps: Tensor) -> Tensor:
    """One Newton step on the logarithm from the highest pixel, by central differences two pixels wide, [B, L, 2].

    Near the border the expansion is about the nearest pixel that has all neighbours. Where the logarithm is not concave
    or its vertex lies more than a pixel away, the highest pixel stays.
    """
    height, width = heatmaps.shape[-2:]
    peak = argmax_centres(heatmaps)
    if min(height, width) < 5:
        return peak.to(heatmaps.dtype)
    limit = torch.tensor([width - 3, height - 3], device=heatmaps.device)
    centre = torch.minimum(peak.clamp(min=2), limit)
    log, _ = window(heatmaps, centre, radius=2)
    g = log.clamp_min(_TINY).log().unflatten(-1, (5, 5))
    dx, dy = (g[..., 2, 3] - g[..., 2, 1]) / 2, (g[..., 3, 2] - g[..., 1, 2]) / 2
    twice = 2 * g[..., 2, 2]
    dxx, dyy = (g[..., 2, 4] - twice + g[..., 2, 0]) / 4, (g[..., 4, 2] - twice + g[..., 0, 2]) / 4
    dxy = (g[..., 3, 3] - g[..., 1, 3] - g[..., 3, 1] + g[..., 1, 1]) / 4
    return _vertex(peak, centre, 1.0, dx, dy, dxx, dxy, dyy)


def fit_log_quadratic(heatmaps: Tensor, radius: int) -> Tensor:
    """Vertex of the paraboloid fitted to the logarithm in a window about the highest pixel, [B, L, 2].

    Least squares with weights of the squared values (where the noise of a map is even, its logarithm's is 1 / value).
    """
    peak = argmax_centres(heatmaps)
    values, places = window(heatmaps, peak, radius)
    height = values.amax(dim=-1, keepdim=True).clamp_min(_TINY)
    relative = (values / height).double()
    # far down the flank noise rules; it is left out
    weight = torch.where(torch.isfinite(places[..., 0]) & (relative > 0.05), relative**2, 0.0)
    target = relative.clamp_min(_TINY).log()
    # the window's offsets are the same for all maps, so that all normal equations are one matrix product
    step = torch.arange(-radius, radius + 1, device=heatmaps.device, dtype=torch.float64)
    y, x = (grid.flatten() for grid in torch.meshgrid(step, step, indexing="ij"))
    basis = torch.stack([x * x, x * y, y * y, x, y, torch.ones_like(x)], dim=1)
    normal = (weight @ (basis[:, :, None] * basis[:, None, :]).flatten(1)).unflatten(-1, (6, 6))
    normal = normal + 1e-9 * torch.eye(6, dtype=normal.dtype, device=normal.device)
    # ONNX has no operator that solves equations
    solve = _eliminate if torch.onnx.is_in_onnx_export() else torch.linalg.solve
    a, b, c, d, e, _ = solve(normal, (weight * target) @ basis).unbind(dim=-1)
    return _vertex(peak, peak, float(radius), d, e, 2 * a, b, 2 * c).to(heatmaps.dtype)


def _eliminate(matrix: Tensor, right: Tensor) -> Tensor:
    """The solution [..., n] of symmetric, positive definite equations [..., n, n], by elimination step by step."""
    n = right.shape[-1]
    rows = torch.cat([matrix, right[..., None]], dim=-1).unbind(dim=-2)
    done: list[Tensor] = []
    for k in range(n):
        pivot, *rest = rows
        pivot = pivot / pivot[..., k : k + 1]
        rows = tuple(row - row[..., k : k + 1] * pivot for row in rest)
        done.append(pivot)
    found: list[Tensor] = []
    for k in reversed(range(n)):
        known = [done[k][..., k + 1 + i] * value for i, value in enumerate(found)]
        found.insert(0, done[k][..., n] - sum(known) if known else done[k][..., n])
    return torch.stack(found, dim=-1)


def _vertex(
    peak: Tensor, centre: Tensor, reach: float, dx: Tensor, dy: Tensor, dxx: Tensor, dxy: Tensor, dyy: Tensor
) -> Tensor:
    """The vertex of a paraboloid about ``centre``; ``peak`` where it is no maximum or lies beyond ``reach`` pixels."""
    det = dxx * dyy - dxy**2
    safe = torch.where(det.abs() > 1e-12, det, 1.0)
    move = torch.stack([(dxy * dy - dyy * dx) / safe, (dxy * dx - dxx * dy) / safe], dim=-1)
    vertex = centre + move
    good = (det > 1e-12) & (dxx < 0) & ((vertex - peak).abs().amax(dim=-1) <= reach)
    return torch.where(good[..., None], vertex, peak.to(vertex.dtype))
