"""Heatmap regression: one heatmap a landmark, read off at its peak."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from parface_bench import method
from parface_bench.data.batches.batch import Batch
from parface_bench.data.heatmaps.codecs import HeatmapCodec, confidence
from parface_bench.faces import Schema
from parface_bench.methods.heads import PyramidHead, heatmap_loss
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import BACKBONES, LOSSES


@method(
    "heatmap",
    summary="one heatmap a landmark; MSE or adaptive wing loss; argmax, sub-pixel (local fit) or DARK decoding",
    reference="Bulat & Tzimiropoulos, ICCV 2017, arXiv:1703.07332; Wang et al., ICCV 2019, arXiv:1904.07399",
)
class Heatmap(TrainableMethod):
    """Heatmaps from fused features, trained towards Gaussians (Bulat & Tzimiropoulos, ICCV 2017).

    The network gives one map a landmark, the target is a Gaussian at the landmark's exact place. Most of a map is
    background, which a squared error would fit at the cost of the peak. Adaptive wing (Wang et al., ICCV 2019) bends
    its slope by the target, and its weight map counts places near a landmark ten times. A map's pixel is ``stride``
    crop pixels wide, so the highest pixel alone is off by up to half of that: decoders look at its neighbours too.

    Args:
        schema: landmarks to find.
        image_size: side of the crop in pixels.
        backbone, backbone_options: any registered backbone (every timm name) and its own arguments.
        width: channels of the head.
        stride: crop pixels a heatmap pixel.
        sigma: of the target Gaussians, in heatmap pixels.
        loss, loss_options: 'adaptive_wing' (with its weight map by ``{weight: 10}``), 'heatmap_mse', ...
        codec: how landmarks become heatmaps and come back, a name of
            `pfbench list codec` ('msra',
            'dark', 'udp', and 'msra-mmpose', ... with the flaws of published code).
        decoder: how peaks are read, where not as the codec does, a name of
            `pfbench list decoder`
            (argmax, local-fit, dark, ...).
    """

    prediction_settings = ("decoder",)

    def __init__(
        self,
        schema: Schema,
        image_size: int = 256,
        backbone: str = "resnet18",
        backbone_options: Mapping[str, Any] | None = None,
        width: int = 128,
        stride: int = 4,
        sigma: float = 1.5,
        loss: str = "adaptive_wing",
        loss_options: Mapping[str, Any] | None = None,
        codec: str = "gaussian",
        decoder: str = "",
    ) -> None:
        super().__init__()
        self.features = BACKBONES.build(backbone, **(backbone_options or {}), features_only=True)
        self.head = PyramidHead(self.features.channels, self.features.reductions, len(schema), width, stride)
        self.codec = HeatmapCodec.named(codec, decoder=decoder, size=image_size // stride, sigma=sigma)
        self.loss_fn = LOSSES.build(loss, **(loss_options or {}))

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> heatmaps [B, L, S / stride, S / stride]."""
        return self.head(self.features((images - 0.5) / 0.25))

    def loss(self, batch: Batch) -> Tensor:
        """The heatmap loss against Gaussians at the true landmarks, over those that were annotated."""
        return heatmap_loss(self.loss_fn, self(batch.images), batch)

    def decode(self, output: Tensor) -> Tensor:
        """Peaks in crop pixels [B, L, 2]."""
        return self.codec.decode(output, self.image_size)

    def confidences(self, output: Tensor) -> Tensor:
        """Height of the peaks [B, L]."""
        return confidence(output)
