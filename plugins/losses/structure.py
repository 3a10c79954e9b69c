"""Structural similarity: as published, and the original's contrast-structure term."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench import loss


def gaussian_window(size: int, sigma: float = 1.5) -> Tensor:
    """One-dimensional normalised Gaussian of ``size`` samples."""
    offsets = torch.arange(size, dtype=torch.float64) - size // 2
    weights = torch.exp(-(offsets**2) / (2 * sigma**2))
    return (weights / weights.sum()).float()


def blur(images: Tensor, window: Tensor) -> Tensor:
    """Separable filter without padding: [B, C, H, W] -> [B, C, H - size + 1, W - size + 1]."""
    channels = images.shape[1]
    kernel = window.to(images).repeat(channels, 1, 1, 1)
    images = F.conv2d(images, kernel.transpose(2, 3), groups=channels)
    return F.conv2d(images, kernel, groups=channels)


@loss(
    "ssim",
    on="images",
    summary="one minus structural similarity",
    reference="Wang et al., IEEE Trans. Image Processing 13(4), 2004",
)
class SSIM(nn.Module):
    """One minus the structural similarity (Wang et al., IEEE Trans. Image Processing 2004).

    Args:
        window_size: side of the Gaussian window in pixels.
        sigma: its standard deviation.
        data_range: distance between the smallest and the largest possible value, L in the paper.
    """

    def __init__(self, window_size: int = 11, sigma: float = 1.5, data_range: float = 1.0) -> None:
        super().__init__()
        self.window = gaussian_window(window_size, sigma)
        self.data_range = data_range

    def terms(self, first: Tensor, second: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
        """The maps of luminance and of contrast-structure, [B, C, H', W'], in full precision under autocast too."""
        with torch.autocast(first.device.type, enabled=False):
            return self._terms(first.float(), second.float(), data_range)

    def _terms(self, first: Tensor, second: Tensor, data_range: float) -> tuple[Tensor, Tensor]:
        c1, c2 = (0.01 * data_range) ** 2, (0.03 * data_range) ** 2
        # a variance is a small difference of large numbers
        mean1, mean2 = blur(first, self.window), blur(second, self.window)
        variance1 = blur(first * first, self.window) - mean1**2
        variance2 = blur(second * second, self.window) - mean2**2
        covariance = blur(first * second, self.window) - mean1 * mean2
        luminance = (2 * mean1 * mean2 + c1) / (mean1**2 + mean2**2 + c1)
        return luminance, (2 * covariance + c2) / (variance1 + variance2 + c2)

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Images [B, C, H, W] -> scalar, 0 for equal images."""
        luminance, contrast = self.terms(prediction, target, self.data_range)
        return 1 - (luminance * contrast).mean()


@loss(
    "contrast_structure_parface",
    on="images",
    summary="what the original ParFace code calls SSIM: the contrast-structure term with a guessed range",
    reference="ParFace, csl_common/metrics/ssim.py",
)
class ContrastStructureParFace(SSIM):
    """The term that the ParFace code calls SSIM: contrast and structure alone, with a guessed range of values.

    The range is 2 for images with values below -0.5 and 1 otherwise (255 or 256 with values above 128), judged by the
    first of the two images alone, so that exchanging them changes the value.
    """

    def __init__(self, window_size: int = 31) -> None:
        super().__init__(window_size)

    @staticmethod
    def guessed_range(images: Tensor) -> float:
        """The range that the original would assume."""
        top = 255.0 if images.max() > 128 else 1.0
        return top - (-1.0 if images.min() < -0.5 else 0.0)

    def similarity(self, first: Tensor, second: Tensor) -> Tensor:
        """Mean contrast-structure term over all images [B, C, H, W] together."""
        return self.terms(first, second, self.guessed_range(first))[1].mean()

    def forward(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Images [B, C, H, W] -> scalar, 0 for equal images; each target has its own range."""
        pairs = zip(target.float().split(1), prediction.float().split(1), strict=True)
        return 1 - torch.stack([self.similarity(a, b) for a, b in pairs]).mean()
