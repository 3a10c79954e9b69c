"""SimCC's labels over bins along x and y, and what reads them (Li et al., ECCV 2022; mmpose 1.x)."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from parface_bench import codec, decoder, encoder
from parface_bench.data.heatmaps.simcc import SimCC

_SIMCC = "Li et al., SimCC, ECCV 2022, arXiv:2107.03332"
_MMPOSE = "mmpose 1.x, Apache-2.0, https://github.com/open-mmlab/mmpose"


@encoder("simcc-gaussian", on="bins", rounded=True, summary="Gaussian labels about the nearest bin", reference=_SIMCC)
def encode_gaussian(places: Tensor, bins: int, codec: SimCC) -> tuple[Tensor, Tensor]:
    """Labels about whole bins; a landmark is there where a part of its label is.

    Args:
        places: float64 [B, L, 2] (x, y), bins, rounded.
        bins: along one side of the crop.
        codec: its ``sigma`` and ``normalise`` are used.

    Returns:
        float64 [B, L, 2, bins], and bool [B, L].
    """
    place, reach = torch.arange(bins, dtype=torch.float64, device=places.device), 3 * codec.sigma
    there = ((places - reach < bins) & (places + reach + 1 >= 0)).all(dim=-1)
    labels = torch.exp(-((place - places[..., None]) ** 2) / (2 * codec.sigma**2))
    return labels / (codec.sigma * (2 * torch.pi) ** 0.5) if codec.normalise else labels, there


@encoder(
    "simcc-smoothed", on="bins", rounded=True, summary="the nearest bin, smoothed over the others", reference=_SIMCC
)
def encode_smoothed(places: Tensor, bins: int, codec: SimCC) -> tuple[Tensor, Tensor]:
    """One bin, and ``smoothing`` shared out among the others. Arguments and result as :func:`encode_gaussian`."""
    place = torch.arange(bins, dtype=torch.float64, device=places.device)
    there = ((places >= 0) & (places < bins)).all(dim=-1)
    return torch.where(place == places[..., None], 1 - codec.smoothing, codec.smoothing / (bins - 1)), there


@decoder("simcc-argmax", on="bins", summary="the highest bins", reference=_SIMCC)
def decode_argmax(scores: Tensor, codec: SimCC) -> Tensor:
    """Scores [B, L, 2 (x, y), bins] -> the highest bins [B, L, 2]."""
    return scores.argmax(dim=-1).to(scores.dtype)


@decoder(
    "simcc-argmax-mmpose", on="bins", summary="the highest bins, none where no score is positive", reference=_MMPOSE
)
def decode_argmax_mmpose(scores: Tensor, codec: SimCC) -> Tensor:
    """Scores that are nowhere positive are taken for no landmark, placed one bin left of and above the crop."""
    return torch.where(scores.amax(dim=-1).amin(dim=-1, keepdim=True) <= 0, -1.0, decode_argmax(scores, codec))


@decoder(
    "simcc-expectation", on="bins", summary="expectation of the softmax within 3 sigma of the highest bin",
    reference="this project",
)  # fmt: skip
def decode_expectation(scores: Tensor, codec: SimCC) -> Tensor:
    """Scores [B, L, 2 (x, y), bins] -> places [B, L, 2] in bins; the softmax is of ``beta`` times the scores."""
    best = scores.argmax(dim=-1)
    bins = torch.arange(scores.shape[-1], device=scores.device, dtype=torch.float32)
    # as far to one side as to the other, so that the border does not bend it
    room = torch.minimum(best, scores.shape[-1] - 1 - best).clamp(max=round(3 * codec.sigma))
    near = (bins - best[..., None]).abs() <= room[..., None]
    weights = torch.where(near, codec.beta * scores.float(), -torch.inf).softmax(dim=-1)
    return (weights * bins).sum(dim=-1)


@decoder(
    "simcc-dark-mmpose", on="bins", summary="Newton's step on the logarithm of smoothed scores, far off at the border",
    reference=_MMPOSE,
)  # fmt: skip
def decode_dark_mmpose(scores: Tensor, codec: SimCC) -> Tensor:
    """Scores [B, L, 2 (x, y), bins] -> places [B, L, 2] in bins, as mmpose has it."""
    best = scores.argmax(dim=-1)
    kernel = int((20 * codec.sigma - 7) // 3)
    kernel -= 1 - kernel % 2
    place = torch.arange(kernel, dtype=torch.float64, device=scores.device) - (kernel - 1) / 2
    profile = torch.exp(-(place**2) / (2 * (0.3 * ((kernel - 1) * 0.5 - 1) + 0.8) ** 2))
    rows = scores.double().flatten(0, -2)[:, None]
    smooth = F.conv1d(rows, (profile / profile.sum()).view(1, 1, -1), padding=kernel // 2)[:, 0].view(scores.shape)
    height = scores.double().amax(dim=-1, keepdim=True)
    smooth = smooth * height / smooth.amax(dim=-1, keepdim=True)
    log = F.pad(smooth.clamp(1e-3, 50.0).log().flatten(0, -2), (2, 2), mode="replicate").unflatten(0, best.shape)
    s = [log.gather(-1, (best + 2 + step)[..., None])[..., 0] for step in (-2, -1, 0, 1, 2)]
    slope, bend = (s[3] - s[1]) / 2, (s[4] - 2 * s[2] + s[0]) / 4 + 1e-9
    return (best - slope / bend).to(scores.dtype)


@codec("simcc", on="bins", summary="x and y as two classifications over bins, half a pixel wide", reference=_SIMCC)
def simcc(
    split: float = 2.0,
    sigma: float = 5.66,
    label: str = "gaussian",
    normalise: bool = False,
    smoothing: float = 0.0,
    decoder: str = "argmax",
    beta: float = 10.0,
) -> SimCC:
    """See :class:`parface_bench.data.heatmaps.simcc.SimCC`."""
    return SimCC(split, sigma, label, normalise, smoothing, decoder, beta)
