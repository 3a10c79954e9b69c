"""Losses between images, heatmaps or coordinates that compare element by element."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench import loss


@loss(
    "l1",
    on="images",
    summary="mean absolute difference, times 255: in grey levels",
    reference="the usual definition; the factor is that of 3FabRec and ParFace",
)
class L1(nn.Module):
    """Mean absolute difference times ``scale``; 255 gives grey levels, as the original's reconstruction loss."""

    def __init__(self, scale: float = 255.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Tensors of equal shape -> scalar."""
        return F.l1_loss(prediction, target) * self.scale


@loss(
    "l2",
    on="images",
    summary="mean squared difference",
    reference="the usual definition",
)
class L2(nn.Module):
    """Mean squared difference times ``scale``."""

    def __init__(self, scale: float = 1.0) -> None:
        super().__init__()
        self.scale = scale

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Tensors of equal shape -> scalar."""
        return F.mse_loss(prediction, target) * self.scale


@loss(
    "heatmap_mse",
    on="heatmaps",
    summary="mean squared difference of heatmaps, without landmarks that are not visible",
    reference="Tompson et al., NeurIPS 2014, arXiv:1406.2984",
)
class HeatmapMSE(nn.Module):
    """Mean squared difference of heatmaps; landmarks that are not visible do not count."""

    def forward(self, prediction: Tensor, target: Tensor, visible: Tensor | None = None) -> Tensor:
        """Heatmaps [B, L, H, W] (and visible [B, L], 0 or 1) -> scalar."""
        squares = (prediction - target).square().mean((2, 3))
        return squares.mean() if visible is None else weighted_mean(squares, visible)


@loss(
    "smooth_l1",
    on="landmarks",
    summary="smooth L1 on coordinates",
    reference="Girshick, Fast R-CNN, ICCV 2015",
)
class SmoothL1(nn.Module):
    """Smooth L1 (Girshick, ICCV 2015) on coordinates: quadratic below ``beta``, linear beyond it."""

    def __init__(self, beta: float = 1.0) -> None:
        super().__init__()
        self.beta = beta

    def forward(self, prediction: Tensor, target: Tensor, visible: Tensor | None = None) -> Tensor:
        """Coordinates [B, L, D] (and visible [B, L]) -> scalar."""
        loss = F.smooth_l1_loss(prediction, target, reduction="none", beta=self.beta)
        return loss.mean() if visible is None else weighted_mean(loss.mean(-1), visible)


@loss(
    "wing",
    on="landmarks",
    summary="wing loss on coordinates: logarithmic for small errors",
    reference="Feng et al., CVPR 2018, arXiv:1711.06753",
)
class Wing(nn.Module):
    """Wing loss on coordinates (Feng et al., CVPR 2018, arXiv:1711.06753): logarithmic below ``omega``, then linear.

    Args:
        omega, epsilon: range and curvature of the logarithmic part, in the coordinates' unit (pixels in the paper).
    """

    def __init__(self, omega: float = 10.0, epsilon: float = 2.0) -> None:
        super().__init__()
        self.omega, self.epsilon = omega, epsilon

    def forward(self, prediction: Tensor, target: Tensor, visible: Tensor | None = None) -> Tensor:
        """Coordinates [B, L, D] (and visible [B, L]) -> scalar."""
        error = (prediction - target).abs()
        offset = self.omega - self.omega * torch.log1p(torch.tensor(self.omega / self.epsilon)).item()
        near = self.omega * torch.log1p(error / self.epsilon)
        loss = torch.where(error < self.omega, near, error - offset)
        return loss.mean() if visible is None else weighted_mean(loss.mean(-1), visible)


def weighted_mean(values: Tensor, weights: Tensor) -> Tensor:
    """Mean of ``values`` with ``weights`` of the same shape; 0 where all weights are 0."""
    weights = weights.to(values.dtype)
    return (values * weights).sum() / weights.sum().clamp_min(1e-12)
