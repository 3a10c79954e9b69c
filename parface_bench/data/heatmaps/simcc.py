"""SimCC: a landmark's x and y as two classifications over bins, as mmpose 1.x has it (Li et al., ECCV 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from parface_bench.data.heatmaps.codecs import shaped
from parface_bench.registry import CODECS, DECODERS, ENCODERS, UserError

_NOWHERE = -1e6


@dataclass(frozen=True)
class SimCC:
    """How landmarks in crop pixels become bins along x and y, and come back. Bin b is the place b / split.

    Attributes:
        split: bins a pixel.
        sigma: of the Gaussian labels, in bins (RTMPose: 5.66 at 256 px).
        label: an encoder on bins, by name: ``gaussian``, ``smoothed``, ... ('simcc-' may be left out).
        normalise: divide the Gaussian by sigma * sqrt(2 pi) (mmpose's own default; RTMPose does not).
        smoothing: of ``smoothed`` labels; 0 = one-hot.
        decoder: a decoder on bins, by name: ``argmax``, ``expectation``, ... ('simcc-' may be left out).
        beta: of the softmax of ``expectation``.
    """

    split: float = 2.0
    sigma: float = 5.66
    label: str = "gaussian"
    normalise: bool = False
    smoothing: float = 0.0
    decoder: str = "argmax"
    beta: float = 10.0

    def __post_init__(self) -> None:
        for spec in (self._plugin(ENCODERS, self.label), self._plugin(DECODERS, self.decoder)):
            if spec.on != "bins":
                raise UserError(f"{spec.kind} {spec.name!r} is on {spec.on}, not on bins of x and y")
        if not (self.split > 0 and self.sigma > 0 and 0 <= self.smoothing < 1):
            raise UserError(f"simcc: split {self.split} and sigma {self.sigma} must be above 0, smoothing in [0, 1)")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SimCC:
        """A codec from a config mapping; ``type`` names a codec plugin on bins, where it is not this one.

        Raises:
            UserError: a key or name that does not exist.
        """
        kind = str(config.get("type", "simcc"))
        if CODECS.spec(kind).on != "bins":
            raise UserError(f"codec {kind!r} is on {CODECS.spec(kind).on}, not on bins of x and y")
        return CODECS.build({**config, "type": kind})

    def bins(self, crop: int) -> int:
        """Bins along one side of a crop."""
        return round(crop * self.split)

    def encode(self, landmarks: Tensor, crop: int) -> tuple[Tensor, Tensor]:
        """Landmarks [B, L, 2] in crop pixels -> labels float32 [B, L, 2 (x, y), bins] and weights float32 [B, L].

        The weight is 0 where nothing of the label lies on the crop; points a little outside keep theirs.
        """
        side = self.bins(crop)
        centre = (torch.nan_to_num(landmarks.double(), nan=_NOWHERE) * self.split).round()
        labels, there = self._encoder(centre, side, self)
        shaped(labels, (*landmarks.shape, side), self._plugin(ENCODERS, self.label))
        return (labels * there[..., None, None]).float(), there.float()

    def decode(self, scores: Tensor) -> Tensor:
        """Scores [B, L, 2 (x, y), bins] -> landmarks [B, L, 2] in crop pixels."""
        return shaped(self._decoder(scores, self), scores.shape[:3], self._plugin(DECODERS, self.decoder)) / self.split

    def confidence(self, scores: Tensor) -> Tensor:
        """The smaller of the two highest probabilities, against that of a perfect label: [B, L] in 0..1."""
        bins = torch.arange(scores.shape[-1], dtype=torch.float32, device=scores.device) - scores.shape[-1] // 2
        perfect = (self.beta * torch.exp(-(bins**2) / (2 * self.sigma**2))).softmax(dim=-1).amax()
        found = (self.beta * scores.float()).softmax(dim=-1).amax(dim=-1).amin(dim=-1)
        return (found / perfect).clamp(0, 1)

    @staticmethod
    def _plugin(kind: Any, name: str) -> Any:
        """A plugin on bins; the prefix ``simcc-`` of a name may be left out."""
        return kind.spec(f"simcc-{name}" if f"simcc-{name}" in kind else name)

    @cached_property
    def _encoder(self) -> Any:
        return self._plugin(ENCODERS, self.label).load()

    @cached_property
    def _decoder(self) -> Any:
        return self._plugin(DECODERS, self.decoder).load()

    def __getstate__(self) -> dict[str, Any]:
        """The settings alone: the functions are found again by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}
