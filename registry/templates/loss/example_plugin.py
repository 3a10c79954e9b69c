"""The loss example-plugin: here the mean distance between landmarks, for a start."""

from __future__ import annotations

from torch import Tensor, nn

from parface_bench import loss


@loss("example-plugin", on="landmarks", reference="where it is defined: paper, equation")
class ExamplePlugin(nn.Module):
    """Mean distance between predicted and true landmarks.

    Args:
        weight: factor of the loss.
    """

    def __init__(self, weight: float = 1.0) -> None:
        super().__init__()
        self.weight = weight

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Scalar loss of two [B, L, 2] tensors of crop pixels."""
        # the small number keeps the gradient finite where a landmark is met exactly
        return self.weight * ((prediction - target).square().sum(dim=-1) + 1e-12).sqrt().mean()
