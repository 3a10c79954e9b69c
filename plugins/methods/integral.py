"""Integral regression: the expectation of each heatmap is the landmark, so coordinates are learned end to end."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from parface_bench import method
from parface_bench.data.batches.batch import Batch
from parface_bench.faces import Schema
from parface_bench.methods.heads import PyramidHead, annotated, known
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import BACKBONES, LOSSES


@method(
    "integral",
    summary="soft-argmax of heatmaps, trained on coordinates with variance regularisation",
    reference="Sun et al., Integral Human Pose Regression, ECCV 2018; Nibali et al., DSNT, arXiv:1801.07372",
)
class Integral(TrainableMethod):
    """Soft-argmax (Sun et al., ECCV 2018) with the spread of each heatmap held near a target (Nibali et al., 2018).

    A softmax makes each map a probability of where its landmark is; the mean of that is the answer. The mean has a
    gradient, so the loss is on coordinates and no target heatmap is drawn, and it may lie between pixels. It does not
    tell one sharp peak from two far apart, though: hence the second term, which holds the map's standard deviation
    near ``sigma``.

    Args:
        schema: landmarks to find.
        backbone, backbone_options: any registered backbone (every timm name) and its own arguments.
        width: channels of the head.
        stride: crop pixels a heatmap pixel.
        loss, loss_options: coordinate loss in heatmap pixels ('wing', 'smooth_l1', 'l1'), or a loss of maps against
            coordinates ('star', which holds the spread itself: set ``regularisation`` to 0 with it).
        sigma: wanted standard deviation of each heatmap, in heatmap pixels.
        regularisation: weight of the squared error of the standard deviations, heatmap pixels squared.
    """

    def __init__(
        self,
        schema: Schema,
        backbone: str = "resnet18",
        backbone_options: Mapping[str, Any] | None = None,
        width: int = 128,
        stride: int = 4,
        loss: str = "smooth_l1",
        loss_options: Mapping[str, Any] | None = None,
        sigma: float = 1.0,
        regularisation: float = 0.1,
    ) -> None:
        super().__init__()
        self.features = BACKBONES.build(backbone, **(backbone_options or {}), features_only=True)
        self.head = PyramidHead(self.features.channels, self.features.reductions, len(schema), width, stride)
        self.loss_fn = LOSSES.build(loss, **(loss_options or {}))
        self.of_maps = LOSSES.spec(loss).on == "distributions"
        self.stride, self.sigma, self.regularisation = stride, sigma, regularisation

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> probabilities [B, L, h, w] that sum to one over each heatmap."""
        scores = self.head(self.features((images - 0.5) / 0.25)).float()
        return scores.flatten(2).softmax(dim=-1).view_as(scores)

    def expectation(self, maps: Tensor) -> tuple[Tensor, Tensor]:
        """Mean place [B, L, 2] and variance along x and y [B, L, 2] of each map, in heatmap pixels."""
        x = torch.arange(maps.shape[-1], device=maps.device, dtype=maps.dtype)
        y = torch.arange(maps.shape[-2], device=maps.device, dtype=maps.dtype)
        along_x, along_y = maps.sum(dim=-2), maps.sum(dim=-1)
        mean = torch.stack([along_x @ x, along_y @ y], dim=-1)
        spread_x = (along_x * (x - mean[..., :1]).square()).sum(dim=-1)
        spread_y = (along_y * (y - mean[..., 1:]).square()).sum(dim=-1)
        return mean, torch.stack([spread_x, spread_y], dim=-1)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Coordinate loss over the annotated landmarks, and the distance of the maps' spread from its target."""
        maps = self(batch.images)
        mean, variance = self.expectation(maps)
        predicted, target = known(self.to_crop(mean), batch)
        spread = ((variance.clamp_min(1e-4).sqrt() - self.sigma).square() * annotated(batch)[..., 0]).mean()
        if self.of_maps:
            points = self.loss_fn(maps, (batch.points[..., :2] + 0.5) / self.stride - 0.5)
        else:
            points = self.loss_fn(predicted / self.stride, target / self.stride)
        return {
            "points": points,
            "spread": self.regularisation * spread,
        }

    def to_crop(self, places: Tensor) -> Tensor:
        """Heatmap pixels to crop pixels: the centre of a heatmap pixel is the centre of its block."""
        return (places + 0.5) * self.stride - 0.5

    def confidences(self, output: Tensor) -> Tensor:
        """One over one more than the maps' standard deviation in heatmap pixels [B, L]."""
        return 1 / (1 + self.expectation(output)[1].clamp_min(0).sum(dim=-1).sqrt())

    def decode(self, output: Tensor) -> Tensor:
        """The maps' means in crop pixels [B, L, 2]."""
        return self.to_crop(self.expectation(output)[0])
