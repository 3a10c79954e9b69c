"""Augmentation of batches on their device: each face its own parameters, and the truth follows.

All parameters are drawn on the CPU from one generator, so that a seed gives the same faces on every device.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import cv2
import torch
import torch.nn.functional as F
from torch import Tensor

from parface_bench.data.batches import photometric
from parface_bench.data.batches.batch import Batch
from parface_bench.faces import Schema, get_schema
from parface_bench.registry.errors import UserError, nearest

# The affine part of the original ParFace code's (and 3FabRec's) seven levels, beside a mirroring of every second face:
# rotation (degrees), translation (share of the side of the region of interest, sqrt(2) crops), scale, shear (degrees).
LEVELS: dict[int, tuple[float, float, tuple[float, float], float]] = {
    0: (0.0, 0.0, (1.0, 1.0), 0.0),
    1: (3.0, 0.025, (0.975, 1.025), 0.0),
    2: (3.0, 0.035, (0.97, 1.03), 2.0),
    3: (20.0, 0.035, (0.97, 1.03), 0.0),
    4: (45.0, 0.035, (0.94, 1.03), 5.0),
    5: (60.0, 0.035, (0.94, 1.03), 5.0),
    6: (30.0, 0.04, (0.94, 1.05), 5.0),
    7: (0.0, 0.04, (0.94, 1.05), 5.0),
}
_REGION = 2.0**0.5


@dataclass(frozen=True)
class Augmentation:
    """What may happen to a face in training. The defaults are the standard set that all baselines share.

    Attributes:
        flip: share of faces that are mirrored.
        rotation: up to so many degrees either way, uniformly.
        translation: up to this share of the crop's side, in x and y.
        scale: smallest and largest factor, the same for x and y unless ``stretch``.
        stretch: x and y are scaled independently (the original's levels do).
        shear: up to so many degrees either way.
        brightness, contrast, saturation: factors are drawn from 1 - value to 1 + value.
        hue: turn of the colours, in shares of the circle, either way.
        grey, blur, noise, occlusion: share of faces that become grey, blurred, noisy, partly covered.
        blur_sigma: largest standard deviation, in shares of the crop's side.
        noise_sigma: largest standard deviation, in shares of the grey range.
        occlusion_size: smallest and largest side of the covering rectangle, in shares of the crop's side. Covered
            landmarks stay targets; they become invisible where the data tell visibility.
    """

    flip: float = 0.5
    rotation: float = 30.0
    translation: float = 0.05
    scale: tuple[float, float] = (0.85, 1.15)
    stretch: bool = False
    shear: float = 0.0
    brightness: float = 0.3
    contrast: float = 0.3
    saturation: float = 0.3
    hue: float = 0.03
    grey: float = 0.1
    blur: float = 0.15
    blur_sigma: float = 0.012
    noise: float = 0.15
    noise_sigma: float = 0.05
    occlusion: float = 0.25
    occlusion_size: tuple[float, float] = (0.1, 0.4)

    def __post_init__(self) -> None:
        for name in ("scale", "occlusion_size"):
            low, high = getattr(self, name)
            if not 0 < low <= high:
                raise UserError(f"augmentation {name} {low}, {high}: give the smallest and the largest, above 0")
            object.__setattr__(self, name, (float(low), float(high)))
        for name in ("flip", "grey", "blur", "noise", "occlusion"):
            if not 0 <= getattr(self, name) <= 1:
                raise UserError(f"augmentation {name} {getattr(self, name)}: must be a share from 0 to 1")
        for name in ("brightness", "contrast", "saturation", "hue", "rotation", "translation", "shear"):
            if getattr(self, name) < 0:
                raise UserError(f"augmentation {name} {getattr(self, name)}: must not be negative")

    @classmethod
    def none(cls) -> Augmentation:
        """Nothing happens."""
        values: dict[str, Any] = {f.name: 0.0 for f in fields(cls) if f.type == "float"}
        return cls(**{**values, "scale": (1.0, 1.0)})

    @classmethod
    def original(cls, level: int) -> Augmentation:
        """Mirroring and the affine map of one of the original code's levels (1 to 7; 0: mirroring alone).

        Raises:
            UserError: no such level.
        """
        if level not in LEVELS:
            raise UserError(f"augmentation level {level} does not exist; the original's are 0 to 7")
        rotation, translation, scale, shear = LEVELS[level]
        return replace(
            cls.none(),
            flip=0.5,
            rotation=rotation,
            translation=translation * _REGION,
            scale=scale,
            stretch=True,
            shear=shear,
        )

    @classmethod
    def from_config(cls, config: Augmentation | Mapping[str, Any] | None) -> Augmentation:
        """From a recipe's ``augment``: fields of this class; ``level: N`` or ``none: true`` sets where they start from.

        Raises:
            UserError: a key that does not exist, or a value that cannot be.
        """
        if isinstance(config, Augmentation):
            return config
        values = dict(config or {})
        level, nothing = values.pop("level", None), values.pop("none", False)
        base = cls() if level is None else cls.original(level)
        base = cls.none() if nothing else base
        known = [f.name for f in fields(cls)]
        for key in values:
            if key not in known:
                raise UserError(f"augmentation {key!r} does not exist{nearest(key, [*known, 'level', 'none'])}")
        try:
            return replace(base, **values)
        except TypeError as error:
            raise UserError(f"augmentation settings {values} cannot be used: {error}") from None

    def config(self) -> dict[str, Any]:
        """The fields as plain values."""
        return {k: list(v) if isinstance(v, tuple) else v for k, v in asdict(self).items()}

    def margin(self, size: int) -> int:
        """Pixels around crops of ``size`` that keep the corners from going black, but for extreme draws.

        At most what the original has (the crop's diagonal as side).
        """
        angle = torch.deg2rad(torch.tensor(min(self.rotation, 45.0)))
        turned = float(angle.cos() + angle.sin())
        reach = turned / self.scale[0] + 2 * self.translation
        return int(min((reach - 1) / 2, (_REGION - 1) / 2) * size + 0.5)


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
        if c.flip > 0 and batch.landmarks is not None and not isinstance(self.schema, Schema):
            raise UserError("augmentation: mirroring needs the landmarks' schema; set augment.flip=0 without one")

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
            if isinstance(self.schema, Schema):
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
