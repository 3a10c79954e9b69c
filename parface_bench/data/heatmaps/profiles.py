"""Heatmaps as products of two profiles, one along x and one along y."""

from __future__ import annotations

import torch
from torch import Tensor

from parface_bench.data.heatmaps import peaks

# A landmark that is unknown (NaN) is drawn this far away, which leaves its heatmap empty.
NOWHERE = 1e6


def by_torch(tensor: Tensor) -> bool:
    """Whether maps are made by torch: on a GPU, or where a gradient passes."""
    return tensor.device.type != "cpu" or tensor.requires_grad


def outer(profile: Tensor) -> Tensor:
    """Profiles [B, L, 2 (x, y), size] -> their products [B, L, size, size]."""
    if by_torch(profile):
        return profile[:, :, 1, :, None] * profile[:, :, 0, None, :]
    from parface_bench.data.heatmaps.gaussians import outer as by_numba  # numba takes its time, and few need it

    flat = profile.flatten(0, 1)
    maps = by_numba(flat.numpy(), threads=peaks.threads(len(flat)))
    return torch.from_numpy(maps).unflatten(0, profile.shape[:2])


def known_places(landmarks: Tensor) -> Tensor:
    """The landmarks in double precision, unknown ones far away."""
    return torch.nan_to_num(landmarks.double(), nan=-NOWHERE)


def within_reach(landmarks: Tensor, size: int, sigma: float, rounded: bool = True) -> Tensor:
    """Whether the window of a landmark touches the map; mmpose gives the others no weight. bool [B, L].

    ``rounded``: the window is about the nearest pixel, as those of MSRA and UDP; that of DARK is not.
    """
    centre = known_places(landmarks)
    if not rounded:
        return ((centre - 3 * sigma < size) & (centre + 3 * sigma + 1 >= 0)).all(dim=-1)
    centre = torch.trunc(centre + 0.5)
    start, end = torch.trunc(centre - 3 * sigma), torch.trunc(centre + 3 * sigma + 1)
    return ((start < size) & (end >= 0)).all(dim=-1)
