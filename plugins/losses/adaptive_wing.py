"""Adaptive wing loss on heatmaps, as published and as the original ParFace code computes it."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class AdaptiveWing(nn.Module):
    """Adaptive wing loss (Wang, Bo & Li, ICCV 2019, arXiv:1904.07399, equations 3 to 6).

    ``omega * ln(1 + (d / epsilon) ** (alpha - y))`` for errors ``d < theta`` at target value ``y``, beyond that the
    straight line that continues it with the same value and slope.

    Args:
        alpha, omega, epsilon, theta: the paper's parameters.
        weight: weight of the paper's loss map, which lays stress on pixels on and around the peaks: pixels where the
            3 x 3-dilated target exceeds 0.2 count ``1 + weight`` times (10 in the paper); 0 = no map.
    """

    def __init__(
        self, alpha: float = 2.1, omega: float = 14.0, epsilon: float = 1.0, theta: float = 0.5, weight: float = 0.0
    ) -> None:
        super().__init__()
        self.alpha, self.omega, self.epsilon, self.theta, self.weight = alpha, omega, epsilon, theta, weight

    def curve(self, small: Tensor, power: Tensor) -> Tensor:
        """The loss of errors below theta."""
        return self.omega * torch.log1p((small / self.epsilon) ** power)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Mean over all pixels of heatmaps [B, L, H, W]; the target is 0..1 and gets no gradient."""
        prediction, target = prediction.float(), target.detach().float()
        error = (prediction - target).abs()
        power = self.alpha - target
        ratio = self.theta / self.epsilon
        at_theta = ratio**power
        slope = self.omega / (1 + at_theta) * power * at_theta / self.theta
        line = self.omega * torch.log1p(at_theta) + slope * (error - self.theta)
        # the curve sees no large error, so that its unused branch cannot make the gradient infinite
        loss = torch.where(error < self.theta, self.curve(error.clamp(max=self.theta), power), line)
        if self.weight:
            loss = loss * (1 + self.weight * (F.max_pool2d(target, 3, 1, 1) > 0.2))
        return loss.mean()


class AdaptiveWingParFace(AdaptiveWing):
    """Adaptive wing loss as the ParFace code computes it: errors below theta are divided by omega, not epsilon.

    At ``theta`` the loss jumps (from 0.013 to 2.9 at target 0), and errors below it get almost no gradient. For
    training with the original's recipe and for comparison with its figures.
    """

    def curve(self, small: Tensor, power: Tensor) -> Tensor:
        """The loss of errors below theta."""
        return self.omega * torch.log1p((small / self.omega) ** power)
