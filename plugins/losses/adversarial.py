"""Adversarial losses. Each gives two: the critic's, and the one that makes the other side look real.

``loss(prediction, target, critic)`` is what the generator (or encoder) minimises; ``loss.critic(critic, real, fake)``
is what the critic minimises, with ``fake`` cut off from its graph. The critic's own parameters should not need
gradients while the generator's loss is computed.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench import loss

Critic = Callable[[Tensor], Tensor]
EPS = 1e-8


def gradient_penalty(critic: Critic, real: Tensor, fake: Tensor, alpha: Tensor | None = None) -> Tensor:
    """Mean of ``(|gradient of the critic| - 1) ** 2`` at points between real and fake (Gulrajani et al. 2017, eq. 3).

    Args:
        critic: images [B, ...] -> score of each, [B] or [B, 1].
        real, fake: [B, ...].
        alpha: share of the real image in each point, [B]; uniformly random if None.
    """
    if alpha is None:
        alpha = torch.rand(len(real), device=real.device, dtype=real.dtype)
    alpha = alpha.reshape(-1, *[1] * (real.dim() - 1))
    between = (alpha * real.detach() + (1 - alpha) * fake.detach()).requires_grad_()
    (gradient,) = torch.autograd.grad(critic(between).sum(), between, create_graph=True)
    return (gradient.flatten(1).norm(dim=1) - 1).square().mean()


@loss(
    "wgan_gp",
    summary="Wasserstein GAN with gradient penalty, as published",
    reference="Gulrajani et al., NeurIPS 2017, arXiv:1704.00028",
)
class WassersteinGP(nn.Module):
    """WGAN with gradient penalty (Gulrajani et al., NeurIPS 2017, arXiv:1704.00028): the critic's score is unbounded.

    A critic that ends in a sigmoid is taken by its logit.

    Args:
        penalty: weight of the gradient penalty, lambda in the paper.
    """

    def __init__(self, penalty: float = 10.0) -> None:
        super().__init__()
        self.penalty = penalty

    @staticmethod
    def score(critic: Critic, images: Tensor) -> Tensor:
        """The critic's score before a sigmoid, if it has one: [B]."""
        return getattr(critic, "logits", critic)(images)

    def forward(self, prediction: Tensor, target: Tensor | None = None, *, critic: Critic) -> Tensor:
        """The generator's loss; the target plays no part."""
        return -self.score(critic, prediction).mean()

    def critic(self, critic: Critic, real: Tensor, fake: Tensor, alpha: Tensor | None = None) -> Tensor:
        """The critic's loss, with the penalty."""
        difference = self.score(critic, fake.detach()).mean() - self.score(critic, real).mean()
        return difference + self.penalty * gradient_penalty(lambda x: self.score(critic, x), real, fake, alpha)


@loss(
    "wgan_gp_parface",
    summary="WGAN-GP as the original ParFace code computes it: softplus of the critic's probability",
    reference="ParFace, src/aae_training.py",
)
class WassersteinGPParFace(WassersteinGP):
    """WGAN-GP as the ParFace code computes it: softplus of the critic's probability in place of a score.

    The penalty's gradient is that of the probability, which is far from 1, so that the penalty outweighs the rest.
    """

    @staticmethod
    def score(critic: Critic, images: Tensor) -> Tensor:
        """The critic's probability, [B]."""
        return critic(images)

    def forward(self, prediction: Tensor, target: Tensor | None = None, *, critic: Critic) -> Tensor:
        """The generator's loss; the target plays no part."""
        return -F.softplus(critic(prediction)).mean()

    def critic(self, critic: Critic, real: Tensor, fake: Tensor, alpha: Tensor | None = None) -> Tensor:
        """The critic's loss, with the penalty; the critic sees real, fake and mixed images in this order."""
        real_term = F.softplus(critic(real)).mean()
        fake_term = F.softplus(critic(fake.detach())).mean()
        return fake_term - real_term + self.penalty * gradient_penalty(critic, real, fake, alpha)


@loss(
    "gan",
    summary="GAN with the non-saturating generator loss",
    reference="Goodfellow et al., NeurIPS 2014, arXiv:1406.2661",
)
class GAN(nn.Module):
    """The original GAN losses with the non-saturating generator (Goodfellow et al., NeurIPS 2014, arXiv:1406.2661).

    The critic gives probabilities.
    """

    def forward(self, prediction: Tensor, target: Tensor | None = None, *, critic: Critic) -> Tensor:
        """The generator's loss; the target plays no part."""
        return -torch.log(critic(prediction) + EPS).mean()

    def critic(self, critic: Critic, real: Tensor, fake: Tensor) -> Tensor:
        """The critic's loss."""
        return -torch.log(critic(real) + EPS).mean() - torch.log(1 - critic(fake.detach()) + EPS).mean()


@loss(
    "code_adversary",
    summary="adversarial autoencoder: codes should look like normal samples",
    reference="Makhzani et al. 2015, arXiv:1511.05644",
)
class CodeAdversary(GAN):
    """Adversarial autoencoder (Makhzani et al. 2015, arXiv:1511.05644): codes should look like normal samples.

    ``loss(codes, critic=D_z)`` is the encoder's loss, ``loss.critic(D_z, samples, codes)`` the critic's.
    """

    @staticmethod
    def samples(codes: Tensor) -> Tensor:
        """As many samples of the normal distribution."""
        return torch.randn_like(codes)
