"""The original ParFace code's heatmaps: 128 pixels for any crop, sigma 7, whole pixels."""

from __future__ import annotations

import torch
from torch import Tensor

from parface_bench import codec, decoder, encoder
from parface_bench.data.heatmaps import peaks
from parface_bench.data.heatmaps.codecs import HeatmapCodec
from parface_bench.data.heatmaps.profiles import NOWHERE, outer


@encoder(
    "parface",
    rounded=True,
    summary="a template of int(5 sigma) pixels pasted at whole pixels, as the original ParFace code",
    reference="ParFace, landmarks/lmutils.py",
)
def encode_parface(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """The original ParFace code's heatmaps: a template of int(5 sigma) pixels pasted at whole pixels.

    Kept because its networks were trained with it. The peak is at floor(p + 0.5), one more where the template starts
    left of or above the map (truncation toward zero); landmarks beyond the right or bottom side are moved onto it.
    Arguments and result as :func:`encode_gaussian`.
    """
    side = int(5 * sigma)
    centres = torch.nan_to_num(landmarks.double(), nan=-NOWHERE).clamp(-NOWHERE, size - 1)
    start = torch.trunc(centres - side / 2).long()
    # the template between two zeros, which stand for all pixels before and after it
    inside = torch.arange(-1, side + 1, dtype=torch.float64, device=landmarks.device)
    template = torch.exp(-((inside - (side + 1) // 2) ** 2) / (2.0 * sigma**2))
    template[[0, -1]] = 0
    pixels = torch.arange(size, device=landmarks.device)
    which = (pixels + 1 - start[..., None]).clamp_(0, side + 1)
    return outer(template.float().index_select(0, which.flatten()).view(which.shape))


@decoder(
    "parface",
    summary="the highest pixel after smoothing with a 9 x 9 box, as the original ParFace code evaluates",
    reference="ParFace, landmarks/lmutils.py",
)
def decode_parface(heatmaps: Tensor, sigma: float = 0.0) -> Tensor:
    """The highest pixel after smoothing with a 9 x 9 box, as the original ParFace code evaluates.

    Arguments and result as :func:`decode_argmax`.
    """
    return peaks.unravel(peaks.smoothed_argmax(heatmaps, radius=4), heatmaps.shape[-1]).to(peaks.real(heatmaps))


@codec(
    "parface",
    summary="the original ParFace code's heatmaps of 128 pixels and their decoding",
    reference="ParFace, landmarks/lmutils.py",
)
def parface(size: int = 128, sigma: float = 7.0, decoder: str = "parface") -> HeatmapCodec:
    """The original ParFace code's heatmaps of 128 pixels and their decoding."""
    return HeatmapCodec(size, sigma, "parface", decoder, "corner")
