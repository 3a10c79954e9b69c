"""Light, colour, sharpness, noise and covering rectangles on batches of images; each face its own parameters."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from parface_bench.data.batches.augmentation import Augmentation

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
        images = add_noise(images, noise, seed)
    return images.clamp_(0, 1), covered


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
    mean = images.mean(dim=(2, 3)) @ luma.to(images)
    offset = (brightness * (1 - contrast)).to(images) * mean
    if images.device.type == "cpu" and not images.requires_grad:
        whole = torch.cat([linear, offset[:, None, None].expand(-1, 3, 1)], dim=2).numpy()
        out = each_face(images, images.shape[-1], lambda i, face, to: cv2.transform(face, whole[i], dst=to))
    else:
        out = torch.einsum("bij,bjhw->bihw", linear.to(images), images) + offset.view(faces, 1, 1, 1)
    return out.clamp_(0, 1)


def each_face(images: Tensor, size: int, work: Callable[[int, np.ndarray, np.ndarray], Any]) -> Tensor:
    """OpenCV on every face of a batch on the CPU, where it is several times as fast as torch.

    Args:
        images: [B, 3, H, W].
        size: side of the result.
        work: of position, image [H, W, 3] and where to put the result [size, size, 3].

    Returns:
        [B, 3, size, size], channels last in memory.
    """
    out = np.empty((len(images), size, size, 3), dtype=np.float32)
    for i, face in enumerate(images.detach().float().permute(0, 2, 3, 1).contiguous().numpy()):
        work(i, face, out[i])
    return torch.from_numpy(out).permute(0, 3, 1, 2)


def add_noise(images: Tensor, sigma: Tensor, seed: int) -> Tensor:
    """White Gaussian noise with each image's own standard deviation [B] (0: none), a new batch."""
    chosen = sigma.nonzero()[:, 0]
    source = torch.Generator(images.device).manual_seed(seed)
    grain = torch.randn((len(chosen), *images.shape[1:]), generator=source, device=images.device, dtype=images.dtype)
    grain = grain * sigma[chosen].to(images)[:, None, None, None]
    return images.index_add(0, chosen.to(images.device), grain)


def gaussian_blur(images: Tensor, sigma: Tensor) -> Tensor:
    """Blur each image with its own standard deviation [B] in pixels (0: not at all), edges repeated."""
    chosen = (sigma > 0.05).nonzero()[:, 0]
    if not len(chosen):
        return images
    part, own = images[chosen.to(images.device)], sigma[chosen].to(images)
    faces, channels, height, width = part.shape
    # of the numbers on the CPU: a GPU is not waited for
    radius = min(int(torch.ceil(3 * sigma[chosen].max())), min(height, width) - 1)
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
    chosen = cover.nonzero()[:, 0].tolist()
    boxes, cover = boxes.to(images), cover.to(images.device)
    place = torch.arange(images.shape[-1], device=images.device, dtype=images.dtype)
    x1, y1, x2, y2 = (side[:, None] for side in boxes.unbind(dim=1))
    columns, rows = (place >= x1) & (place <= x2), (place >= y1) & (place <= y2)
    images = images.clone()
    for i in chosen:
        mask = rows[i][:, None] & columns[i][None]
        images[i] = torch.where(mask, fill[i].to(images)[:, None, None], images[i])
    if landmarks is None:
        return images, None
    x, y = landmarks.unbind(dim=-1)
    return images, (x >= x1) & (x <= x2) & (y >= y1) & (y <= y2) & cover[:, None]


def _rectangles(faces: int, size: int, sides: tuple[float, float], generator: torch.Generator | None) -> Tensor:
    extent = (torch.rand((faces, 2), generator=generator) * (sides[1] - sides[0]) + sides[0]) * size
    centre = torch.rand((faces, 2), generator=generator) * size
    return torch.cat([centre - extent / 2, centre + extent / 2], dim=1)
