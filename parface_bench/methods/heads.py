"""Heads that methods share: heatmaps from features, coordinates from features, depth from 2D landmarks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench.registry import DECODERS, UserError

if TYPE_CHECKING:
    from parface_bench.data.batches.batch import Batch


class Standardise(nn.Module):
    """Images in 0..1 less the mean and over the deviation of what a backbone's weights were trained on (ImageNet)."""

    def __init__(self, backbone: nn.Module) -> None:
        super().__init__()
        for name, usual in (("mean", (0.485, 0.456, 0.406)), ("std", (0.229, 0.224, 0.225))):
            values = torch.tensor(getattr(backbone, name, usual), dtype=torch.float32)
            self.register_buffer(name, values.view(3, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> the same shape."""
        return (images - self.get_buffer("mean")) / self.get_buffer("std")


class HeatmapHead(nn.Module):
    """Upsampling head of Simple Baselines (Xiao et al., ECCV 2018): transposed convolutions, then one 1x1.

    Args:
        channels: channels of the feature map.
        landmarks: heatmaps to give.
        width: channels of the upsampling layers.
        upsamplings: how often the resolution doubles (3: from S/32 to S/4).
    """

    def __init__(self, channels: int, landmarks: int, width: int = 256, upsamplings: int = 3) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for step in range(upsamplings):
            layers += [
                nn.ConvTranspose2d(channels if step == 0 else width, width, 4, stride=2, padding=1, bias=False),
                nn.BatchNorm2d(width),
                nn.ReLU(inplace=True),
            ]
        self.upsample = nn.Sequential(*layers)
        self.final = nn.Conv2d(width if upsamplings else channels, landmarks, 1)
        nn.init.normal_(self.final.weight, std=0.001)
        nn.init.constant_(self.final.bias, 0.0)  # type: ignore[arg-type]

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, L, H * 2^u, W * 2^u]."""
        return self.final(self.upsample(features))


class PyramidHead(nn.Module):
    """Fuses a backbone's feature maps from coarse to fine (FPN, Lin et al., CVPR 2017) and gives one map a landmark.

    Args:
        channels, reductions: of the backbone's feature maps, finest first.
        landmarks: maps to give.
        width: channels of the fused maps.
        stride: input pixels an output pixel; the finest feature maps beyond it are not used.
    """

    def __init__(
        self, channels: Sequence[int], reductions: Sequence[int], landmarks: int, width: int = 128, stride: int = 4
    ) -> None:
        super().__init__()
        self.used = [i for i, r in enumerate(reductions) if r >= stride]
        if not self.used or reductions[self.used[0]] != stride:
            raise UserError(
                f"no feature map of stride {stride}; this backbone has {list(reductions)}: set the stride to one of "
                "these, or choose another backbone"
            )
        self.lateral = nn.ModuleList(nn.Conv2d(channels[i], width, 1) for i in self.used)
        self.smooth = nn.Sequential(
            nn.Conv2d(width, width, 3, padding=1, bias=False),
            nn.BatchNorm2d(width),
            nn.ReLU(inplace=True),
        )
        self.final = nn.Conv2d(width, landmarks, 1)

    def forward(self, features: Sequence[Tensor]) -> Tensor:
        """Feature maps, finest first -> [B, L, S / stride, S / stride]."""
        fused: Tensor | None = None
        for lateral, i in zip(reversed(self.lateral), reversed(self.used), strict=True):
            here = lateral(features[i])
            if fused is not None:
                here = here + F.interpolate(fused, size=here.shape[-2:], mode="bilinear", align_corners=False)
            fused = here
        return self.final(self.smooth(fused))


class CoordinateHead(nn.Module):
    """Global average pooling, then one linear layer: fractions of the crop's side, starting at its centre."""

    def __init__(self, channels: int, landmarks: int, dropout: float = 0.0) -> None:
        super().__init__()
        self.landmarks = landmarks
        self.dropout = nn.Dropout(dropout)
        self.linear = nn.Linear(channels, landmarks * 2)
        nn.init.normal_(self.linear.weight, std=0.01)
        nn.init.constant_(self.linear.bias, 0.5)

    def forward(self, features: Tensor) -> Tensor:
        """[B, C, H, W] -> [B, L, 2]."""
        return self.linear(self.dropout(features.mean(dim=(2, 3)))).unflatten(1, (self.landmarks, 2))


class DepthHead(nn.Module):
    """The depth head that 2D methods share on 3D data: lifts 2D landmarks as Martinez et al. (ICCV 2017) lift poses.

    It sees only the landmarks that the method found, brought to zero mean and unit scale, so that a row's GTE
    differs from another's by the method alone. Depth has zero mean over the landmarks (GTE aligns the mean anyway).
    """

    def __init__(self, landmarks: int, width: int = 256, blocks: int = 2, dropout: float = 0.1) -> None:
        super().__init__()
        self.enter = nn.Sequential(nn.Linear(landmarks * 2, width), nn.ReLU())
        self.blocks = nn.ModuleList(
            nn.Sequential(nn.LayerNorm(width), nn.Linear(width, width), nn.ReLU(), nn.Dropout(dropout))
            for _ in range(blocks)
        )
        self.leave = nn.Linear(width, landmarks)

    def forward(self, points: Tensor) -> Tensor:
        """[B, L, 2] crop pixels -> [B, L] depth in crop pixels, mean 0."""
        points = points.float()
        centred = points - points.mean(dim=1, keepdim=True)
        scale = centred.square().mean(dim=(1, 2), keepdim=True).sqrt().clamp_min(1e-3)
        hidden = self.enter((centred / scale).flatten(1))
        for block in self.blocks:
            hidden = hidden + block(hidden)
        depth = self.leave(hidden)
        return (depth - depth.mean(dim=1, keepdim=True)) * scale[:, :, 0]

    def loss(self, points: Tensor, depth: Tensor) -> Tensor:
        """Mean absolute error of the depth without its mean, in units of the face's own 2D spread.

        Args:
            points: [B, L, 2] found landmarks, crop pixels, no gradient flows into them.
            depth: [B, L] true depth, crop-scaled.
        """
        points = points.detach().float()
        scale = (points - points.mean(dim=1, keepdim=True)).square().mean(dim=(1, 2)).sqrt().clamp_min(1e-3)
        target = depth - depth.mean(dim=1, keepdim=True)
        return F.smooth_l1_loss(self(points) / scale[:, None], target / scale[:, None], beta=0.05)


def known(predicted: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
    """Prediction and truth [B, L, 2] for a coordinate loss; landmarks that were not annotated (NaN) count as met."""
    target = batch.landmarks
    if target is None:
        raise UserError(f"faces without landmarks ({', '.join(batch.ids[:3])}, ...) in a stage that needs landmarks")
    missing = target.isnan()
    return torch.where(missing, 0.0, predicted), torch.where(missing, 0.0, target)


def annotated(batch: Batch) -> Tensor:
    """1 for landmarks that were annotated and 0 for the others, whose target heatmap is empty: [B, L, 1, 1].

    A heatmap loss of the product of prediction and this counts the others as met.
    """
    target = batch.landmarks
    if target is None:
        raise UserError(f"faces without landmarks ({', '.join(batch.ids[:3])}, ...) in a stage that needs landmarks")
    return (~target.isnan().any(-1)).to(batch.images.dtype)[..., None, None]


def heatmap_loss(loss_fn: Callable[[Tensor, Tensor], Tensor], maps: Tensor, batch: Batch) -> Tensor:
    """A heatmap loss of maps [B, L, H, W] against the batch's, over the landmarks that were annotated.

    Where the batch's codec weighs landmarks (those outside the map), a weight multiplies prediction and target.
    """
    counts, target = annotated(batch), batch.heatmaps
    if batch.codec.weighed:
        counts = counts * batch.codec.weights(batch.points[..., :2], batch.size)[..., None, None]
        target = target * counts
    return loss_fn(maps * counts, target)


def subpixel_argmax(heatmaps: Tensor, stride: int = 4, sigma: float = 2.0, decoder: str = "local-fit") -> Tensor:
    """Sub-pixel peaks of heatmaps [B, L, H, W] in crop pixels [B, L, 2], as the codecs' usual decoder finds them.

    Args:
        heatmaps: as ``batch.heatmaps``, a quarter of the crop's side unless ``stride`` says otherwise.
        stride: crop pixels a heatmap pixel.
        sigma: of the Gaussians that the maps were trained on, heatmap pixels.
        decoder: what reads the maps (``pfbench list decoder``).
    """
    return (DECODERS.get(decoder)(heatmaps, sigma=sigma) + 0.5) * stride - 0.5
