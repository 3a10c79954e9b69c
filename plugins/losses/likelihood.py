"""Residual log-likelihood estimation: a loss that learns the shape of its own errors (Li et al., ICCV 2021)."""

from __future__ import annotations

import math

import torch
from torch import Tensor, nn

from parface_bench import loss
from parface_bench.registry.errors import UserError, check_known

FORMS = ("original", "mmpose")
BASES = ("laplace", "gaussian")


class RealNVP(nn.Module):
    """A normalising flow of 2D points (Dinh et al., ICLR 2017): couplings move one coordinate by the other."""

    def __init__(self, width: int = 64) -> None:
        super().__init__()
        self.mask: Tensor
        self.register_buffer("mask", torch.tensor([[0.0, 1.0], [1.0, 0.0]] * 3))
        self.s = nn.ModuleList(nn.Sequential(*_layers(width), nn.Tanh()) for _ in self.mask)
        self.t = nn.ModuleList(nn.Sequential(*_layers(width)) for _ in self.mask)

    def to_latent(self, points: Tensor) -> tuple[Tensor, Tensor]:
        """Points [N, 2] -> where they come from in the latent space [N, 2], and the log-determinant of the way [N]."""
        z, log_det = points, points.new_zeros(len(points))
        for i in reversed(range(len(self.mask))):
            kept = self.mask[i]
            scale, shift = self.s[i](kept * z) * (1 - kept), self.t[i](kept * z) * (1 - kept)
            z = (1 - kept) * (z - shift) * torch.exp(-scale) + kept * z
            log_det = log_det - scale.sum(dim=1)
        return z, log_det

    def from_latent(self, z: Tensor) -> Tensor:
        """The reverse of :meth:`to_latent`, points [N, 2]."""
        for i, kept in enumerate(self.mask):
            scale, shift = self.s[i](kept * z) * (1 - kept), self.t[i](kept * z) * (1 - kept)
            z = kept * z + (1 - kept) * (z * torch.exp(scale) + shift)
        return z

    def log_prob(self, points: Tensor) -> Tensor:
        """Log-density [N] of points [N, 2], the latent one being standard normal."""
        z, log_det = self.to_latent(points)
        return log_det - 0.5 * (z**2).sum(dim=1) - math.log(2 * math.pi)


@loss(
    "rle",
    summary="residual log-likelihood of coordinates with their sigmas [B, L, 4]; forms: original, mmpose",
    reference="Li et al., Human Pose Regression with RLE, ICCV 2021, arXiv:2107.11291",
)
class ResidualLogLikelihood(nn.Module):
    """Negative log-likelihood of coordinates with a learned error distribution, scaled by a predicted sigma.

    The error in units of sigma has the density of a simple base Q times what a flow adds to it. Its log-density is one
    number a landmark and counts for both coordinates; log sigma counts twice (change of variables, Q), as published.

    Args:
        form: ``original``: Q has a Gaussian's height and a Laplacian's tails, as the authors' code; ``mmpose``: a
            proper Laplacian or Gaussian.
        base: of the form ``mmpose``: ``laplace`` or ``gaussian``.
        residual: learn what the base leaves over; False: the flow alone.
    """

    def __init__(self, form: str = "original", base: str = "laplace", residual: bool = True) -> None:
        super().__init__()
        for what, name, known in (("form", form, FORMS), ("base", base, BASES)):
            check_known([name], known, f"loss rle: {what}", "does not exist")
        if form == "original" and base != "laplace":
            raise UserError("loss rle: the form 'original' has a base of its own; a base is chosen with form: mmpose")
        self.form, self.base, self.residual = form, base, residual
        self.flow = RealNVP()

    def forward(self, prediction: Tensor, target: Tensor, weight: Tensor | None = None) -> Tensor:
        """Prediction [B, L, 4] (x, y and the logits of their sigmas), target [B, L, 2], weight [B, L] -> scalar.

        The sum over landmarks and coordinates, averaged over the faces.
        """
        terms = self.terms(prediction.float(), target.float())
        return (terms if weight is None else terms * weight[..., None]).sum() / len(terms)

    def terms(self, prediction: Tensor, target: Tensor) -> Tensor:
        """The loss of each coordinate [B, L, 2]."""
        sigma = prediction[..., 2:].sigmoid()
        difference = prediction[..., :2] - target
        error = difference / (sigma if self.form == "original" else sigma + 1e-9)
        log_phi = self.flow.log_prob(error.flatten(0, 1)).unflatten(0, error.shape[:2])[..., None]
        loss = sigma.log() - log_phi
        if not self.residual:
            return loss
        if self.form == "original":
            return loss + (sigma * math.sqrt(2 * math.pi)).log() + difference.abs() / (math.sqrt(2) * sigma + 1e-9)
        if self.base == "laplace":
            return loss + (2 * sigma).log() + error.abs()
        return loss + (sigma * math.sqrt(2 * math.pi)).log() + error**2 / 2


def _layers(width: int) -> list[nn.Module]:
    linear = [nn.Linear(2, width), nn.Linear(width, width), nn.Linear(width, 2)]
    for layer in linear:
        nn.init.xavier_uniform_(layer.weight, gain=0.01)
    return [linear[0], nn.LeakyReLU(), linear[1], nn.LeakyReLU(), linear[2]]
