"""Adaptive wing loss on heatmaps, as published and as the original ParFace code computes it."""

from __future__ import annotations

from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from parface_bench import loss

# pixels at a time on a CPU, so that intermediate results stay in its cache
_CHUNK = 1 << 17


@loss(
    "adaptive_wing",
    on="heatmaps",
    summary="adaptive wing loss on heatmaps, as published; with the weighted loss map by weight=10",
    reference="Wang, Bo & Li, ICCV 2019, arXiv:1904.07399",
)
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

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Mean over all pixels of heatmaps [B, L, H, W]; the target is 0..1 and gets no gradient."""
        return _Mean.apply(prediction, target.detach(), self)

    def value_and_slope(self, error: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The loss at absolute errors and its derivative, element by element."""
        power = self.alpha - target
        within = error.clamp(max=self.theta)
        value, slope = self.curve(within, power, self.epsilon)
        return value + slope * (error - within), slope

    def curve(self, error: Tensor, power: Tensor, scale: float) -> tuple[Tensor, Tensor]:
        """``omega * ln(1 + (error / scale) ** power)`` and its derivative."""
        # the derivative of an error of nought is multiplied by its sign, which is nought
        error = error.clamp(min=1e-12)
        raised = ((error / scale).log() * power).exp()
        return raised.log1p() * self.omega, raised * power / ((raised + 1) * error) * self.omega


@loss(
    "adaptive_wing_parface",
    on="heatmaps",
    summary="adaptive wing loss as the original ParFace code computes it (discontinuous at theta)",
    reference="ParFace, csl_common/metrics/adaptive_wing_loss.py",
)
class AdaptiveWingParFace(AdaptiveWing):
    """Adaptive wing loss as the ParFace code computes it: errors below theta are divided by omega, not epsilon.

    At ``theta`` the loss jumps (from 0.013 to 2.9 at target 0), and errors below it get almost no gradient. For
    training with the original's recipe and for comparison with its figures.
    """

    def value_and_slope(self, error: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
        """The loss at absolute errors and its derivative, element by element."""
        line, steepness = super().value_and_slope(error.clamp(min=self.theta), target)
        value, slope = self.curve(error, self.alpha - target, self.omega)
        small = error < self.theta
        return torch.where(small, value, line), torch.where(small, slope, steepness)


class _Mean(torch.autograd.Function):
    """The mean loss with its gradient made in the same pass over the pixels."""

    @staticmethod
    def forward(ctx: Any, prediction: Tensor, target: Tensor, loss: AdaptiveWing) -> Tensor:
        # the heatmaps in the order in which they lie in memory
        order = sorted(range(prediction.dim()), key=prediction.stride().__getitem__, reverse=True)
        flat, truth = (t.permute(order).reshape(-1) for t in (prediction, target))
        weights = None
        if loss.weight:
            near_peak = F.max_pool2d(target.float(), 3, 1, 1) > 0.2
            weights = (1 + loss.weight * near_peak).permute(order).reshape(-1)
        total = torch.zeros((), dtype=torch.float64 if flat.device.type == "cpu" else torch.float32, device=flat.device)
        gradient = torch.empty_like(flat, dtype=torch.float32)
        step = _CHUNK if flat.device.type == "cpu" else len(flat)
        for at in range(0, len(flat), max(step, 1)):
            part = slice(at, at + step)
            y = truth[part].float()
            difference = flat[part].float() - y
            value, slope = loss.value_and_slope(difference.abs(), y)
            if weights is not None:
                value, slope = value * weights[part], slope * weights[part]
            total += value.sum(dtype=total.dtype)
            torch.mul(slope, difference.sign(), out=gradient[part])
        ctx.order, ctx.shape, ctx.dtype = order, [prediction.shape[axis] for axis in order], prediction.dtype
        ctx.save_for_backward(gradient)
        return (total / max(len(flat), 1)).float()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        back = sorted(range(len(ctx.order)), key=ctx.order.__getitem__)
        scaled = gradient * (upstream / max(gradient.numel(), 1))
        return scaled.reshape(ctx.shape).permute(back).to(ctx.dtype), None, None
