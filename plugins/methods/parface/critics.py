"""The two critics of the adversarial stages: one sees images, the other codes."""

from __future__ import annotations

import itertools

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench.plugins.backbones.blocks import scaled


class ImageCritic(nn.Module):
    """DCGAN discriminator with batch norm (D); the sigmoid of the mean over its patches.

    Args:
        image_size: side of the square images in pixels, at least 32; 128 px and more use all five halvings.
        width: multiplier of all channel counts.
    """

    def __init__(self, image_size: int = 256, width: float = 1.0) -> None:
        super().__init__()
        halvings = min(5, image_size.bit_length() - 3)
        widths = [scaled(c, width) for c in (32, 64, 128, 256, 256)[:halvings]]
        layers: list[nn.Module] = [nn.Conv2d(3, widths[0], 4, 2, 1, bias=False), nn.LeakyReLU(0.2, inplace=True)]
        for inputs, outputs in itertools.pairwise(widths):
            layers += [nn.Conv2d(inputs, outputs, 4, 2, 1, bias=False), nn.BatchNorm2d(outputs)]
            layers.append(nn.LeakyReLU(0.2, inplace=True))
        layers.append(nn.Conv2d(widths[-1], 1, 4, bias=False))
        self.main = nn.Sequential(*layers)

    def logits(self, images: Tensor) -> Tensor:
        """Images [B, 3, S, S] -> unbounded score of being real [B]."""
        return self.main(images).mean((1, 2, 3))

    def forward(self, images: Tensor) -> Tensor:
        """Images [B, 3, S, S] -> probability of being real [B]."""
        return torch.sigmoid(self.logits(images))


class CodeCritic(nn.Module):
    """Three fully connected layers with a sigmoid (D_z) that tell codes from samples of a normal distribution."""

    def __init__(self, code_size: int = 99, hidden: int = 1000) -> None:
        super().__init__()
        self.lin1 = nn.Linear(code_size, hidden)
        self.lin2 = nn.Linear(hidden, hidden)
        self.lin3 = nn.Linear(hidden, 1)

    def forward(self, z: Tensor) -> Tensor:
        """Codes [B, code_size] -> probability of being a normal sample [B, 1]."""
        return torch.sigmoid(self.lin3(F.relu(self.lin2(F.relu(self.lin1(z))))))
