"""ParFace-Net's inference and training steps done the straightforward way, as the original code does them.

The whole decoder runs where only landmarks are wanted, all of VGG19 runs, the repeated code is convolved plane by
plane, and gradients are computed that nobody uses. Same network, same losses, same numbers; ``parface_speed.py`` times
it beside the real thing.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench.plugins.losses.perceptual import VGG19Features
from parface_bench.plugins.methods.parface.network import ParFaceNetwork
from parface_bench.registry import LOSSES

LAYERS = (3, 8, 15, 22)


def depth_of(network: ParFaceNetwork, heatmaps: Tensor, z: Tensor) -> Tensor:
    """The depth head on heatmaps and planes of the repeated code."""
    planes = z[:, :, None, None].expand(-1, -1, *heatmaps.shape[2:])
    return network.LMH_3D.features(network.LMH_3D.conv1(torch.cat([heatmaps, planes], 1)))


def landmarks(network: ParFaceNetwork, x: Tensor) -> Callable[[], tuple[Tensor, Tensor]]:
    """Heatmaps and depth, with the reconstruction on the way."""

    def run() -> tuple[Tensor, Tensor]:
        with torch.no_grad():
            z = network.Q(x)
            x1 = network.P.first(z)
            network.P.rest(x1)
            heatmaps = network.LMH(x1, network.P)
            return heatmaps, depth_of(network, heatmaps, z)

    return run


class AllLayers(nn.Module):
    """VGG19 to its end, keeping the four layers' outputs."""

    def __init__(self) -> None:
        super().__init__()
        self.layers = VGG19Features([36]).features.requires_grad_(False).eval()

    def forward(self, images: Tensor) -> list[Tensor]:
        """Images [B, 3, H, W] -> features of the four layers."""
        images = F.interpolate(images, (224, 224), mode="bilinear", align_corners=False)
        x, kept = (images - 0.45) / 0.225, []
        for number, layer in enumerate(self.layers):
            x = layer(x)
            if number in LAYERS:
                kept.append(x)
        return kept


def autoencoder_step(network: ParFaceNetwork, x: Tensor) -> Callable[[], Tensor]:
    """One step of encoder, decoder and critic with L2, perceptual and adversarial loss."""
    adversary, vgg = LOSSES.build("wgan_gp_parface"), AllLayers()
    both = torch.optim.Adam([*network.Q.parameters(), *network.P.parameters()], 2e-5, (0.0, 0.999))
    critic = torch.optim.Adam(network.D.parameters(), 1e-5, (0.0, 0.999))

    def run() -> Tensor:
        network.train()
        network.zero_grad()
        recon = network.P(network.Q(x))
        loss = F.mse_loss(recon, x)
        loss = loss + 0.1 * sum(F.mse_loss(a, b) for a, b in zip(vgg(recon), vgg(x), strict=True))
        adversary.critic(network.D, x, recon).backward()
        critic.step()
        network.D.zero_grad()
        network.D.requires_grad_(False)
        loss = loss + adversary(recon, critic=network.D)
        loss.backward()
        network.D.requires_grad_(True)
        both.step()
        return loss.detach()

    return run


def adaptive_wing(prediction: Tensor, target: Tensor) -> Tensor:
    """The original's adaptive wing loss, small and large errors picked out and summed one after the other."""
    alpha, omega, epsilon, theta = 2.1, 14.0, 1.0, 0.5
    error = (target - prediction).abs()
    small, large = error < theta, error >= theta
    y, d = target[small], error[small]
    first = omega * torch.log(1 + torch.pow(d / omega, alpha - y))
    y, d = target[large], error[large]
    power = torch.pow(torch.tensor(theta / epsilon), alpha - y)
    a = omega * (1 / (1 + power)) * (alpha - y) * torch.pow(torch.tensor(theta / epsilon), alpha - y - 1) / epsilon
    second = a * d - (theta * a - omega * torch.log(1 + power))
    return (first.sum() + second.sum()) / error.numel()


def head_step(network: ParFaceNetwork, x: Tensor, target: Tensor) -> Callable[[], Tensor]:
    """One step of the 2D head with adaptive wing loss."""
    optimizer = torch.optim.Adam(network.LMH.parameters(), 1e-4)

    def run() -> Tensor:
        network.eval()
        network.zero_grad()
        with torch.no_grad():
            x1 = network.P.first(network.Q(x))
            F.l1_loss(network.P.rest(x1), x)
        loss = 300 * adaptive_wing(network.LMH(x1, network.P), target)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return run


def depth_step(network: ParFaceNetwork, x: Tensor, heatmaps: Tensor | None, depth: Tensor) -> Callable[[], Tensor]:
    """One step of the depth head, on true heatmaps or (None) on predicted ones."""
    optimizer = torch.optim.Adam(network.LMH_3D.parameters(), 1e-5)

    def run() -> Tensor:
        network.eval()
        network.LMH_3D.train()
        network.zero_grad()
        with torch.no_grad():
            z = network.Q(x)
            x1 = network.P.first(z)
            F.l1_loss(network.P.rest(x1), x)
        found = network.LMH(x1, network.P)
        loss = 300 * F.mse_loss(depth_of(network, found if heatmaps is None else heatmaps, z), depth / 256)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return run
