"""Heatmap codecs of body pose as mmpose 1.x has them, and done right: MSRA, DARK and UDP.

A name that ends in ``-mmpose`` does exactly what mmpose does; the same name without it corrects what is a flaw there
(see the page "comparability").
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from parface_bench import codec, decoder, encoder
from parface_bench.data.heatmaps import peaks
from parface_bench.data.heatmaps.codecs import HeatmapCodec
from parface_bench.data.heatmaps.profiles import known_places

_MMPOSE = "mmpose 1.x, Apache-2.0, https://github.com/open-mmlab/mmpose"
_MSRA = "Xiao et al., Simple Baselines for Human Pose Estimation, ECCV 2018"
_UDP = "Huang et al., The Devil is in the Details, UDP, CVPR 2020"
_QUARTER = "Newell et al., Stacked Hourglass Networks, ECCV 2016"


@encoder(
    "msra",
    rounded=True,
    summary="Gaussians about the nearest pixel, cut off at 3 sigma",
    reference=_MSRA,
)
def encode_msra(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """Gaussians about the nearest pixel, cut off at 3 sigma (Xiao et al., Simple Baselines, ECCV 2018)."""
    centre = (known_places(landmarks) + 0.5).floor()
    offset = torch.arange(size, dtype=torch.float64, device=landmarks.device) - centre[..., None]
    return _product(torch.exp(-(offset**2) / (2 * sigma**2)) * (offset.abs() <= 3 * sigma))


@encoder(
    "msra-mmpose",
    rounded=True,
    summary="as msra, with windows that start where mmpose lets them start",
    reference=_MMPOSE,
)
def encode_msra_mmpose(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """As mmpose has it: the window starts at ``int(centre - 3 sigma)``, which truncates toward zero.

    Where 3 sigma is no whole number (sigma 1.5) the peak sits one pixel too far for centres below 3 sigma + 0.5.
    """
    centre, radius = torch.trunc(known_places(landmarks) + 0.5), 3 * sigma
    start, end = torch.trunc(centre - radius), torch.trunc(centre + radius + 1)
    pixels = torch.arange(size, dtype=torch.float64, device=landmarks.device)
    sample = pixels - start[..., None]  # number of the pixel in the template
    window, middle = int(-(-(2 * radius + 1) // 1)), (2 * radius + 1) // 2
    inside = (sample >= 0) & (sample < window) & (pixels < end[..., None])
    return _product(torch.exp(-((sample - middle) ** 2) / (2 * sigma**2)) * inside)


@encoder(
    "udp",
    rounded=True,
    summary="Gaussians about the exact place, cut off 3 sigma from the nearest pixel",
    reference=_UDP,
)
def encode_udp(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """Gaussians about the exact place, cut off 3 sigma from the nearest pixel (Huang et al., UDP, CVPR 2020)."""
    place = known_places(landmarks)
    pixels = torch.arange(size, dtype=torch.float64, device=landmarks.device)
    inside = (pixels - torch.trunc(place + 0.5)[..., None]).abs() <= 3 * sigma
    return _product(torch.exp(-((pixels - place[..., None]) ** 2) / (2 * sigma**2)) * inside)


@decoder(
    "quarter",
    summary="the highest pixel, and a quarter of a pixel toward the higher neighbour",
    reference=_QUARTER,
)
def decode_quarter(heatmaps: Tensor, sigma: float = 0.0) -> Tensor:
    """The highest pixel, and a quarter of a pixel toward the higher neighbour (Newell et al., ECCV 2016)."""
    peak, side = peaks.argmax_centres(heatmaps), _side(heatmaps)
    return _quarter(heatmaps, peak, (peak >= 1) & (peak < side - 1))


@decoder(
    "quarter-mmpose",
    summary="as quarter, with what mmpose does at the border and for empty maps",
    reference=_MMPOSE,
)
def decode_quarter_mmpose(heatmaps: Tensor, sigma: float = 0.0) -> Tensor:
    """As mmpose has it: neither axis moves at row or column 0, none along itself at 1, and empty maps are at -1."""
    peak, side = peaks.argmax_centres(heatmaps), _side(heatmaps)
    return _none_at(_quarter(heatmaps, peak, (peak > 1) & (peak < side - 1) & (peak.flip(-1) > 0)), heatmaps)


@decoder(
    "dark-mmpose",
    summary="DARK as mmpose has it: zeros beyond the border, steps of any length",
    reference=_MMPOSE,
)
def decode_dark_mmpose(heatmaps: Tensor, sigma: float = 2.0) -> Tensor:
    """DARK as mmpose has it: smoothing with zeros beyond the border, Newton's step at inner pixels, never checked."""
    peak = peaks.argmax_centres(heatmaps)
    log = blur_mmpose(heatmaps, kernel_of(sigma)).clamp_min(1e-10).log()
    x, y = peak.unbind(dim=-1)
    height, width = heatmaps.shape[-2:]
    inner = (x > 1) & (x < width - 2) & (y > 1) & (y < height - 2)
    g, _ = peaks.window(log, torch.where(inner[..., None], peak, 2), radius=2)
    g = g.unflatten(-1, (5, 5))
    dx, dy = (g[..., 2, 3] - g[..., 2, 1]) / 2, (g[..., 3, 2] - g[..., 1, 2]) / 2
    dxx = (g[..., 2, 4] - 2 * g[..., 2, 2] + g[..., 2, 0]) / 4
    dyy = (g[..., 4, 2] - 2 * g[..., 2, 2] + g[..., 0, 2]) / 4
    dxy = (g[..., 3, 3] - g[..., 1, 3] - g[..., 3, 1] + g[..., 1, 1]) / 4
    det = dxx * dyy - dxy**2
    step = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], dim=-1) / torch.where(det != 0, det, 1.0)[..., None]
    found = peak + torch.where((inner & (det != 0))[..., None], step, 0.0)
    return _none_at(found, heatmaps).to(peaks.real(heatmaps))


@decoder(
    "udp",
    summary="UDP's reading of DARK: Newton's step by single differences, checked",
    reference=_UDP,
)
def decode_udp(heatmaps: Tensor, sigma: float = 2.0) -> Tensor:
    """UDP's reading of DARK: Newton's step by single differences on the logarithm of the smoothed map.

    At the border the step is taken from the nearest inner pixel of the map as it is, since smoothing bends it inward.
    Where the logarithm is not concave or its vertex lies more than a pixel away the highest pixel stays.
    """
    maps = heatmaps.double()
    peak = peaks.argmax_centres(heatmaps)
    limit = _side(heatmaps) - 2
    start = torch.minimum(peak.clamp(min=1), limit)
    gap = torch.minimum(peak, limit + 1 - peak).amin(dim=-1, keepdim=True)
    found = peak.double()
    for version, where in ((maps, gap < sigma + 2), (peaks.gaussian_blur(maps, sigma / 2), gap >= sigma + 2)):
        vertex, concave = _udp_step(version, start, 0.0)
        good = where & concave[..., None] & ((vertex - peak).abs().amax(dim=-1, keepdim=True) <= 1)
        found = torch.where(good, vertex, found)
    return found.to(peaks.real(heatmaps))


@decoder(
    "udp-mmpose",
    summary="as udp, without a check of the step; NaN or far off on odd maps",
    reference=_MMPOSE,
)
def decode_udp_mmpose(heatmaps: Tensor, sigma: float = 2.0) -> Tensor:
    """As mmpose has it: zeros beyond the border while smoothing, no check of the step; NaN or far off on odd maps."""
    eps = float(torch.finfo(torch.float32).eps)
    found, _ = _udp_step(blur_mmpose(heatmaps, kernel_of(sigma)), peaks.argmax_centres(heatmaps), eps)
    return _none_at(found, heatmaps, to=torch.nan).to(peaks.real(heatmaps))


@codec(
    "msra",
    summary="Gaussians about the nearest pixel, read to a quarter of a pixel",
    reference=_MSRA,
)
def msra(size: int = 0, sigma: float = 2.0, decoder: str = "quarter") -> HeatmapCodec:
    """Gaussians about the nearest pixel, read to a quarter of a pixel."""
    return HeatmapCodec(size, sigma, "msra", decoder, "half-pixel")


@codec(
    "udp",
    summary="unbiased data processing: first and last pixel of crop and map coincide",
    reference=_UDP,
)
def udp(size: int = 0, sigma: float = 2.0, decoder: str = "udp") -> HeatmapCodec:
    """Unbiased data processing: first and last pixel of crop and map coincide."""
    return HeatmapCodec(size, sigma, "udp", decoder, "unit")


@codec(
    "msra-mmpose",
    summary="MSRA as mmpose has it",
    reference=_MMPOSE,
)
def msra_mmpose(size: int = 0, sigma: float = 2.0, decoder: str = "quarter-mmpose") -> HeatmapCodec:
    """MSRA as mmpose has it."""
    return HeatmapCodec(size, sigma, "msra-mmpose", decoder, "corner", True)


@codec(
    "dark-mmpose",
    summary="DARK as mmpose has it",
    reference=_MMPOSE,
)
def dark_mmpose(size: int = 0, sigma: float = 2.0, decoder: str = "dark-mmpose") -> HeatmapCodec:
    """DARK as mmpose has it."""
    return HeatmapCodec(size, sigma, "gaussian", decoder, "corner", True)


@codec(
    "udp-mmpose",
    summary="UDP as mmpose has it",
    reference=_MMPOSE,
)
def udp_mmpose(size: int = 0, sigma: float = 2.0, decoder: str = "udp-mmpose") -> HeatmapCodec:
    """UDP as mmpose has it."""
    return HeatmapCodec(size, sigma, "udp", decoder, "unit-mmpose", True)


def kernel_of(sigma: float) -> int:
    """The side of mmpose's smoothing kernel that goes with a sigma: 11 for 2, 17 for 3."""
    return 2 * round(2.5 * sigma) + 1


def blur_mmpose(heatmaps: Tensor, kernel: int) -> Tensor:
    """OpenCV's Gaussian of ``kernel`` pixels with zeros outside, scaled back to each map's old maximum; float64."""
    place = torch.arange(kernel, dtype=torch.float64, device=heatmaps.device) - (kernel - 1) / 2
    sigma = 0.3 * ((kernel - 1) * 0.5 - 1) + 0.8
    profile = torch.exp(-(place**2) / (2 * sigma**2))
    profile = profile / profile.sum()
    maps = heatmaps.double().flatten(0, 1)[:, None]
    rows = F.conv2d(maps, profile.view(1, 1, 1, -1), padding=(0, kernel // 2))
    smooth = F.conv2d(rows, profile.view(1, 1, -1, 1), padding=(kernel // 2, 0))[:, 0].view(heatmaps.shape)
    height, found = heatmaps.double().amax(dim=(2, 3), keepdim=True), smooth.amax(dim=(2, 3), keepdim=True)
    return smooth * torch.where(found > 0, height / found.clamp_min(1e-300), 1.0)


def _udp_step(smooth: Tensor, start: Tensor, eps: float) -> tuple[Tensor, Tensor]:
    """The vertex of the logarithm expanded about the pixels ``start``, and whether it is concave there."""
    log = F.pad(smooth.clamp(1e-3, 50.0).log(), (1, 1, 1, 1), mode="replicate")
    g, _ = peaks.window(log, start + 1, radius=1)
    g = g.unflatten(-1, (3, 3))
    centre = g[..., 1, 1]
    dx, dy = (g[..., 1, 2] - g[..., 1, 0]) / 2, (g[..., 2, 1] - g[..., 0, 1]) / 2
    dxx = g[..., 1, 2] - 2 * centre + g[..., 1, 0] + eps
    dyy = g[..., 2, 1] - 2 * centre + g[..., 0, 1] + eps
    sides = g[..., 1, 2] + g[..., 2, 1] + g[..., 1, 0] + g[..., 0, 1]
    dxy = (g[..., 2, 2] + g[..., 0, 0] + 2 * centre - sides) / 2
    det = dxx * dyy - dxy**2
    step = torch.stack([dxy * dy - dyy * dx, dxy * dx - dxx * dy], dim=-1) / det[..., None]
    return start + step, (det > 1e-12) & (dxx < 0)


def _quarter(heatmaps: Tensor, peak: Tensor, moves: Tensor) -> Tensor:
    values, _ = peaks.window(heatmaps, peak, radius=1)
    values = values.unflatten(-1, (3, 3))
    slope = torch.stack([values[..., 1, 2] - values[..., 1, 0], values[..., 2, 1] - values[..., 0, 1]], dim=-1)
    return (peak + torch.where(moves, 0.25 * slope.sign(), 0.0)).to(peaks.real(heatmaps))


def _side(heatmaps: Tensor) -> Tensor:
    return torch.tensor([heatmaps.shape[-1], heatmaps.shape[-2]], device=heatmaps.device)


def _none_at(points: Tensor, heatmaps: Tensor, to: float = -1.0) -> Tensor:
    """Points of maps without a positive value are moved to a place that stands for none."""
    return torch.where((heatmaps.amax(dim=(2, 3)) <= 0)[..., None], to, points)


def _product(profile: Tensor) -> Tensor:
    """Profiles [B, L, 2 (x, y), size] -> maps float32 [B, L, size, size]."""
    return (profile[:, :, 1, :, None] * profile[:, :, 0, None, :]).float()
