"""Direct regression: pooled features to coordinates in one linear layer."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from parface_bench import method
from parface_bench.data.batches.batch import Batch
from parface_bench.faces import Schema
from parface_bench.methods.heads import CoordinateHead, known
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import BACKBONES, LOSSES


@method(
    "regression",
    summary="coordinates straight from pooled features, with wing, smooth L1 or L1 loss",
    reference="Feng et al., Wing Loss for Robust Facial Landmark Localisation, CVPR 2018, arXiv:1711.06753",
)
class Regression(TrainableMethod):
    """Coordinates from the backbone's pooled last features (Feng et al., CVPR 2018).

    The last feature map is averaged over its places, which leaves one vector a face, and one linear layer turns it
    into all coordinates at once. So the shape is never torn apart, but seldom exact: averaging drops where a feature
    was seen, and places have to be told by which channels respond. Wing loss is steep near zero, so that small
    errors, which most are, go on counting.

    Args:
        schema: landmarks to find.
        backbone, backbone_options: any registered backbone (every timm name) and its own arguments.
        loss: coordinate loss in crop pixels: 'wing', 'smooth_l1' or 'l1', or any other registered one, and its
            arguments in ``loss_options``.
        dropout: before the linear layer.
    """

    def __init__(
        self,
        schema: Schema,
        backbone: str = "resnet18",
        backbone_options: Mapping[str, Any] | None = None,
        loss: str = "wing",
        loss_options: Mapping[str, Any] | None = None,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.features = BACKBONES.build(backbone, **(backbone_options or {}), features_only=True)
        self.head = CoordinateHead(self.features.channels[-1], len(schema), dropout)
        self.loss_fn = LOSSES.build(loss, **(loss_options or {}))

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> coordinates [B, L, 2], crop pixels."""
        features = self.features((images - 0.5) / 0.25)[-1]
        return self.head(features) * images.shape[-1]

    def loss(self, batch: Batch) -> Tensor:
        """The coordinate loss over the annotated landmarks."""
        return self.loss_fn(*known(self(batch.images), batch))

    def decode(self, output: Tensor) -> Tensor:
        """The coordinates themselves."""
        return output
