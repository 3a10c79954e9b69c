"""A linear path beside the autoencoder: principal components, which a network improves on instead of learning anew."""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor, nn


class PrincipalPath(nn.Module):
    """Code and image of a principal component analysis, to which encoder and decoder add what is not linear.

    Codes keep the components' proportions: over the faces that it was fitted on, each number has mean 0 and the largest
    variance is 1. Until it is fitted it gives zeros. Components are buffers: no optimizer moves them; what learns, in
    stages that train ``network.linear``, is how much of each number goes into the code, from all of it (1).

    Args:
        code_size: numbers in a code.
        image_size: side of the square image in pixels.
    """

    mean: Tensor
    axes: Tensor
    scale: Tensor  # one number

    def __init__(self, code_size: int, image_size: int) -> None:
        super().__init__()
        self.image_size = image_size
        pixels = 3 * image_size * image_size
        self.register_buffer("mean", torch.zeros(pixels))
        self.register_buffer("axes", torch.zeros(code_size, pixels))
        self.register_buffer("scale", torch.ones(()))
        self.weights = nn.Parameter(torch.ones(code_size))

    def fit(self, pictures: np.ndarray, offset: tuple[float, ...]) -> None:
        """Find the components.

        Args:
            pictures: uint8 [N, S, S, 3], RGB; up to ``code_size`` of them leave the last components at 0.
            offset: what :meth:`encode`'s images have subtracted from R, G and B in 0..1.
        """
        wanted = min(len(self.axes), len(pictures) - 1)
        rows = (
            torch.from_numpy(pictures).permute(0, 3, 1, 2).float() / 255 - torch.tensor(offset)[:, None, None]
        ).flatten(1)
        self.mean.copy_(rows.mean(0))
        rows -= self.mean.to(rows)
        # by a block of random starts (Halko, Martinsson & Tropp, SIAM Review 2011): exact takes ten times as long
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            _, singular, axes = torch.pca_lowrank(rows, min(wanted + 20, *rows.shape), center=False, niter=6)
        self.axes.zero_()
        self.axes[:wanted].copy_(axes[:, :wanted].T)
        self.scale.fill_(max(float(singular[0]) / len(rows) ** 0.5, 1e-6))  # pictures may all be the same

    def encode(self, images: Tensor) -> Tensor:
        """Images [B, 3, S, S] -> codes [B, code_size]."""
        return self.weights * (((images.flatten(1) - self.mean) @ self.axes.T) / self.scale)

    def decode(self, codes: Tensor) -> Tensor:
        """Codes [B, code_size] -> images [B, 3, S, S]."""
        images = self.mean + (codes * self.scale) @ self.axes
        return images.reshape(-1, 3, self.image_size, self.image_size)
