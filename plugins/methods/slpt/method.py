"""DSLPT: attention among small patches about the landmarks, whose size follows how unsure each landmark still is."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench import method
from parface_bench.data.batches.batch import Batch
from parface_bench.data.batches.face_arrays import FaceArrays
from parface_bench.faces import Schema
from parface_bench.methods.heads import PyramidHead, annotated
from parface_bench.methods.stage import Stage
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.plugins.methods.slpt.attention import InherentRelationLayer
from parface_bench.registry import BACKBONES, UserError

# The shares that the losses of the three steps have, and how far a sigma shrinks the next patch (times 12, clamped).
STEP_WEIGHTS = (0.2, 0.3, 0.5)
SHRINK, LEAST, MOST = 12.0, 0.5, 0.7


@method(
    "slpt",
    summary="attention among patches about the landmarks, coarse to fine, sized by how unsure each is (DSLPT)",
    reference="Xia et al., DSLPT, TPAMI 45, 2023; SLPT, CVPR 2022, arXiv:2203.06541",
)
class SparsePatches(TrainableMethod):
    """Dynamic sparse local patch transformer (Xia et al., TPAMI 2023; SLPT, CVPR 2022).

    From the mean face, a patch about each landmark is cut from one feature map (:meth:`cut`); attention turns the
    patches into the mean and variance of each landmark's place within its patch (:meth:`look`). Twice more, about what
    was found, in smaller patches: the surer a landmark, the smaller. Attention lets landmarks that are well seen say
    where the hidden ones must be, which no convolution over a patch could.

    Args:
        schema: landmarks to find.
        backbone, backbone_options: any registered backbone (every timm name) and its own arguments.
        width: of a landmark's vector, and channels of the feature map of stride 4.
        layers, heads, hidden, dropout: of the transformer.
        grid: points along one side of a patch.
        scale: half a first patch's side, as a share of the crop's.
        dynamic: patches sized by sigma (DSLPT); False: each half of the one before (SLPT's sizes).
    """

    def __init__(
        self,
        schema: Schema,
        backbone: str = "resnet18",
        backbone_options: Mapping[str, Any] | None = None,
        width: int = 256,
        layers: int = 6,
        heads: int = 8,
        hidden: int = 1024,
        dropout: float = 0.1,
        grid: int = 7,
        scale: float = 0.125,
        dynamic: bool = True,
    ) -> None:
        super().__init__()
        self.features = BACKBONES.build(backbone, **(backbone_options or {}), features_only=True)
        self.neck = PyramidHead(self.features.channels, self.features.reductions, width, width)
        self.embed = nn.Conv2d(width, width, grid)
        self.query = nn.Parameter(torch.empty(1, len(schema), width))
        self.structure = nn.Parameter(torch.empty(1, len(schema), width))
        self.layers = nn.ModuleList(InherentRelationLayer(width, heads, hidden, dropout) for _ in range(layers))
        self.norm, self.leave = nn.LayerNorm(width), nn.Sequential(nn.Linear(width, 2 * width), nn.ReLU())
        self.mean, self.variance = nn.Linear(2 * width, 2), nn.Linear(2 * width, 2)
        for parameter in (self.query, self.structure, self.embed.weight):
            nn.init.xavier_uniform_(parameter)
        self.grid, self.scale, self.dynamic = grid, scale, dynamic
        self.mean_face: Tensor
        self.register_buffer("mean_face", torch.full((len(schema), 2), torch.nan))

    def stages(self, recipe: Mapping[str, Any]) -> list[Stage]:
        """First the mean face of the training landmarks, then the network."""
        mean = Stage(name="mean-face", step="closed-form", loss="fit", data=tuple(recipe["train"]["data"]))
        return [mean, *super().stages(recipe)]

    def fit(self, faces: FaceArrays) -> None:
        """Take the mean of the faces' landmarks, as shares of the crop's side (from corner to corner of its pixels)."""
        mean = (np.nanmean(faces.landmarks[..., :2], axis=0) + 0.5) / faces.size
        self.mean_face.copy_(torch.from_numpy(mean))

    def forward(self, images: Tensor) -> list[dict[str, Tensor]]:
        """[B, 3, S, S] -> for each of the three steps, all in shares of the crop's side:

        ``corner`` [B, L, 2] and ``side`` [B, L, 1] of the patches, and in shares of these ``mean`` and ``variance``
        [B, layers, L, 2], where only the last layer's count after training.
        """
        maps = self.neck(self.features((images - 0.5) / 0.25))
        places = torch.nan_to_num(self.mean_face, nan=0.5).to(maps).expand(images.shape[0], -1, -1)
        half = torch.full_like(places[..., :1], self.scale)
        steps = []
        for _ in STEP_WEIGHTS:
            corner = torch.minimum((places - half).clamp_min(0), 1 - 2 * half)
            mean, variance = self.look(self.cut(maps, corner, 2 * half))
            steps.append({"corner": corner, "side": 2 * half, "mean": mean, "variance": variance})
            places = (corner + 2 * half * mean[:, -1]).detach()
            unsure = variance[:, -1].detach().amax(dim=-1, keepdim=True)
            half = half * ((SHRINK * unsure).clamp(LEAST, MOST) if self.dynamic else 0.5)
        return steps

    def cut(self, maps: Tensor, corner: Tensor, side: Tensor) -> Tensor:
        """Patches [B, L, C, grid, grid] of maps [B, C, H, W], bilinear, from corner to corner of each square."""
        along = torch.linspace(0, 1, self.grid, device=maps.device, dtype=maps.dtype)
        places = corner[..., None] + side[..., None] * along  # [B, L, 2, grid]
        shape = (*places.shape[:2], self.grid, self.grid)
        points = torch.stack([places[:, :, 0, None, :].expand(shape), places[:, :, 1, :, None].expand(shape)], dim=-1)
        found = F.grid_sample(maps, 2 * points.flatten(1, 2) - 1, padding_mode="border", align_corners=False)
        return found.unflatten(2, (-1, self.grid)).transpose(1, 2)

    def look(self, patches: Tensor) -> tuple[Tensor, Tensor]:
        """Patches -> mean and variance of each landmark's place in its patch after every layer, [B, layers, L, 2]."""
        looks = self.embed(patches.reshape(-1, *patches.shape[2:])).reshape(-1, *self.query.shape[1:])
        state, states = torch.zeros_like(self.query), []
        for layer in self.layers:
            state = layer(state, looks, self.query, self.structure)
            states.append(self.norm(state))
        found = self.leave(torch.stack(states, dim=1))
        return self.mean(found), self.variance(found).sigmoid()

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """The Gaussians' negative log-likelihood of the annotated landmarks, of every layer of each step."""
        if self.mean_face.isnan().all():
            raise UserError("slpt: its mean face has not been computed: let its first stage, mean-face, run too")
        weight = annotated(batch)[:, None, :, 0]
        target = (batch.points[..., :2].nan_to_num() + 0.5) / batch.size
        losses = {}
        for i, (share, step) in enumerate(zip(STEP_WEIGHTS, self(batch.images), strict=True), start=1):
            mean, variance = step["mean"].float(), step["variance"].float().clamp_min(1e-6)
            place = ((target - step["corner"]) / step["side"])[:, None]
            each = (mean - place) ** 2 / (2 * variance) + 0.5 * (2 * math.pi * variance).log()
            losses[f"step{i}"] = share * (each * weight).mean()
        return losses

    def decode(self, output: list[dict[str, Tensor]]) -> Tensor:
        """What the last layer of the last step found, in crop pixels [B, L, 2]."""
        last = output[-1]
        return (last["corner"] + last["side"] * last["mean"][:, -1]).float() * self.image_size - 0.5

    def sigmas(self, output: list[dict[str, Tensor]]) -> Tensor:
        """Their standard deviations in crop pixels [B, L, 2]."""
        last = output[-1]
        return (last["side"] * last["variance"][:, -1].sqrt()).float() * self.image_size

    def confidences(self, output: list[dict[str, Tensor]]) -> Tensor:
        """One less the mean sigma in shares of the crop's side [B, L]."""
        return 1 - self.sigmas(output).mean(dim=-1) / self.image_size
