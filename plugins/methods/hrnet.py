"""HRNet: features that stay at high resolution, from all four of its branches (Sun et al.; Wang et al., TPAMI 2020)."""

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
from parface_bench.methods.heads import Standardise, heatmap_loss
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import BACKBONES, LOSSES, UserError

# timm gives the branches themselves, and not widened for classification
BRANCHES = {"feature_location": ""}


@method(
    "hrnet",
    summary="HRNetV2: heatmaps from branches of four resolutions, aggregated at the finest",
    reference="Wang et al., Deep High-Resolution Representation Learning, TPAMI 2020, arXiv:1908.07919",
)
class HRNet(TrainableMethod):
    """HRNetV2 for faces: the branches of timm's HRNet, brought to one size and aggregated by two 1x1 convolutions.

    Most networks halve the resolution step by step and win it back at the end. This one keeps a branch of stride 4
    all the way and adds branches of strides 8, 16 and 32 beside it; after each module every branch receives all
    others, resized. The head puts the four branches at stride 4 one behind the other and mixes them place by place
    into one heatmap a landmark, trained as those of the method 'heatmap'.

    Args:
        schema: landmarks to find.
        image_size: side of the crop in pixels.
        backbone, backbone_options: a registered backbone with a feature map of stride 4; the maps of stride 4 and
            coarser are aggregated. The paper's is 'hrnet_w18' with timm's ``feature_location: ''`` (the default).
        fusion: how HRNet's own branches are brought to one size where they exchange features: 'bilinear' as in the
            face version, or 'nearest' as in timm and in the pose version.
        bn_momentum: of all batch norms (0.01 in the paper).
        sigma: of the target Gaussians, in heatmap pixels (1.0 on 300W, else 1.5 in the paper).
        loss, loss_options: 'heatmap_mse' in the paper, 'adaptive_wing', ...
        codec, decoder: how landmarks become heatmaps and come back, as of the method 'heatmap'.
    """

    def __init__(
        self,
        schema: Schema,
        image_size: int = 256,
        backbone: str = "hrnet_w18",
        backbone_options: Mapping[str, Any] | None = None,
        fusion: str = "bilinear",
        bn_momentum: float = 0.01,
        sigma: float = 1.5,
        loss: str = "heatmap_mse",
        loss_options: Mapping[str, Any] | None = None,
        codec: str = "gaussian",
        decoder: str = "",
    ) -> None:
        super().__init__()
        own = BRANCHES if backbone_options is None else backbone_options
        self.features = BACKBONES.build(backbone, **own, features_only=True)
        self.standardise = Standardise(self.features)
        strides = list(self.features.reductions)
        if 4 not in strides:
            raise UserError(
                f"hrnet: backbone {backbone!r} has feature maps of strides {strides} and none of 4, on which the "
                "branches are aggregated: choose a backbone that has one, such as hrnet_w18, hrnet_w32 or resnet18"
            )
        self.branches = [i for i, stride in enumerate(strides) if stride >= 4]
        channels = sum(self.features.channels[i] for i in self.branches)
        self.head = nn.Sequential(
            nn.Conv2d(channels, channels, 1),
            nn.BatchNorm2d(channels),
            nn.ReLU(inplace=True),
            nn.Conv2d(channels, len(schema), 1),
        )
        if fusion not in ("bilinear", "nearest"):
            raise UserError(f"hrnet: fusion {fusion!r} does not exist; known: bilinear, nearest")
        for module in self.modules():
            if isinstance(module, nn.Upsample):
                module.mode, module.align_corners = fusion, False if fusion == "bilinear" else None
            elif isinstance(module, nn.BatchNorm2d):
                module.momentum = bn_momentum
        self.codec = HeatmapCodec.named(codec, decoder=decoder, size=image_size // 4, sigma=sigma)
        self.loss_fn = LOSSES.build(loss, **(loss_options or {}))

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> heatmaps [B, L, S / 4, S / 4]."""
        return self.head(self.aggregate(self.features(self.standardise(images))))

    def aggregate(self, features: list[Tensor]) -> Tensor:
        """Feature maps -> those of stride 4 and coarser, all at stride 4 and one behind the other in channels."""
        finest, *coarse = (features[i] for i in self.branches)
        size = finest.shape[-2:]
        grown = [F.interpolate(f, size=size, mode="bilinear", align_corners=False) for f in coarse]
        return torch.cat([finest, *grown], dim=1)

    def loss(self, batch: Batch) -> Tensor:
        """The heatmap loss against Gaussians at the true landmarks, over those that were annotated."""
        return heatmap_loss(self.loss_fn, self(batch.images), batch)

    def decode(self, output: Tensor) -> Tensor:
        """Peaks in crop pixels [B, L, 2]."""
        return self.codec.decode(output, self.image_size)

    def confidences(self, output: Tensor) -> Tensor:
        """Height of the peaks [B, L]."""
        return confidence(output)
