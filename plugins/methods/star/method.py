"""STAR: stacked hourglasses with edge maps, whose errors are measured along their own ambiguity (Zhou, CVPR 2023)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from parface_bench import method
from parface_bench.data.batches.batch import Batch
from parface_bench.data.heatmaps.codecs import confidence
from parface_bench.faces import Schema
from parface_bench.methods.heads import annotated
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.plugins.losses.star import ellipse
from parface_bench.plugins.methods.star.labels import edge_maps, edges, point_maps
from parface_bench.plugins.methods.star.network import Maps, StackedHourglass
from parface_bench.registry import LOSSES, UserError


@method(
    "star",
    summary="STAR: stacked hourglasses, maps of landmarks and edges, errors along each landmark's own ambiguity",
    reference="Zhou et al., STAR Loss, CVPR 2023, arXiv:2306.02763; Huang et al., ADNet, ICCV 2021, arXiv:2109.05721",
)
class STAR(TrainableMethod):
    """Heatmaps, gated by maps of the landmarks and of the edges they lie on; the mean of what is left is the landmark.

    Who labels a point of the jaw knows well how far out it is, and hardly how far along. The loss 'star' reads this
    off the heatmap, which is long in the ambiguous direction, and counts errors in that direction less. Every stack
    learns all three: where the mean should be ('star'), and how both kinds of maps should look (adaptive wing). A
    stack counts half as much as the one after it.

    Args:
        schema: landmarks to find; the lines drawn through them are the edges.
        image_size: side of the crop in pixels.
        stacks, width, depth: of the hourglasses; 4 of 256 channels and 4 halvings in the paper.
        labels: 'exact': a landmark's place is that of the heatmap's own grid; 'published': crop coordinates that do not
            fit this grid, by up to 2 px of 256, and dots at whole pixels.
        star: options of the loss 'star'.
        points_weight, edges_weight: of the adaptive wing losses of the maps of landmarks and of edges.
    """

    def __init__(
        self,
        schema: Schema,
        image_size: int = 256,
        stacks: int = 4,
        width: int = 256,
        depth: int = 4,
        labels: str = "exact",
        star: Mapping[str, Any] | None = None,
        points_weight: float = 10.0,
        edges_weight: float = 10.0,
    ) -> None:
        super().__init__()
        if image_size % (4 * 2**depth):
            raise UserError(f"star: image_size {image_size} must be a multiple of {4 * 2**depth}, or depth lower")
        if labels not in ("exact", "published"):
            raise UserError(f"star: labels {labels!r} do not exist; known: exact, published")
        self.lines = edges(schema)
        lies = torch.zeros(len(schema), len(self.lines))
        for edge, line in enumerate(self.lines):
            lies[line.landmarks, edge] = 1
        self.network = StackedHourglass(lies, stacks, width, depth)
        self.published, self.points_weight, self.edges_weight = labels == "published", points_weight, edges_weight
        self.star = LOSSES.build("star", **(star or {}))
        self.wing = LOSSES.build("adaptive_wing", weight=10)

    def forward(self, images: Tensor) -> list[Maps]:
        """[B, 3, S, S] -> the maps of each stack, [B, ., S / 4, S / 4]."""
        return self.network(images.flip(1) * 2 - 1)

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Means, landmark maps and edge maps of every stack, summed with 1, 1/2, 1/4, ... from the last one on.

        Landmarks outside the crop count as on its border, as the authors' do.
        """
        stacks, points, known = self(batch.images), batch.points[..., :2], annotated(batch)
        dots = point_maps(points, batch.size, self.published) * known
        drawn = edge_maps(points, self.lines, batch.size)
        whole = (known[..., 0, 0] @ self.network.lies == self.network.lies.sum(dim=0)).to(known)[..., None, None]
        target = self.to_maps(points, batch.size)
        total = dict.fromkeys(("star", "points", "edges") if self.lines else ("star", "points"), target.new_zeros(()))
        for maps, weight in zip(stacks, (0.5**i for i in range(len(stacks) - 1, -1, -1)), strict=True):
            total["star"] = total["star"] + weight * self.star(maps.fused, target)
            total["points"] = total["points"] + weight * self.points_weight * self.wing(maps.point * known, dots)
            if self.lines:
                total["edges"] = total["edges"] + weight * self.edges_weight * self.wing(maps.edge * whole, drawn)
        return total

    def to_maps(self, points: Tensor, size: int) -> Tensor:
        """Crop pixels to heatmap pixels [B, L, 2]."""
        if self.published:
            return ((2 * points + 1) / size).clamp(0, 2) * (size // 4 - 1) / 2
        return (points + 0.5) / 4 - 0.5

    def decode(self, output: list[Maps]) -> Tensor:
        """The means of the last stack's maps in crop pixels [B, L, 2]."""
        place = ellipse(output[-1].fused).mean
        if self.published:
            return ((place + 1) * self.image_size - 1) / 2
        return ((place + 1) * (self.image_size // 4 - 1) / 2 + 0.5) * 4 - 0.5

    def confidences(self, output: list[Maps]) -> Tensor:
        """Height of the landmark maps of the last stack [B, L]."""
        return confidence(output[-1].point)
