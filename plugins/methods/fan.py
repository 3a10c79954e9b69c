"""FAN: stacked hourglasses whose residual blocks keep every scale (Bulat & Tzimiropoulos, ICCV 2017)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench import method
from parface_bench.data.batches.batch import Batch
from parface_bench.data.heatmaps.codecs import HeatmapCodec, confidence
from parface_bench.faces import Schema
from parface_bench.methods.heads import heatmap_loss
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.plugins.methods.weights import load_fan
from parface_bench.registry import LOSSES, UserError


class MultiScaleBlock(nn.Module):
    """Three 3x3 convolutions in a row, of 1/2, 1/4 and 1/4 of the channels, side by side; plus the input."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), _conv3(before, after // 2)
        self.bn2, self.conv2 = nn.BatchNorm2d(after // 2), _conv3(after // 2, after // 4)
        self.bn3, self.conv3 = nn.BatchNorm2d(after // 4), _conv3(after // 4, after // 4)
        self.downsample = None
        if before != after:
            skip = nn.Conv2d(before, after, 1, bias=False)
            self.downsample = nn.Sequential(nn.BatchNorm2d(before), nn.ReLU(), skip)

    def forward(self, x: Tensor) -> Tensor:
        """[B, before, H, W] -> [B, after, H, W]."""
        half = self.conv1(F.relu(self.bn1(x)))
        quarter = self.conv2(F.relu(self.bn2(half)))
        last = self.conv3(F.relu(self.bn3(quarter)))
        return torch.cat([half, quarter, last], dim=1) + (x if self.downsample is None else self.downsample(x))


class Hourglass(nn.Module):
    """Down by average pooling and up by repetition, ``depth`` times, with a branch beside each step."""

    def __init__(self, depth: int, width: int) -> None:
        super().__init__()
        self.depth = depth
        for level in range(depth, 0, -1):
            for branch in ("b1", "b2", "b3") if level > 1 else ("b1", "b2", "b2_plus", "b3"):
                self.add_module(f"{branch}_{level}", MultiScaleBlock(width, width))

    def forward(self, x: Tensor, level: int = 0) -> Tensor:
        """[B, C, H, W] -> the same shape; H and W are divisible by 2 ** depth."""
        level = level or self.depth
        beside = self.get_submodule(f"b1_{level}")(x)
        low = self.get_submodule(f"b2_{level}")(F.avg_pool2d(x, 2))
        low = self(low, level - 1) if level > 1 else self.get_submodule("b2_plus_1")(low)
        low = self.get_submodule(f"b3_{level}")(low)
        return beside + F.interpolate(low, scale_factor=2.0, mode="nearest")


class StackedHourglass(nn.Module):
    """The network; its state dict has the names of the published weights.

    Args:
        landmarks: heatmaps to give.
        stacks: hourglasses one after the other.
        width: channels.
        depth: halvings within an hourglass.
    """

    def __init__(self, landmarks: int = 68, stacks: int = 4, width: int = 256, depth: int = 4) -> None:
        super().__init__()
        self.stacks = stacks
        self.conv1 = nn.Conv2d(3, width // 4, 7, stride=2, padding=3)
        self.bn1 = nn.BatchNorm2d(width // 4)
        self.conv2 = MultiScaleBlock(width // 4, width // 2)
        self.conv3 = MultiScaleBlock(width // 2, width // 2)
        self.conv4 = MultiScaleBlock(width // 2, width)
        for i in range(stacks):
            self.add_module(f"m{i}", Hourglass(depth, width))
            self.add_module(f"top_m_{i}", MultiScaleBlock(width, width))
            self.add_module(f"conv_last{i}", nn.Conv2d(width, width, 1))
            self.add_module(f"bn_end{i}", nn.BatchNorm2d(width))
            self.add_module(f"l{i}", nn.Conv2d(width, landmarks, 1))
            if i < stacks - 1:
                self.add_module(f"bl{i}", nn.Conv2d(width, width, 1))
                self.add_module(f"al{i}", nn.Conv2d(landmarks, width, 1))

    def forward(self, images: Tensor) -> list[Tensor]:
        """RGB in 0..1, [B, 3, S, S] -> heatmaps of each stack, [B, L, S / 4, S / 4]."""
        part = self.get_submodule
        x = F.relu(self.bn1(self.conv1(images)))
        x = self.conv4(self.conv3(F.avg_pool2d(self.conv2(x), 2)))
        heatmaps = []
        for i in range(self.stacks):
            features = part(f"top_m_{i}")(part(f"m{i}")(x))
            features = F.relu(part(f"bn_end{i}")(part(f"conv_last{i}")(features)))
            heatmaps.append(part(f"l{i}")(features))
            if i < self.stacks - 1:
                x = x + part(f"bl{i}")(features) + part(f"al{i}")(heatmaps[-1])
        return heatmaps


@method(
    "fan",
    summary="FAN: stacked hourglasses, each supervised with heatmaps; the authors' weights load by path",
    reference="Bulat & Tzimiropoulos, How far are we from solving face alignment, ICCV 2017, arXiv:1703.07332",
)
class FAN(TrainableMethod):
    """Every stack gives heatmaps and is trained towards Gaussians; the last one's are read.

    An hourglass goes down to a few pixels, where it sees the whole face, and back up to where it began, so that each
    place knows of all others. The next one sees the heatmaps of the one before beside the features, and corrects
    them. All are held to the same target, which also brings the gradient straight into the first stacks.

    Args:
        schema: landmarks to find.
        image_size: side of the crop in pixels.
        stacks, width, depth: of the hourglasses; the paper has 4 of 256 channels and 4 halvings.
        sigma: of the target Gaussians, in heatmap pixels.
        loss, loss_options: heatmap loss of each stack ('heatmap_mse' in the paper, 'adaptive_wing', ...).
        codec, decoder: how landmarks become heatmaps and come back, as of the method 'heatmap'.
        weights: the authors' file of 4 stacks, to start from; ``kind`` says which one ('2d' or '3da-2d').
        check: hold that file to its published checksum.
    """

    def __init__(
        self,
        schema: Schema,
        image_size: int = 256,
        stacks: int = 4,
        width: int = 256,
        depth: int = 4,
        sigma: float = 1.0,
        loss: str = "heatmap_mse",
        loss_options: Mapping[str, Any] | None = None,
        codec: str = "gaussian",
        decoder: str = "",
        weights: str = "",
        kind: str = "2d",
        check: bool = True,
    ) -> None:
        super().__init__()
        if image_size % (4 * 2**depth):
            raise UserError(f"fan: image_size {image_size} must be a multiple of {4 * 2**depth}, or take a lower depth")
        self.network = StackedHourglass(len(schema), stacks, width, depth)
        if weights:
            load_fan(self.network, weights, kind, check)
            self.trained_on = ("300w-lp", "300w:train")
        self.codec = HeatmapCodec.named(codec, decoder=decoder, size=image_size // 4, sigma=sigma)
        self.loss_fn = LOSSES.build(loss, **(loss_options or {}))

    def forward(self, images: Tensor) -> list[Tensor]:
        """[B, 3, S, S] -> heatmaps [B, L, S / 4, S / 4] of each stack."""
        return self.network(images)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The heatmap loss of every stack, over the landmarks that were annotated."""
        stacks = enumerate(self(batch.images), 1)
        return {f"stack{i}": heatmap_loss(self.loss_fn, maps, batch) for i, maps in stacks}

    def decode(self, output: list[Tensor]) -> Tensor:
        """Peaks of the last stack's heatmaps in crop pixels [B, L, 2]."""
        return self.codec.decode(output[-1], self.image_size)

    def confidences(self, output: list[Tensor]) -> Tensor:
        """Height of the last stack's peaks [B, L]."""
        return confidence(output[-1])


def _conv3(before: int, after: int) -> nn.Conv2d:
    return nn.Conv2d(before, after, 3, padding=1, bias=False)
