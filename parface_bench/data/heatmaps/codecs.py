"""Landmarks to heatmaps and back, as components chosen by name: batched, on the device.

Coordinates are pixel centres: landmark (3.0, 5.0) is the centre of column 3, row 5 of the heatmap. Encoders and
decoders are plugins (``pfbench list encoder``, ``decoder``): an encoder takes landmarks in heatmap pixels, [B, L, 2],
the maps' size and sigma, and gives [B, L, size, size]; a decoder takes maps and ``sigma``, and does the reverse.
``HeatmapCodec`` adds the step between crop pixels and heatmap pixels. A plugin of kind ``codec`` makes one.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from parface_bench.data.heatmaps.profiles import within_reach
from parface_bench.registry import CODECS, DECODERS, ENCODERS, Spec, UserError, WorkError, check_known

COORDINATES = ("half-pixel", "corner", "unit", "unit-mmpose")


@dataclass(frozen=True)
class HeatmapCodec:
    """How landmarks in crop pixels become heatmaps and come back.

    Attributes:
        size: side of the heatmaps; 0 = a quarter of the crop's.
        sigma: of the Gaussians, heatmap pixels.
        encoder: an encoder on heatmaps, by name.
        decoder: a decoder on heatmaps (or on logits, as maps), by name.
        coordinates: ``half-pixel`` (pixel areas coincide), ``corner`` (x * heatmap / crop, the original's and
            mmpose's), ``unit`` (first and last pixel coincide, UDP's) or ``unit-mmpose`` (the same, but the way back is
            longer by crop / (crop - 1), which mmpose means for crops of its own that are a pixel shorter).
        weighed: landmarks whose window does not touch the map have no weight (:meth:`weights`).
    """

    size: int = 0
    sigma: float = 2.0
    encoder: str = "gaussian"
    decoder: str = "local-fit"
    coordinates: str = "half-pixel"
    weighed: bool = False

    def __post_init__(self) -> None:
        for spec in (ENCODERS.spec(self.encoder), DECODERS.spec(self.decoder)):
            if spec.on == "bins":
                raise UserError(f"{spec.kind} {spec.name!r} is on bins of x and y, not on heatmaps")
        check_known([self.coordinates], COORDINATES, "heatmap coordinates", "do not exist")
        if self.size < 0 or not self.sigma > 0:
            raise UserError(f"heatmap size {self.size}, sigma {self.sigma}: neither may be negative, nor sigma 0")

    @classmethod
    def from_config(cls, config: HeatmapCodec | Mapping[str, Any] | None) -> HeatmapCodec:
        """A codec from a config mapping (or a codec).

        Raises:
            UserError: a key or name that does not exist.
        """
        if isinstance(config, HeatmapCodec):
            return config
        known = [f.name for f in fields(cls)]
        check_known(config or {}, known, "heatmap setting", "does not exist")
        return cls(**dict(config or {}))

    @classmethod
    def named(cls, name: str, *, decoder: str = "", **settings: Any) -> HeatmapCodec:
        """The codec of a plugin, with another decoder where one is given, and further settings (size, sigma).

        Raises:
            UserError: no codec on heatmaps, or no decoder, has this name.
        """
        if CODECS.spec(name).on != "heatmaps":
            raise UserError(f"codec {name!r} is on {CODECS.spec(name).on}, not on heatmaps")
        return CODECS.build(name, **settings, **({"decoder": decoder} if decoder else {}))

    @cached_property
    def _encoder(self) -> Any:
        return ENCODERS.get(self.encoder)

    @cached_property
    def _decoder(self) -> Any:
        return DECODERS.get(self.decoder)

    def __getstate__(self) -> dict[str, Any]:
        """The settings alone: the functions are found again by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}

    def side(self, crop: int) -> int:
        """Side of the heatmaps of crops of ``crop`` pixels."""
        return self.size or max(crop // 4, 1)

    def to_heatmap(self, points: Tensor, crop: int) -> Tensor:
        """Crop pixels [..., 2] -> heatmap pixels."""
        if self.coordinates.startswith("unit"):
            return points * ((self.side(crop) - 1) / (crop - 1))
        ratio = self.side(crop) / crop
        return points * ratio if self.coordinates == "corner" else (points + 0.5) * ratio - 0.5

    def to_crop(self, points: Tensor, crop: int) -> Tensor:
        """Heatmap pixels [..., 2] -> crop pixels."""
        return self._to_crop(points, crop, self.side(crop))

    def _to_crop(self, points: Tensor, crop: int, side: int) -> Tensor:
        if self.coordinates.startswith("unit"):
            return points * ((crop - (self.coordinates == "unit")) / (side - 1))
        ratio = crop / side
        return points * ratio if self.coordinates == "corner" else (points + 0.5) * ratio - 0.5

    def weights(self, landmarks: Tensor, crop: int) -> Tensor:
        """What each landmark [B, L, 2] counts in a loss of heatmaps, 0 or 1, float [B, L]."""
        if not self.weighed:
            return torch.ones_like(landmarks[..., 0])
        places, rounded = self.to_heatmap(landmarks, crop), ENCODERS.spec(self.encoder).rounded
        return within_reach(places, self.side(crop), self.sigma, rounded).to(landmarks.dtype)

    def encode(self, landmarks: Tensor, crop: int) -> Tensor:
        """Landmarks [B, L, 2] in crops of ``crop`` pixels -> heatmaps float32 [B, L, s, s]."""
        side = self.side(crop)
        maps = self._encoder(self.to_heatmap(landmarks, crop), side, self.sigma)
        return shaped(maps, (*landmarks.shape[:2], side, side), ENCODERS.spec(self.encoder))

    def decode(self, heatmaps: Tensor, crop: int) -> Tensor:
        """Heatmaps [B, L, s, s] -> landmarks float [B, L, 2] in crop pixels."""
        if self.size and heatmaps.shape[-1] != self.size:
            raise ValueError(f"heatmaps of {self.size} pixels expected, found {heatmaps.shape[-1]}")
        points = shaped(
            self._decoder(heatmaps, sigma=self.sigma), (*heatmaps.shape[:2], 2), DECODERS.spec(self.decoder)
        )
        return self._to_crop(points, crop, heatmaps.shape[-1])


def shaped(given: Tensor, shape: tuple[int, ...], spec: Spec) -> Tensor:
    """What a plugin has given, if it has the shape that it must have.

    Raises:
        WorkError: it has not.
    """
    found, wanted = tuple(given.shape), tuple(shape)
    if found != wanted:
        raise WorkError(f"{spec.kind} {spec.name!r} (from {spec.owner}) must give the shape {wanted}, not {found}")
    return given


def confidence(heatmaps: Tensor) -> Tensor:
    """How sure a map is of its landmark: its highest value [B, L], cut to 0..1, for targets of height 1."""
    return heatmaps.flatten(2).amax(dim=-1).float().clamp(0, 1)
