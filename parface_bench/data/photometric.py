"""Light, colour, sharpness, noise and covering rectangles on batches of images; each face its own parameters."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
import torch.nn.functional as F
from torch import Tensor

if TYPE_CHECKING:
    from parface_bench.data.augment import Augmentation

# ITU-R BT.601, as for grey pictures everywhere
_LUMA = (0.299, 0.587, 0.114)


def change(
    images: Tensor, config: Augmentation, generator: torch.Generator | None, landmarks: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Light and colour, then blur, covering rectangle and noise.

    Args:
        images: float [B, 3, S, S], 0..1.
        config: how much of what.
        generator: on the CPU.
        landmarks: [B, L, 2], to tell which are covered.

    Returns:
        New images in 0..1, and bool [B, L]: landmark covered (None where none can be).
    """
    faces, size = len(images), images.shape[-1]

    def share(fraction: float) -> Tensor:
        return torch.rand(faces, generator=generator) < fraction

    def factor(most: float) -> Tensor:
        return (1 + (torch.rand(faces, generator=generator) * 2 - 1) * most).clamp_min(0)

    brightness, contrast, saturation = factor(config.brightness), factor(config.contrast), factor(config.saturation)
    turn = (torch.rand(faces, generator=generator) * 2 - 1) * config.hue
    saturation = torch.where(share(config.grey), 0.0, saturation)
    blur = torch.where(share(config.blur), torch.rand(faces, generator=generator) * config.blur_sigma * size, 0.0)
    noise = torch.where(share(config.noise), torch.rand(faces, generator=generator) * config.noise_sigma, 0.0)
    cover = share(config.occlusion)
    boxes = _rectangles(faces, size, config.occlusion_size, generator)
    fill = torch.rand((faces, 3), generator=generator)
    seed = int(torch.randint(2**62, (1,), generator=generator))

    images = colour(images, brightness, contrast, saturation, turn)
    if blur.any():
        images = gaussian_blur(images, blur)
    covered = None
    if cover.any():
        images, covered = occlude(images, boxes, cover, fill, landmarks)
    if noise.any():
        source = torch.Generator(images.device).manual_seed(seed)
        grain = torch.randn(images.shape, generator=source, device=images.device, dtype=images.dtype)
        images = images + grain * noise.to(images)[:, None, None, None]
    return images.clamp(0, 1), covered


def colour(images: Tensor, brightness: Tensor, contrast: Tensor, saturation: Tensor, hue: Tensor) -> Tensor:
    """Factors [B] of brightness, contrast (about the image's mean grey) and saturation, and a turn of hue [B].

    One linear map of the colours per face; hue turns about the grey axis, 1 being the whole circle.
    """
    faces = len(images)
    luma = torch.tensor(_LUMA)
    grey = torch.ones(3, 1) * luma
    angle = 2 * torch.pi * hue
    third, root = 1.0 / 3.0, 3.0**-0.5
    c, s = angle.cos()[:, None, None], angle.sin()[:, None, None]
    cross = torch.tensor([[0.0, -1.0, 1.0], [1.0, 0.0, -1.0], [-1.0, 1.0, 0.0]]) * root
    turn = c * torch.eye(3) + (1 - c) * third + s * cross
    wash = saturation[:, None, None] * torch.eye(3) + (1 - saturation)[:, None, None] * grey
    linear = (brightness * contrast)[:, None, None] * (wash @ turn)
    linear = linear.to(images)
    mean = torch.einsum("bchw,c->b", images, luma.to(images)) / images[0, 0].numel()
    offset = (brightness * (1 - contrast)).to(images) * mean
    out = torch.einsum("bij,bjhw->bihw", linear, images)
    return (out + offset.view(faces, 1, 1, 1)).clamp(0, 1)


def gaussian_blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image with its own standard deviation [B] in pixels (0: not at all), edges repeated."""
    chosen = (sigma > 0.05).nonzero()[:, 0]
    if not len(chosen):
        return images
    part, own = images[chosen.to(images.device)], sigma[chosen].to(images)
    faces, channels, height, width = part.shape
    radius = min(int(torch.ceil(3 * own.max())), min(height, width) - 1)
    step = torch.arange(-radius, radius + 1, device=images.device, dtype=images.dtype)
    kernel = torch.exp(-(step**2) / (2 * own[:, None] ** 2))
    kernel = (kernel / kernel.sum(dim=1, keepdim=True)).repeat_interleave(channels, dim=0)
    flat = part.reshape(1, faces * channels, height, width)
    flat = F.pad(flat, (radius, radius, radius, radius), mode="replicate")
    flat = F.conv2d(flat, kernel[:, None, None, :], groups=faces * channels)
    flat = F.conv2d(flat, kernel[:, None, :, None], groups=faces * channels)
    out = images.clone()
    out[chosen.to(images.device)] = flat.view(part.shape)
    return out


def occlude(
    images: Tensor, boxes: Tensor, cover: Tensor, fill: Tensor, landmarks: Tensor | None
) -> tuple[Tensor, Tensor | None]:
    """Cover a rectangle [B, 4] (x1, y1, x2, y2, pixels) of the faces in ``cover`` [B] with a colour [B, 3]."""
    boxes, cover = boxes.to(images), cover.to(images.device)
    place = torch.arange(images.shape[-1], device=images.device, dtype=images.dtype)
    x1, y1, x2, y2 = (side[:, None] for side in boxes.unbind(dim=1))
    columns, rows = (place >= x1) & (place <= x2), (place >= y1) & (place <= y2)
    mask = rows[:, :, None] & columns[:, None, :] & cover[:, None, None]
    images = torch.where(mask[:, None], fill.to(images)[:, :, None, None], images)
    if landmarks is None:
        return images, None
    x, y = landmarks.unbind(dim=-1)
    return images, (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2) & cover[:, None]


def _rectangles(faces: int, size: int, sides: tuple[float, float], generator: torch.Generator | None) -> Tensor:
    extent = (torch.rand((faces, 2), generator=generator) * (sides[1] - sides[0]) + sides[0]) * size
    centre = torch.rand((faces, 2), generator=generator) * size
    return torch.cat([centre - extent / 2, centre + extent / 2], dim=1)
