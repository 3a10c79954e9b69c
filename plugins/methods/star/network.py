"""STAR's network, ADNet's: stacked hourglasses that see coordinates, with maps of landmarks and of edges."""

from __future__ import annotations

from typing import NamedTuple

import torch
import torch.nn.functional as F
from torch import Tensor, nn


class Maps(NamedTuple):
    """What a stack gives, at a quarter of the crop's side."""

    fused: Tensor  # [B, L, h, w]: heat * point * edge, whose mean is the landmark
    point: Tensor  # [B, L, h, w], 0..1
    edge: Tensor  # [B, E, h, w], 0..1


class Conv(nn.Module):
    """A convolution that keeps the size, then batch norm and ReLU where asked for."""

    def __init__(self, before: int, after: int, side: int = 1, stride: int = 1, norm: bool = False) -> None:
        super().__init__()
        self.conv = nn.Conv2d(before, after, side, stride, (side - 1) // 2)
        self.bn = nn.BatchNorm2d(after) if norm else None

    def forward(self, x: Tensor) -> Tensor:
        """[B, before, H, W] -> [B, after, H / stride, W / stride]."""
        return self.conv(x) if self.bn is None else F.relu(self.bn(self.conv(x)))


class Residual(nn.Module):
    """A pre-activation bottleneck."""

    def __init__(self, before: int, after: int) -> None:
        super().__init__()
        self.bn1, self.conv1 = nn.BatchNorm2d(before), Conv(before, after // 2)
        self.bn2, self.conv2 = nn.BatchNorm2d(after // 2), Conv(after // 2, after // 2, 3)
        self.bn3, self.conv3 = nn.BatchNorm2d(after // 2), Conv(after // 2, after)
        self.skip_layer = Conv(before, after) if before != after else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        """[B, before, H, W] -> [B, after, H, W]."""
        y = self.conv2(F.relu(self.bn2(self.conv1(F.relu(self.bn1(x))))))
        return self.conv3(F.relu(self.bn3(y))) + self.skip_layer(x)


class Hourglass(nn.Module):
    """Down by max-pooling and up by repetition, ``depth`` times; the outermost one first adds coordinates."""

    def __init__(self, depth: int, width: int, coordinates: int = 0) -> None:
        super().__init__()
        self.coordconv = Conv(width + coordinates, width) if coordinates else nn.Identity()
        self.up1, self.low1, self.low3 = Residual(width, width), Residual(width, width), Residual(width, width)
        self.low2 = Hourglass(depth - 1, width) if depth > 1 else Residual(width, width)

    def forward(self, x: Tensor) -> Tensor:
        """[B, C (+ coordinates), H, W] -> [B, C, H, W]."""
        x = self.coordconv(x)
        low = self.low3(self.low2(self.low1(F.max_pool2d(x, 2))))
        return self.up1(x) + F.interpolate(low, scale_factor=2.0, mode="nearest")


def with_coordinates(x: Tensor, heat: Tensor | None = None) -> Tensor:
    """Features and, behind them, the row, the column (-1 to 1) and the distance from the middle (0 to 1).

    ``heat``, a map of the stack before, adds row and column once more, nought where it is at most 0.05.
    """
    height, width = x.shape[-2:]
    row = torch.linspace(-1, 1, height, dtype=x.dtype, device=x.device)[:, None].expand(height, width)
    column = torch.linspace(-1, 1, width, dtype=x.dtype, device=x.device).expand(height, width)
    radius = (row.square() + column.square()).sqrt()
    place = torch.stack([row, column, radius / radius.max()]).expand(x.shape[0], -1, -1, -1)
    masked = [] if heat is None else [torch.where(heat.clamp(0, 1) > 0.05, place[:, :2], 0.0)]
    return torch.cat([x, place, *masked], dim=1)


class StackedHourglass(nn.Module):
    """The network; its state dict has the names of the authors' (their convolutions that are never used are not made).

    Args:
        lies: [landmarks, edges], 1 where a landmark lies on an edge; without edges there are no maps of them.
        stacks, width, depth: of the hourglasses.
    """

    def __init__(self, lies: Tensor, stacks: int = 4, width: int = 256, depth: int = 4) -> None:
        super().__init__()
        landmarks, edges = lies.shape
        self.lies = nn.Buffer(lies, persistent=False)
        self.on_none = nn.Buffer((lies.sum(dim=1) == 0).to(lies), persistent=False)
        self.pre = nn.Sequential(
            Conv(6, width // 4, 7, stride=2, norm=True),
            Residual(width // 4, width // 2),
            nn.MaxPool2d(2),
            Residual(width // 2, width // 2),
            Residual(width // 2, width),
        )
        self.hgs = nn.ModuleList(Hourglass(depth, width, 5 if i else 3) for i in range(stacks))
        self.features = nn.ModuleList(
            nn.Sequential(Residual(width, width), Conv(width, width, norm=True)) for _ in range(stacks)
        )
        self.kinds = {"heatmaps": landmarks, "pointmaps": landmarks} | ({"edgemaps": edges} if edges else {})
        for kind, maps in self.kinds.items():
            self.add_module(f"out_{kind}", nn.ModuleList(Conv(width, maps) for _ in range(stacks)))
            self.add_module(f"merge_{kind}", nn.ModuleList(Conv(maps, width) for _ in range(stacks - 1)))
        self.merge_features = nn.ModuleList(Conv(width, width) for _ in range(stacks - 1))

    def forward(self, x: Tensor) -> list[Maps]:
        """BGR in -1..1, [B, 3, S, S] -> the maps of each stack, [B, ., S / 4, S / 4]."""
        part = self.get_submodule
        x, heat, out = self.pre(with_coordinates(x)), None, []
        for i, hourglass in enumerate(self.hgs):
            features = self.features[i](hourglass(with_coordinates(x, heat)))
            maps = {kind: part(f"out_{kind}.{i}")(features) for kind in self.kinds}
            maps = {kind: F.relu(F.instance_norm(m)) if kind == "heatmaps" else m.sigmoid() for kind, m in maps.items()}
            fused = maps["heatmaps"] * maps["pointmaps"]
            if "edgemaps" in maps:
                fused = fused * F.conv2d(
                    maps["edgemaps"], self.lies[:, :, None, None].to(fused), self.on_none.to(fused)
                )
            out.append(Maps(fused, maps["pointmaps"], maps.get("edgemaps", x[:, :0])))
            if i < len(self.merge_features):
                merged = [part(f"merge_{kind}.{i}")(m) for kind, m in maps.items()]
                x, heat = x + self.merge_features[i](features) + sum(merged), maps["heatmaps"][:, -1:]
        return out
