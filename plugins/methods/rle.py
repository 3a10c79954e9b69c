"""Regression by residual log-likelihood: coordinates with a sigma each, and a flow that learns the errors' shape."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from parface_bench import method
from parface_bench.data.batches.batch import Batch
from parface_bench.faces import Schema
from parface_bench.methods.heads import annotated
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import BACKBONES, LOSSES, check_known

FORMS = ("original", "mmpose")


class OriginalHead(nn.Module):
    """The authors' head: coordinates from features of unit length, the logits of sigma from the features themselves."""

    def __init__(self, channels: int, landmarks: int) -> None:
        super().__init__()
        self.fc_coord = nn.Linear(channels, 2 * landmarks)
        self.fc_sigma = nn.Linear(channels, 2 * landmarks)
        for layer in (self.fc_coord, self.fc_sigma):
            nn.init.xavier_uniform_(layer.weight, gain=0.01)

    def forward(self, features: Tensor) -> Tensor:
        """[B, C] -> [B, L, 4]: x, y and the logits of their sigmas, in shares of the crop's side from its centre."""
        along = features @ self.fc_coord.weight.T / features.norm(dim=1, keepdim=True) + self.fc_coord.bias
        return torch.cat([along.unflatten(1, (-1, 2)), self.fc_sigma(features).unflatten(1, (-1, 2))], dim=-1)


class MmposeHead(nn.Linear):
    """mmpose's head: one linear layer, shares of the crop's side from its corner."""

    def __init__(self, channels: int, landmarks: int) -> None:
        super().__init__(channels, 4 * landmarks)
        nn.init.normal_(self.weight, std=0.01)
        nn.init.zeros_(self.bias)

    def forward(self, features: Tensor) -> Tensor:
        """[B, C] -> [B, L, 4]: x, y and the logits of their sigmas."""
        return super().forward(features).unflatten(1, (-1, 4))


@method(
    "rle",
    summary="direct regression with a sigma for each landmark; a flow learns the shape of the errors",
    reference="Li et al., Human Pose Regression with RLE, ICCV 2021, arXiv:2107.11291",
)
class RLE(TrainableMethod):
    """Direct regression that knows how sure it is (Li et al., Human Pose Regression with RLE, ICCV 2021).

    L1 is the likelihood of Laplacian errors of one spread, L2 that of normal ones. Here the network gives each
    coordinate a spread of its own, and a flow learns what shape the errors have once they are divided by it; the
    negative log-likelihood of both is the loss (plugins/losses/likelihood.py). A landmark that is hard to see may
    have a large sigma, at the price of log sigma. The flow belongs to the loss: in use the linear layer is all.

    Args:
        schema: landmarks to find.
        backbone, backbone_options: any registered backbone (every timm name) and its own arguments.
        form: ``original`` (the authors' head and loss, places from the crop's centre) or ``mmpose`` (one linear layer,
            a proper Laplacian, places from the corner, landmarks outside the crop do not count).
        loss, loss_options: 'rle'; its form is this one unless the options say otherwise.
    """

    def __init__(
        self,
        schema: Schema,
        backbone: str = "resnet50",
        backbone_options: Mapping[str, Any] | None = None,
        form: str = "original",
        loss: str = "rle",
        loss_options: Mapping[str, Any] | None = None,
    ) -> None:
        super().__init__()
        check_known([form], FORMS, "rle: form", "does not exist")
        self.form = form
        self.features = BACKBONES.build(backbone, **(backbone_options or {}), features_only=True)
        head = OriginalHead if form == "original" else MmposeHead
        self.head = head(self.features.channels[-1], len(schema))
        options = {"form": form, **(loss_options or {})} if loss == "rle" else dict(loss_options or {})
        self.loss_fn = LOSSES.build(loss, **options)

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> [B, L, 4]: x, y in shares of the crop's side, and the logits of their sigmas."""
        return self.head(self.features((images - 0.5) / 0.25)[-1].mean(dim=(2, 3)))

    def loss(self, batch: Batch) -> Tensor:
        """The negative log-likelihood of the annotated landmarks."""
        weight, places = annotated(batch)[..., 0, 0], batch.points[..., :2].nan_to_num()
        if self.form == "mmpose":
            weight = weight * ((places >= 0) & (places <= batch.size - 1)).all(dim=-1)
        return self.loss_fn(self(batch.images), places / batch.size - self.origin, weight)

    @property
    def origin(self) -> float:
        """Where the head's coordinates count from, as a share of the crop's side."""
        return 0.5 if self.form == "original" else 0.0

    def decode(self, output: Tensor) -> Tensor:
        """Coordinates in crop pixels [B, L, 2]."""
        return (output[..., :2].float() + self.origin) * self.image_size

    def sigmas(self, output: Tensor) -> Tensor:
        """Their standard deviations in crop pixels [B, L, 2]."""
        return output[..., 2:].float().sigmoid() * self.image_size

    def confidences(self, output: Tensor) -> Tensor:
        """One less the mean sigma in shares of the crop's side [B, L], as published."""
        return 1 - output[..., 2:].float().sigmoid().mean(dim=-1)
