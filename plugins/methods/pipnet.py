"""PIPNet: a coarse map finds each landmark's cell; offsets there place it and its neighbours (Jin, IJCV 2021)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench import method
from parface_bench.data.batches.batch import Batch
from parface_bench.data.batches.face_arrays import FaceArrays
from parface_bench.data.heatmaps.codecs import confidence
from parface_bench.faces import Schema
from parface_bench.methods.heads import Standardise
from parface_bench.methods.stage import Stage
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import BACKBONES, UserError


class Maps(NamedTuple):
    """What the network gives for each of G x G cells; offsets count in cells from a cell's top left corner."""

    score: Tensor  # [B, L, G, G]: is the landmark here?
    x: Tensor  # [B, L, G, G]: its own offset
    y: Tensor
    nb_x: Tensor  # [B, L * K, G, G]: the offsets of its K neighbours, landmark by landmark
    nb_y: Tensor


@method(
    "pipnet",
    summary="PIPNet: classification over coarse cells, offsets within them, averaged with the neighbours' views",
    reference="Jin, Liao & Shao, Pixel-in-Pixel Net, IJCV 129, 2021, arXiv:2003.03771",
)
class PIPNet(TrainableMethod):
    """Pixel-in-pixel regression: classification over coarse cells, regression within, help of the neighbours.

    A score map says in which of G x G cells a landmark is, two offset maps where in it; offsets are trained in the
    true cell alone and mean nothing elsewhere. One wrong cell would be a gross error. So each landmark also predicts,
    from its own cell, its nearest neighbours, and is itself the mean of all that was said about it (:meth:`decode`).

    Args:
        schema: landmarks to find.
        image_size: side of the crop in pixels.
        backbone, backbone_options: any registered backbone (every timm name) and its own arguments.
        stride: crop pixels a cell; 64 and 128 add one and two convolutions of stride 2 to a backbone of stride 32.
        neighbours: other landmarks that each one predicts too, the nearest in the mean training face.
        expand: channels of a 1x1 convolution before the heads, 0 = none (1280 makes timm's mobilenetv2_100 whole).
        merging: 'once': the mean of a landmark's own and its neighbours' predictions; 'cyclic' as published: lists of
            neighbours are filled up to the longest by repetition, so that the first ones count more.
        offset_loss: 'l1', or 'l2'.
    """

    def __init__(
        self,
        schema: Schema,
        image_size: int = 256,
        backbone: str = "resnet18",
        backbone_options: Mapping[str, Any] | None = None,
        stride: int = 32,
        neighbours: int = 10,
        expand: int = 0,
        merging: str = "once",
        offset_loss: str = "l1",
    ) -> None:
        super().__init__()
        if merging not in ("once", "cyclic") or offset_loss not in ("l1", "l2"):
            raise UserError(f"pipnet: merging {merging!r} must be once or cyclic, offset_loss {offset_loss!r} l1 or l2")
        self.features = BACKBONES.build(backbone, **(backbone_options or {}), features_only=True)
        self.standardise = Standardise(self.features)
        strides = list(self.features.reductions)
        deeper = {64: 1, 128: 2}.get(stride, 0) if stride not in strides else 0
        if image_size % stride or (32 if deeper else stride) not in strides:
            where = f"no cells of {stride} px on crops of {image_size}: {backbone!r} has strides {strides}"
            raise UserError(f"pipnet: {where}; set method.stride to one that divides {image_size}")
        self.level = len(strides) - 1 - strides[::-1].index(32 if deeper else stride)
        channels, layers = self.features.channels[self.level], []
        if expand:
            layers, channels = [nn.Conv2d(channels, expand, 1, bias=False), nn.BatchNorm2d(expand), nn.ReLU6()], expand
        for _ in range(deeper):
            layers += [nn.Conv2d(channels, 512, 3, stride=2, padding=1), nn.BatchNorm2d(512), nn.ReLU()]
            channels = 512
        self.extra = nn.Sequential(*layers)
        landmarks, k = len(schema), min(max(neighbours, 1), len(schema) - 1)
        for name, maps in (("cls", 1), ("x", 1), ("y", 1), ("nb_x", k), ("nb_y", k)):
            layer = nn.Conv2d(channels, landmarks * maps, 1)
            nn.init.normal_(layer.weight, std=0.001)
            self.add_module(f"{name}_layer", layer)
        self.image_size, self.grid = image_size, image_size // stride
        self.merging, self.offset_loss = merging, offset_loss
        self.mean_face: Tensor
        self.neighbours: Tensor
        self.mean_face = nn.Buffer(torch.full((landmarks, 2), torch.nan))
        self.neighbours = nn.Buffer(torch.zeros(landmarks, k, dtype=torch.long))

    def stages(self, recipe: Mapping[str, Any]) -> list[Stage]:
        """First the mean training face, which says who is whose neighbour; then the network."""
        mean = Stage(name="mean-face", step="closed-form", loss="fit", data=tuple(recipe["train"]["data"]))
        return [mean, *super().stages(recipe)]

    def fit(self, faces: FaceArrays) -> None:
        """Take the mean of the faces' landmarks, as fractions of the crop's side, and its nearest neighbours."""
        points = torch.from_numpy(faces.landmarks[..., :2]).double()
        never = points.isnan().any(dim=2).all(dim=0).nonzero()[:, 0].tolist()
        if never:
            raise UserError(f"pipnet: landmarks {never} are annotated in no training face, so there is no mean face")
        self.mean_face.copy_((points.nanmean(dim=0) + 0.5) / faces.size)
        self.neighbours.copy_(nearest_neighbours(self.mean_face, self.neighbours.shape[1]))

    def forward(self, images: Tensor) -> Maps:
        """[B, 3, S, S] -> maps of G x G cells."""
        x = self.extra(self.features(self.standardise(images))[self.level])  # nosec B610 - a layer, not Django's
        return Maps(*(self.get_submodule(f"{name}_layer")(x) for name in ("cls", "x", "y", "nb_x", "nb_y")))

    def loss(self, batch: Batch) -> dict[str, Tensor]:
        """Squared error of the scores, and absolute errors of the offsets in the cell of the true landmark."""
        if not bool(self.mean_face.isfinite().all()):
            raise UserError("pipnet: no mean face yet, so no neighbours: leave --stages out, or add --from CHECKPOINT")
        return self.terms(self(batch.images), (batch.points[..., :2] + 0.5) / batch.size)

    def terms(self, maps: Maps, faces: Tensor) -> dict[str, Tensor]:
        """The loss of maps against landmarks [B, L, 2] as fractions of the crop's side; NaN ones teach nothing."""
        known = ~faces.isnan().any(dim=-1)
        faces, score = torch.where(known[..., None], faces, 0.0), maps.score.float()
        cells = (faces * self.grid).floor().clamp(0, self.grid - 1)
        at = (cells[..., 1] * self.grid + cells[..., 0]).long()[..., None]
        target = torch.zeros_like(score).flatten(2).scatter(2, at, known[..., None].to(score)).view_as(score)
        own, neighbours = self.read(maps, at)
        distance = F.l1_loss if self.offset_loss == "l1" else F.mse_loss
        terms = {"score": 10 * F.mse_loss(score * known[..., None, None], target)}
        both = known[:, :, None] & known[:, self.neighbours]
        there, beside = faces * self.grid - cells, faces[:, self.neighbours] * self.grid - cells[:, :, None]
        for name, found, true, counts in (("", own, there, known), ("nb_", neighbours, beside, both)):
            met = torch.where(counts[..., None], found, true)
            terms |= {f"{name}{'xy'[i]}": distance(met[..., i], true[..., i]) for i in (0, 1)}
        return terms

    def read(self, maps: Maps, at: Tensor) -> tuple[Tensor, Tensor]:
        """Offsets in each landmark's cell (flat index [B, L, 1]): own [B, L, 2], of neighbours [B, L, K, 2]."""
        rows = [m.float().reshape(*at.shape[:2], -1, self.grid**2) for m in maps[1:]]
        x, y, nb_x, nb_y = (m.gather(3, at[:, :, None].expand(-1, -1, m.shape[2], -1))[..., 0] for m in rows)
        return torch.cat([x, y], dim=-1), torch.stack([nb_x, nb_y], dim=-1)

    def places(self, maps: Maps) -> tuple[Tensor, Tensor]:
        """Each landmark [B, L, 2] and its view of its neighbours [B, L, K, 2], as fractions of the crop's side."""
        at = maps.score.flatten(2).argmax(dim=-1, keepdim=True)
        cells = torch.cat([at % self.grid, at // self.grid], dim=-1)
        own, neighbours = self.read(maps, at)
        return (cells + own) / self.grid, (cells[:, :, None] + neighbours) / self.grid

    def decode(self, output: Maps) -> Tensor:
        """Landmarks in crop pixels [B, L, 2], each the mean of its own and its neighbours' predictions."""
        own, neighbours = self.places(output)
        count = repetitions(self.neighbours, self.merging == "cyclic").to(own)
        both = own + torch.einsum("jki,bjkc->bic", count, neighbours)
        return both / (1 + count.sum(dim=(0, 1))[:, None]) * self.image_size - 0.5

    def confidences(self, output: Maps) -> Tensor:
        """The highest score of each landmark [B, L]."""
        return confidence(output.score)


def nearest_neighbours(face: Tensor, k: int) -> Tensor:
    """The k landmarks nearest to each one of a face [L, 2], itself excluded, nearest first: [L, k]."""
    gaps = (face[:, None] - face).square().sum(dim=-1).fill_diagonal_(torch.inf)
    return gaps.argsort(dim=1, stable=True)[:, :k]


def repetitions(neighbours: Tensor, cyclic: bool) -> Tensor:
    """How often j's view of its k-th neighbour counts for i, [L, K, L]; ``cyclic``: lists repeat up to the longest."""
    predicts = F.one_hot(neighbours, len(neighbours))
    if not cyclic:
        return predicts
    rank = predicts.flatten(0, 1).cumsum(dim=0).view_as(predicts) - 1
    length = predicts.sum(dim=(0, 1))
    full, rest = length.max() // length.clamp_min(1), length.max() % length.clamp_min(1)
    return predicts * (full + (rank < rest))
