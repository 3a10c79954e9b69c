"""A small residual feature pyramid in plain torch, quick to import: the network of the model in the package."""

from __future__ import annotations

from collections.abc import Sequence

import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench import backbone
from parface_bench.plugins.backbones.blocks import BasicBlock, conv3x3, initialise
from parface_bench.registry import UserError


@backbone(
    "compact",
    summary="a residual feature pyramid of about a million parameters, without timm's import time",
    reference="He et al., Deep Residual Learning for Image Recognition, CVPR 2016, arXiv:1512.03385",
)
class Compact(nn.Module):
    """A ResNet (He et al., CVPR 2016) of basic blocks behind three 3 x 3 convolutions, feature maps from stride 4 on.

    Args:
        features_only: feature maps, which is all that this backbone gives; the methods ask for them.
        channels: of the stages at strides 4, 8, 16, ...
        layers: basic blocks of each stage.
        stem: channels of the first two convolutions.
        standardise: take each image's own mean off each of its colours and divide by its own deviation, so that
            exposure, contrast and colour cast do not reach the features.

    Attributes:
        channels, reductions: of the feature maps, finest first.

    Raises:
        UserError: channels and layers of different length, or no feature maps asked for.
    """

    def __init__(
        self,
        features_only: bool = True,
        channels: Sequence[int] = (32, 64, 128, 192),
        layers: Sequence[int] = (1, 1, 1, 1),
        stem: int = 16,
        standardise: bool = True,
    ) -> None:
        super().__init__()
        if not features_only:
            raise UserError("backbone 'compact' gives feature maps only; take another for one vector (resnet18)")
        if not channels or len(channels) != len(layers) or min(layers) < 1:
            raise UserError(
                f"backbone 'compact': channels {list(channels)} and layers {list(layers)} must be as many, each at "
                "least 1"
            )
        self.channels = list(channels)
        self.reductions = [4 * 2**i for i in range(len(channels))]
        self.standardise = standardise
        self.stem = nn.Sequential(_step(3, stem, 2), _step(stem, stem), _step(stem, channels[0]))
        self.stages = nn.ModuleList()
        inputs = channels[0]
        for number, (outputs, blocks) in enumerate(zip(channels, layers, strict=True)):
            first = BasicBlock(inputs, outputs, 2 if number else 1, slope=0.0)
            self.stages.append(
                nn.Sequential(first, *(BasicBlock(outputs, outputs, slope=0.0) for _ in range(1, blocks)))
            )
            inputs = outputs
        initialise(self)

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, 3, S, S] -> feature maps [B, C, S / r, S / r], finest first."""
        if self.standardise:
            mean = images.mean(dim=(2, 3), keepdim=True)
            images = (images - mean) / (images.var(dim=(2, 3), keepdim=True) + 1e-3).sqrt()
        x = F.max_pool2d(self.stem(images), 3, 2, 1)
        maps = []
        for stage in self.stages:
            x = stage(x)
            maps.append(x)
        return maps


def _step(inputs: int, outputs: int, stride: int = 1) -> nn.Module:
    return nn.Sequential(conv3x3(inputs, outputs, stride), nn.BatchNorm2d(outputs), nn.ReLU(inplace=True))
