"""Augmentation of batches on their device: each face its own parameters, and the truth follows.

All parameters are drawn on the CPU from one generator, so that a seed gives the same faces on every device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from parface_bench.data.batches import photometric
from parface_bench.data.batches.augmentation import Augmentation
from parface_bench.data.batches.batch import Batch
from parface_bench.faces import Schema, get_schema
from parface_bench.registry.errors import UserError


class Augmenter:
    """An :class:`Augmentation` that acts on batches: ``Augmenter(config, "ibug68")(batch, generator)``."""

    def __init__(self, config: Augmentation | Mapping[str, Any] | None, schema: Schema | str = "") -> None:
        """Take the settings, and the landmarks' schema, whose mirror pairs a flip exchanges ('' = no landmarks)."""
        self.config = Augmentation.from_config(config)
        self.schema = get_schema(schema) if isinstance(schema, str) and schema else schema

    def margin(self, size: int) -> int:
        """See :meth:`Augmentation.margin`."""
        return self.config.margin(size)

    def __call__(self, batch: Batch, generator: torch.Generator | None = None) -> Batch:
        """A new batch of the crops proper (without margin), changed; the given one stays as it is.

        Args:
            batch: images float in 0..1, with margin or not.
            generator: on the CPU; None = torch's own.
        """
        batch = self._geometric(batch, generator)
        images, covered = photometric.change(batch.images, self.config, generator, batch.landmarks)
        visible = batch.visible
        if visible is not None and covered is not None:
            visible = visible & ~covered
        return replace(batch, images=images, visible=visible)

    def _geometric(self, batch: Batch, generator: torch.Generator | None) -> Batch:
        c, faces, full = self.config, len(batch), batch.size
        size = full - 2 * batch.margin
        angle = _either(faces, c.rotation, generator)
        shift = _either((faces, 2), c.translation * size, generator)
        factor = torch.rand((faces, 2), generator=generator) * (c.scale[1] - c.scale[0]) + c.scale[0]
        if not c.stretch:
            factor = factor[:, :1].expand(-1, 2)
        shear = _either(faces, c.shear, generator)
        flip = torch.rand(faces, generator=generator) < c.flip
        mirrors = isinstance(self.schema, Schema) and self.schema.has_flip
        if c.flip > 0 and batch.landmarks is not None and not mirrors:
            raise UserError(
                "augmentation: mirroring needs a landmark schema with a flip; set augment.flip=0 without one"
            )

        centre = torch.tensor((full - 1) / 2, dtype=torch.float64)
        m = affine_matrix(angle, shift, factor, shear, centre)
        m[flip, 0] *= -1
        m[flip, 0, 2] += full - 1
        m[:, :, 2] -= batch.margin
        images = warp_batch(batch.images, m.to(batch.device), size)

        landmarks, depth, visible = batch.landmarks, batch.depth, batch.visible
        if landmarks is not None:
            on = m.to(landmarks)
            landmarks = landmarks @ on[:, :, :2].transpose(1, 2) + on[:, None, :, 2]
            swap = torch.arange(landmarks.shape[1]).expand(faces, -1).clone()
            if isinstance(self.schema, Schema) and c.flip > 0:
                swap[flip] = torch.tensor(self.schema.flip)
            swap = swap.to(landmarks.device)
            landmarks = landmarks.gather(1, swap[..., None].expand(-1, -1, 2))
            if depth is not None:
                depth = (depth * on[:, :, :2].det().abs().sqrt()[:, None]).gather(1, swap)
            visible = None if visible is None else visible.gather(1, swap)
        matrices = _compose(m.to(batch.matrices), batch.matrices)
        return replace(
            batch, images=images, landmarks=landmarks, depth=depth, visible=visible, matrices=matrices, margin=0
        )


def affine_matrix(degrees: Tensor, shift: Tensor, scale: Tensor, shear: Tensor, centre: Tensor) -> Tensor:
    """Rotation, shear and scaling about a point, then a shift, as the original and skimage's AffineTransform do.

    Args:
        degrees: [B], clockwise as seen.
        shift: [B, 2], pixels.
        scale: [B, 2], in x and y.
        shear: [B], degrees.
        centre: the fixed point's x and y, both this number.

    Returns:
        float64 [B, 2, 3], coordinates before -> coordinates after.
    """
    a, k = torch.deg2rad(degrees.double()), torch.tan(torch.deg2rad(shear.double()))
    sx, sy = scale.double().unbind(dim=1)
    rows = [
        torch.stack([sx * a.cos(), -sy * (k * a.cos() + a.sin())], dim=1),
        torch.stack([sx * a.sin(), sy * (a.cos() - k * a.sin())], dim=1),
    ]
    linear = torch.stack(rows, dim=1)
    offset = centre + shift.double() - linear.sum(dim=2) * centre
    return torch.cat([linear, offset[..., None]], dim=2)


def warp_batch(images: Tensor, matrices: Tensor, size: int) -> Tensor:
    """Warp images float [B, 3, F, F] by maps [B, 2, 3] (before -> after) to [B, 3, size, size]; black outside."""
    if images.device.type == "cpu" and not images.requires_grad:
        return photometric.each_face(
            images, size, lambda i, face, out: cv2.warpAffine(face, matrices[i].numpy(), (size, size), dst=out)
        )
    full = images.shape[-1]
    inverse = torch.linalg.inv(matrices[:, :, :2].double())
    back = torch.cat([inverse, -inverse @ matrices[:, :, 2:].double()], dim=2)
    # to grid_sample's coordinates, in which -1 and 1 are the outer edges of the pixels
    into = torch.tensor([[size / 2, 0, (size - 1) / 2], [0, size / 2, (size - 1) / 2], [0, 0, 1]], dtype=torch.float64)
    theta = back @ into.to(back.device) * (2 / full)
    theta[:, :, 2] += 1 / full - 1
    grid = F.affine_grid(theta.to(images.dtype), [len(images), 3, size, size], align_corners=False)
    return F.grid_sample(images, grid, mode="bilinear", padding_mode="zeros", align_corners=False)


def _compose(after: Tensor, before: Tensor) -> Tensor:
    linear = after[:, :, :2] @ before
    return torch.cat([linear[:, :, :2], linear[:, :, 2:] + after[:, :, 2:]], dim=2)


def _either(shape: Any, most: float, generator: torch.Generator | None) -> Tensor:
    """Uniform from -most to most."""
    shape = (shape,) if isinstance(shape, int) else shape
    return (torch.rand(shape, generator=generator) * 2 - 1) * most
