"""What may happen to a face in training: the settings of the augmentation, without the work itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import torch

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
