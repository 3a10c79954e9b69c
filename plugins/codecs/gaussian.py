"""Gaussian heatmaps with sub-pixel places, and general decoders of heatmaps."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from parface_bench import codec, decoder, encoder
from parface_bench.data.heatmaps import peaks
from parface_bench.data.heatmaps.codecs import HeatmapCodec
from parface_bench.data.heatmaps.profiles import NOWHERE, by_torch, outer

# smaller factors are taken as 0: square root of the smallest normal float32
_FAINT = 1.1e-19


@encoder(
    "gaussian",
    summary="Gaussians of height 1 about the exact sub-pixel places",
    reference="Tompson et al., Efficient Object Localization Using Convolutional Networks, CVPR 2015",
)
def encode_gaussian(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """Gaussians of height 1 about the exact sub-pixel places; a landmark outside leaves what reaches in.

    Args:
        landmarks: [B, L, 2], heatmap pixels; NaN gives an empty heatmap.
        size: side of the heatmaps.
        sigma: standard deviation, heatmap pixels.

    Returns:
        float32 [B, L, size, size] on the landmarks' device.
    """
    centres = torch.nan_to_num(landmarks.float(), nan=NOWHERE)
    if not by_torch(centres):
        from parface_bench.data.heatmaps.gaussians import gaussians  # numba takes its time, and few need it

        places = centres.flatten(0, 1).double().numpy()
        maps = gaussians(places, size, sigma, _FAINT, threads=peaks.threads(len(places)))
        return torch.from_numpy(maps).unflatten(0, centres.shape[:2])
    pixels = torch.arange(size, dtype=torch.float32, device=landmarks.device)
    exponent = ((pixels - centres[..., None]) ** 2).mul_(-0.5 / sigma**2)
    # numbers near and below the smallest that there are take many times as long
    return outer(F.threshold(exponent.clamp_(min=-50).exp_(), _FAINT, 0.0))


@decoder(
    "argmax",
    summary="the highest pixel",
    reference="the usual definition",
)
def decode_argmax(heatmaps: Tensor, sigma: float = 0.0) -> Tensor:
    """The highest pixel, the first in row-major order where several are.

    Args:
        heatmaps: [B, L, H, W].
        sigma: not used; every decoder takes it.

    Returns:
        float [B, L, 2], heatmap pixels (x, y).
    """
    return peaks.unravel(heatmaps.flatten(2).argmax(dim=-1), heatmaps.shape[-1]).to(peaks.real(heatmaps))


@decoder(
    "integral",
    on="logits",
    summary="expectation under the softmax over all pixels, for maps of logits; differentiable",
    reference="Sun et al., Integral Human Pose Regression, ECCV 2018",
)
def decode_integral(heatmaps: Tensor, sigma: float = 0.0) -> Tensor:
    """Expectation under the softmax over all pixels: for maps of logits (Sun et al., ECCV 2018). Differentiable.

    Maps of Gaussians are not logits (their background weighs as much as their peak): use :func:`decode_soft_argmax`.
    Arguments and result as :func:`decode_argmax`.
    """
    p = heatmaps.float().flatten(2).softmax(dim=-1).view(heatmaps.shape)
    return peaks.expectation(p)


@decoder(
    "soft-argmax",
    summary="expectation in a window about the highest pixel; differentiable there",
    reference="this project",
)
def decode_soft_argmax(heatmaps: Tensor, sigma: float = 2.0) -> Tensor:
    """Expectation under a softmax of the logarithm in a window about the highest pixel. Differentiable there.

    The temperature is such that the weights of a Gaussian heatmap of ``sigma`` are a Gaussian of 0.7 pixels: wide
    enough for the pixel grid, narrow enough to be whole near the border. Arguments, result: :func:`decode_argmax`.
    """
    values, places = peaks.window(heatmaps.float(), peaks.argmax_centres(heatmaps), radius=4)
    logits = values.clamp_min(1e-10).log() * max(2.0 * sigma**2, 1.0)
    weights = torch.where(torch.isfinite(places[..., 0]), logits, -torch.inf).softmax(dim=-1)
    return (weights[..., None] * torch.nan_to_num(places)).sum(dim=2)


@decoder(
    "dark",
    summary="Newton's step on the logarithm of the smoothed map at the highest pixel",
    reference="Zhang et al., Distribution-Aware Coordinate Representation, CVPR 2020",
)
def decode_dark(heatmaps: Tensor, sigma: float = 2.0) -> Tensor:
    """Distribution-aware decoding: Newton's step on the logarithm at the highest pixel (Zhang et al., CVPR 2020).

    The paper's modulation (smoothing, here with half of ``sigma``) comes first, except for peaks so near the border
    that it would bend them inward. Arguments and result as :func:`decode_argmax`.
    """
    heatmaps, blur = heatmaps.float(), sigma / 2
    smooth, plain = peaks.newton_on_log(peaks.gaussian_blur(heatmaps, blur)), peaks.newton_on_log(heatmaps)
    side = torch.tensor([heatmaps.shape[-1] - 1, heatmaps.shape[-2] - 1], device=heatmaps.device)
    gap = torch.minimum(plain, side - plain).amin(dim=-1, keepdim=True)
    return torch.where(gap < 3 * blur + 2, plain, smooth)


@decoder(
    "local-fit",
    summary="weighted least-squares fit of a Gaussian about the highest pixel",
    reference="Guo, A Simple Algorithm for Fitting a Gaussian Function, IEEE SPM 2011",
)
def decode_local_fit(heatmaps: Tensor, sigma: float = 2.0) -> Tensor:
    """Weighted least-squares fit of a Gaussian to the logarithm about the highest pixel (Guo, IEEE SPM 2011).

    Exact for a Gaussian of any width and steady under noise, since each pixel counts with its squared height; it uses
    only pixels that exist, so that landmarks at the border are as exact. Arguments and result as :func:`decode_argmax`.
    """
    return peaks.fit_log_quadratic(heatmaps.float(), radius=int(min(max(round(sigma), 2), 6)))


@codec(
    "gaussian",
    summary="Gaussians about the exact places, read by a local fit; pixel areas coincide",
    reference="this project",
)
def gaussian(size: int = 0, sigma: float = 2.0, decoder: str = "local-fit") -> HeatmapCodec:
    """Gaussians about the exact places, read by a local fit; pixel areas coincide."""
    return HeatmapCodec(size, sigma, "gaussian", decoder, "half-pixel")


@codec(
    "dark",
    summary="Gaussians about the exact places, read by the DARK decoder",
    reference="Zhang et al., Distribution-Aware Coordinate Representation, CVPR 2020",
)
def dark(size: int = 0, sigma: float = 2.0, decoder: str = "dark") -> HeatmapCodec:
    """Gaussians about the exact places, read by the DARK decoder."""
    return HeatmapCodec(size, sigma, "gaussian", decoder, "half-pixel")
