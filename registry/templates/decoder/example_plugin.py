"""The decoder example-plugin: here the centre of mass of a heatmap, for a start."""

from __future__ import annotations

import torch
from torch import Tensor

from parface_bench import decoder


@decoder("example-plugin", reference="where it is defined: paper, equation")
def example_plugin(heatmaps: Tensor, sigma: float = 2.0) -> Tensor:
    """Places of landmarks.

    Args:
        heatmaps: [B, L, H, W]; for maps of logits say ``@decoder(..., on="logits")``.
        sigma: width of the Gaussians that a network was trained on, heatmap pixels.

    Returns:
        float [B, L, 2] (x, y), heatmap pixels. A method uses it by name: ``--set method.decoder=example-plugin``.
    """
    weights = heatmaps / heatmaps.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    x, y = (torch.arange(side, device=heatmaps.device) for side in (heatmaps.shape[3], heatmaps.shape[2]))
    return torch.stack([(weights.sum(dim=2) * x).sum(dim=-1), (weights.sum(dim=3) * y).sum(dim=-1)], dim=-1)
