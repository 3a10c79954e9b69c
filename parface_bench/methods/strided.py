"""Strided 1 x 1 convolutions that torch's own code for CPUs computes outside of its memory."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

_VECTOR = 16  # channels


class StridedPointwise(nn.Conv2d):
    """A 1 x 1 convolution that takes every ``stride``-th pixel, without padding.

    With fewer than 16 input channels the pixels are picked first: oneDNN 3.12 (of torch 2.14) writes past its memory
    in the backward pass of a strided 1 x 1 convolution of large channels-last images with less than a vector of them.
    """

    def forward(self, x: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, K, H / stride, W / stride]."""
        if not _narrow(self):
            return super().forward(x)
        down, across = self.stride
        return F.conv2d(x[:, :, ::down, ::across], self.weight, self.bias, groups=self.groups)


def use_safe_convolutions(module: nn.Module) -> None:
    """Let all such convolutions of a network be computed safely, in place; weights and names stay."""
    for part in module.modules():
        if not isinstance(part, nn.Conv2d) or type(part) is not nn.Conv2d:  # a subclass has a forward of its own
            continue
        pointwise = part.kernel_size == (1, 1) and part.padding in ((0, 0), "valid")
        if pointwise and max(part.stride) > 1 and _narrow(part):
            part.__class__ = StridedPointwise


def _narrow(part: nn.Conv2d) -> bool:
    return part.in_channels // part.groups < _VECTOR
