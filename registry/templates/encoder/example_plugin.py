"""The encoder example-plugin: here Gaussians of half the height, for a start."""

from __future__ import annotations

import torch
from torch import Tensor

from parface_bench import encoder


@encoder("example-plugin", reference="where it is defined: paper, equation")
def example_plugin(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """Heatmaps of landmarks.

    Args:
        landmarks: [B, L, 2] (x, y), heatmap pixels; the map of an unknown one (NaN) is empty.
        size: side of the maps.
        sigma: width of what is drawn, heatmap pixels.

    Returns:
        float32 [B, L, size, size]. A codec uses it by name: ``HeatmapCodec(encoder="example-plugin")``.
    """
    pixels = torch.arange(size, device=landmarks.device)
    distance = (pixels - landmarks.float().nan_to_num(1e6)[..., None]).square()  # [B, L, 2, size]
    x, y = (-distance / (2 * sigma**2)).exp().unbind(dim=2)
    return 0.5 * y[..., :, None] * x[..., None, :]
