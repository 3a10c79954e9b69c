"""SimCC with RTMPose's head: a landmark's x and y are found by classification over half-pixel bins."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from parface_bench import method
from parface_bench.data.batches.batch import Batch
from parface_bench.data.heatmaps.simcc import SimCC
from parface_bench.faces import Schema
from parface_bench.methods.heads import annotated
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import BACKBONES, LOSSES, UserError


class ScaleNorm(nn.Module):
    """A vector over its root mean square, times one learned number (Nguyen & Salazar, IWSLT 2019)."""

    def __init__(self) -> None:
        super().__init__()
        self.g = nn.Parameter(torch.ones(1))

    def forward(self, x: Tensor) -> Tensor:
        """[..., D] -> the same shape."""
        return x / (x.norm(dim=-1, keepdim=True) * x.shape[-1] ** -0.5).clamp_min(1e-5) * self.g


class GatedAttention(nn.Module):
    """The gated attention unit (Hua et al., ICML 2022) over landmarks: squared ReLU in place of a softmax.

    Args:
        width: of a landmark's vector.
        expansion: of the gated values.
        key: length of queries and keys.
    """

    def __init__(self, width: int = 256, expansion: int = 2, key: int = 128) -> None:
        super().__init__()
        self.sizes = [expansion * width, expansion * width, key]
        self.ln = ScaleNorm()
        self.uv = nn.Linear(width, sum(self.sizes), bias=False)
        self.gamma = nn.Parameter(torch.rand(2, key))
        self.beta = nn.Parameter(torch.rand(2, key))
        self.o = nn.Linear(expansion * width, width, bias=False)
        self.res_scale = nn.ParameterDict({"scale": nn.Parameter(torch.ones(width))})

    def forward(self, x: Tensor) -> Tensor:
        """[B, L, width] -> the same shape."""
        u, v, base = nn.functional.silu(self.uv(self.ln(x))).split(self.sizes, dim=-1)
        q, k = (base[..., None, :] * self.gamma + self.beta).unbind(dim=-2)
        attention = torch.relu(q @ k.transpose(1, 2) / base.shape[-1] ** 0.5).square()
        return x * self.res_scale["scale"] + self.o(u * (attention @ v))


class SimCCHead(nn.Module):
    """RTMPose's head (Jiang et al., arXiv:2303.07399): one map a landmark, as a vector, and attention among landmarks.

    Args:
        channels: of the feature map.
        side: of the feature map.
        landmarks: to find.
        bins: along x and along y.
        width: of a landmark's vector.
        kernel: of the convolution that makes the maps.
    """

    def __init__(self, channels: int, side: int, landmarks: int, bins: int, width: int = 256, kernel: int = 7) -> None:
        super().__init__()
        self.final_layer = nn.Conv2d(channels, landmarks, kernel, padding=kernel // 2)
        self.mlp = nn.Sequential(ScaleNorm(), nn.Linear(side * side, width, bias=False))
        self.gau = GatedAttention(width)
        self.cls_x = nn.Linear(width, bins, bias=False)
        self.cls_y = nn.Linear(width, bins, bias=False)
        nn.init.normal_(self.final_layer.weight, std=0.001)
        for layer in (self.cls_x, self.cls_y):
            nn.init.normal_(layer.weight, std=0.01)

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, side, side] -> scores [B, L, 2 (x, y), bins]."""
        vectors = self.gau(self.mlp(self.final_layer(features).flatten(2)))
        return torch.stack([self.cls_x(vectors), self.cls_y(vectors)], dim=2)


@method(
    "simcc",
    summary="x and y by classification over half-pixel bins, with RTMPose's attention head",
    reference="Li et al., SimCC, ECCV 2022, arXiv:2107.03332; Jiang et al., RTMPose, arXiv:2303.07399",
)
class SimCCMethod(TrainableMethod):
    """Coordinates by classification (Li et al., SimCC, ECCV 2022), with the head and loss of RTMPose.

    In place of a map of W x H places a landmark has two rows of bins, for x and for y: two classifications. Bins are
    finer than pixels, and labels are soft (a Gaussian over the bins), so that a bin beside the right one is better
    than one far away. The loss is the divergence of the two distributions; the highest bins are the landmark.

    Args:
        schema: landmarks to find.
        image_size: side of the crop in pixels.
        backbone, backbone_options: any registered backbone (every timm name) and its own arguments.
        stride: of the feature map that the head sees (RTMPose: 32).
        width: of a landmark's vector.
        codec: bins and labels, see `parface_bench.data.heatmaps.simcc.SimCC` (split, sigma, decoder, ...).
        loss, loss_options: of scores and labels ('kl_simcc').
    """

    def __init__(
        self,
        schema: Schema,
        image_size: int = 256,
        backbone: str = "resnet18",
        backbone_options: Mapping[str, Any] | None = None,
        stride: int = 32,
        width: int = 256,
        codec: Mapping[str, Any] | None = None,
        loss: str = "kl_simcc",
        loss_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        self.features = BACKBONES.build(backbone, **(backbone_options or {}), features_only=True)
        strides = list(self.features.reductions)
        if stride not in strides or image_size % stride:
            raise UserError(
                f"simcc: no feature map of stride {stride} in crops of {image_size} pixels; this backbone has {strides}"
            )
        self.level, self.bins = strides.index(stride), SimCC.from_config(codec or {})
        channels = self.features.channels[self.level]
        self.head = SimCCHead(channels, image_size // stride, len(schema), self.bins.bins(image_size), width)
        self.loss_fn = LOSSES.build(loss, **(loss_options or {}))

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> scores [B, L, 2 (x, y), bins]."""
        return self.head(self.features((images - 0.5) / 0.25)[self.level])

    def loss(self, batch: Batch) -> Tensor:
        """The divergence from the labels of the annotated landmarks."""
        counts = annotated(batch)[..., 0, 0]
        labels, weight = self.bins.encode(batch.points[..., :2], batch.size)
        return self.loss_fn(self(batch.images), labels, weight * counts)

    def decode(self, output: Tensor) -> Tensor:
        """The highest bins in crop pixels [B, L, 2]."""
        return self.bins.decode(output.float())

    def confidences(self, output: Tensor) -> Tensor:
        """How sharp the two distributions are [B, L], 1 as their labels."""
        return self.bins.confidence(output.float())
