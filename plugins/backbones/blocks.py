"""Residual blocks of the ResNet-18 encoder and of its inverse, the decoder."""

from __future__ import annotations

import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench.methods.strided import StridedPointwise


def scaled(channels: int, width: float) -> int:
    """A channel count times the width multiplier, rounded to a multiple of 8 and at least 8."""
    return max(8, round(channels * width / 8) * 8)


def conv3x3(inputs: int, outputs: int, stride: int = 1) -> nn.Conv2d:
    """A padded 3 x 3 convolution without bias."""
    return nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)


def deconv4x4(inputs: int, outputs: int) -> nn.ConvTranspose2d:
    """A 4 x 4 transposed convolution without bias that doubles the resolution."""
    return nn.ConvTranspose2d(inputs, outputs, 4, 2, 1, bias=False)


def initialise(module: nn.Module) -> None:
    """He initialisation (fan-out) of convolutions; batch norms start as the identity."""
    for part in module.modules():
        if isinstance(part, nn.Conv2d):
            nn.init.kaiming_normal_(part.weight, mode="fan_out", nonlinearity="relu")
        elif isinstance(part, nn.BatchNorm2d):
            nn.init.ones_(part.weight)
            nn.init.zeros_(part.bias)


class Shortcut(StridedPointwise):
    """A 1 x 1 convolution without bias that takes every ``stride``-th pixel."""

    def __init__(self, inputs: int, outputs: int, stride: int) -> None:
        super().__init__(inputs, outputs, 1, stride, bias=False)


class BasicBlock(nn.Module):
    """Two 3 x 3 convolutions and a shortcut (He et al. 2016), with a leaky ReLU of the given slope."""

    def __init__(self, inputs: int, outputs: int, stride: int = 1, slope: float = 0.1) -> None:
        super().__init__()
        self.conv1 = conv3x3(inputs, outputs, stride)
        self.conv2 = conv3x3(outputs, outputs)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.downsample = None
        if stride != 1 or inputs != outputs:
            self.downsample = nn.Sequential(Shortcut(inputs, outputs, stride), nn.BatchNorm2d(outputs))
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, H / stride, W / stride]."""
        out = F.leaky_relu(self.bn1(self.conv1(x)), self.slope, inplace=True)
        out = self.bn2(self.conv2(out))
        out = out + (x if self.downsample is None else self.downsample(x))
        return F.leaky_relu(out, self.slope, inplace=True)


class InverseBlock(nn.Module):
    """The decoder's residual block: both paths begin with a transposed convolution that doubles the resolution."""

    def __init__(self, inputs: int, outputs: int, slope: float = 0.1) -> None:
        super().__init__()
        self.conv1 = deconv4x4(inputs, outputs)
        self.bn1 = nn.BatchNorm2d(outputs)
        self.bn2 = nn.BatchNorm2d(outputs)
        self.conv2 = conv3x3(outputs, outputs)
        self.upsample = nn.Sequential(deconv4x4(inputs, outputs), nn.BatchNorm2d(outputs))
        self.slope = slope

    def forward(self, x: Tensor) -> Tensor:
        """[B, inputs, H, W] -> [B, outputs, 2 H, 2 W]."""
        out = F.leaky_relu(self.bn1(self.conv1(x)), self.slope, inplace=True)
        out = self.bn2(self.conv2(out))
        return F.leaky_relu(out + self.upsample(x), self.slope, inplace=True)
