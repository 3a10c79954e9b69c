"""STAR loss: a landmark's error along and across the direction in which its heatmap is unsure (Zhou, CVPR 2023)."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import torch
from torch import Tensor, nn

from parface_bench import loss
from parface_bench.registry.errors import UserError, check_known

# of the norm of an error, in the map's coordinates from -1 to 1
SCALE = 0.01
# Where the eigenvalues are nearly equal (half their difference below this share of their sum) the axes mean nothing and
# turn with every breath of the map: they are held fixed. The gradient of LAPACK's `eigh` has no bound there.
ROUND = 0.02


class Ellipse(NamedTuple):
    """Where a heatmap lies and how far it reaches, in coordinates of -1 to 1 from the first to the last pixel."""

    mean: Tensor  # [B, L, 2] (x, y)
    covariance: Tensor  # [B, L, 2, 2]
    values: Tensor  # [B, L, 2]: eigenvalues of the covariance, ascending
    vectors: Tensor  # [B, L, 2, 2]: the eigenvectors, in the columns


@loss(
    "star",
    on="distributions",
    summary="error of a heatmap's mean along and across its principal axes, over its spread along each",
    reference="Zhou et al., STAR Loss, CVPR 2023, arXiv:2306.02763",
)
class Star(nn.Module):
    """Self-adaptive ambiguity reduction, of heatmaps that are not negative.

    The error of a map's mean is projected on the principal axes of the map and divided by the map's spread along each:
    an error in the direction in which the annotation is ambiguous costs less. So that spread alone does not lower the
    loss, the eigenvalues are added.

    Args:
        weight: of the eigenvalues.
        distance: of an error: 'smooth_l1' of its norm with scale 0.01, 'l1', 'l2', or in version 1 'wing' of its norm.
        version: 2 measures the two axes one by one and adds them (the authors' default); 1 measures them as one vector.
    """

    def __init__(self, weight: float = 1.0, distance: str = "smooth_l1", version: int = 2) -> None:
        super().__init__()
        check_known([distance], DISTANCES, "loss star: distance", "does not exist")
        if version not in (1, 2) or (version == 2 and distance == "wing"):
            raise UserError(f"loss star: version {version} with distance {distance!r}; use 1 or 2, and wing in 1 only")
        self.weight, self.distance, self.version = weight, DISTANCES[distance], version

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Heatmaps [B, L, H, W] and landmarks [B, L, 2] in heatmap pixels -> scalar.

        Landmarks outside a map count as on its border; those that are NaN were not annotated and teach nothing.
        """
        last = torch.tensor([prediction.shape[-1] - 1, prediction.shape[-2] - 1], device=target.device)
        known = ~target.isnan().any(dim=-1)
        place = torch.where(known[..., None], target, 0.0) * (2 / last) - 1
        each = self.each(ellipse(prediction), place.clamp(-1, 1).to(torch.promote_types(prediction.dtype, torch.float)))
        return torch.where(known, each, 0.0).mean()

    def each(self, maps: Ellipse, place: Tensor) -> Tensor:
        """The loss of each landmark [B, L], its place given in coordinates of -1 to 1."""
        along = torch.einsum("blc,blck->blk", place - maps.mean, maps.vectors)
        scaled = (maps.values.clamp_min(0) + 1e-5).rsqrt()
        if self.version == 1:
            return self.distance(along * scaled) + self.weight * maps.values.sum(dim=-1)
        error = (self.distance(along[..., None]) * scaled).sum(dim=-1)
        return error + self.weight * maps.values.abs().sum(dim=-1)


def ellipse(heatmaps: Tensor) -> Ellipse:
    """Mean, covariance (the unbiased one of weighted samples) and its axes of heatmaps [B, L, H, W] as weights."""
    h = heatmaps if heatmaps.dtype == torch.float64 else heatmaps.float()
    p = h / h.sum(dim=(2, 3), keepdim=True).clamp_min(1e-6)
    x, y = (torch.linspace(-1, 1, side, dtype=p.dtype, device=p.device) for side in (p.shape[-1], p.shape[-2]))
    along_x, along_y = p.sum(dim=2), p.sum(dim=3)
    mean = torch.stack([along_x @ x, along_y @ y], dim=-1)
    dx, dy = x - mean[..., :1], y - mean[..., 1:]
    total = p.sum(dim=(2, 3)) + 1e-5
    freedom = total - (p.square().sum(dim=(2, 3)) + 1e-5) / total
    xx, yy = (along_x * dx.square()).sum(dim=-1), (along_y * dy.square()).sum(dim=-1)
    xy = torch.einsum("blhw,blh,blw->bl", p, dy, dx)
    covariance = torch.stack([xx, xy, xy, yy], dim=-1).unflatten(-1, (2, 2)) / freedom[..., None, None]
    return Ellipse(mean, covariance, *eigen(covariance))


def eigen(covariance: Tensor) -> tuple[Tensor, Tensor]:
    """Eigenvalues [..., 2], ascending, and eigenvectors in columns [..., 2, 2] of symmetric 2 x 2 matrices.

    In closed form; where the eigenvalues are nearly equal no gradient flows through the eigenvectors.
    """
    a, b, c = covariance[..., 0, 0], covariance[..., 0, 1], covariance[..., 1, 1]
    middle, half = (a + c) / 2, (a - c) / 2
    radius = (half.square() + b.square() + 1e-16).sqrt()
    # the axis of the larger value, from the sum that does not cancel
    lies = half >= 0
    x, y = torch.where(lies, radius + half, b), torch.where(lies, b, radius - half)
    norm = (x.square() + y.square()).rsqrt()
    x, y = x * norm, y * norm
    vectors = torch.stack([torch.stack([-y, x], dim=-1), torch.stack([x, y], dim=-1)], dim=-1)
    round_ = (radius <= ROUND * (a + c).abs() + 1e-6)[..., None, None]
    return torch.stack([middle - radius, middle + radius], dim=-1), torch.where(round_, vectors.detach(), vectors)


def _smooth_l1(error: Tensor) -> Tensor:
    square = error.square().sum(dim=-1)
    return torch.where(square < SCALE**2, square / (2 * SCALE), square.clamp_min(1e-6).sqrt() - SCALE / 2)


def _l1(error: Tensor) -> Tensor:
    return error.abs().mean(dim=-1)


def _l2(error: Tensor) -> Tensor:
    return error.square().mean(dim=-1)


def _wing(error: Tensor, omega: float = 0.01, epsilon: float = 2.0) -> Tensor:
    norm = error.square().sum(dim=-1).clamp_min(1e-6).sqrt()
    offset = omega - omega * math.log1p(omega / epsilon)
    return torch.where(norm < omega, omega * torch.log1p(norm / epsilon), norm - offset)


# of errors [..., N] along N axes, to [...]
DISTANCES: dict[str, Callable[[Tensor], Tensor]] = {"smooth_l1": _smooth_l1, "l1": _l1, "l2": _l2, "wing": _wing}
