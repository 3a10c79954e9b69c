"""SimCC: a landmark's x and y as two classifications over bins, as mmpose 1.x has it (Li et al., ECCV 2022)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from parface_bench.registry.errors import UserError, check_known

LABELS = ("gaussian", "smoothed")
DECODERS = ("argmax", "expectation", "argmax-mmpose", "dark-mmpose")
_NOWHERE = -1e6


@dataclass(frozen=True)
class SimCC:
    """How landmarks in crop pixels become bins along x and y, and come back. Bin b is the place b / split.

    Attributes:
        split: bins a pixel.
        sigma: of the Gaussian labels, in bins (RTMPose: 5.66 at 256 px).
        label: ``gaussian``, or ``smoothed``: one bin, with ``smoothing`` shared out among the others.
        normalise: divide the Gaussian by sigma * sqrt(2 pi) (mmpose's own default; RTMPose does not).
        smoothing: of ``smoothed`` labels; 0 = one-hot.
        decoder: ``argmax``; ``expectation`` (of the softmax within 3 sigma of the highest bin); ``argmax-mmpose``
            (scores that are nowhere positive are taken for no landmark, placed one bin left of and above the crop);
            ``dark-mmpose`` (Newton's step on the logarithm of smoothed scores, which can run far off at the border).
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
        for what, name, known in (("label", self.label, LABELS), ("decoder", self.decoder, DECODERS)):
            check_known([name], known, f"simcc {what}", "does not exist")
        if not (self.split > 0 and self.sigma > 0 and 0 <= self.smoothing < 1):
            raise UserError(f"simcc: split {self.split} and sigma {self.sigma} must be above 0, smoothing in [0, 1)")

    @classmethod
    def from_config(cls, config: Mapping[str, Any]) -> SimCC:
        """A codec from a config mapping.

        Raises:
            UserError: a key or name that does not exist.
        """
        known = list(cls.__dataclass_fields__)
        check_known(config, known, "simcc setting", "does not exist")
        return cls(**config)

    def bins(self, crop: int) -> int:
        """Bins along one side of a crop."""
        return round(crop * self.split)

    def encode(self, landmarks: Tensor, crop: int) -> tuple[Tensor, Tensor]:
        """Landmarks [B, L, 2] in crop pixels -> labels float32 [B, L, 2 (x, y), bins] and weights float32 [B, L].

        The weight is 0 where nothing of the label lies on the crop; points a little outside keep theirs.
        """
        side = self.bins(crop)
        centre = (torch.nan_to_num(landmarks.double(), nan=_NOWHERE) * self.split).round()
        bins = torch.arange(side, dtype=torch.float64, device=landmarks.device)
        if self.label == "smoothed":
            there = ((centre >= 0) & (centre < side)).all(dim=-1)
            labels = torch.where(bins == centre[..., None], 1 - self.smoothing, self.smoothing / (side - 1))
        else:
            reach = 3 * self.sigma
            there = ((centre - reach < side) & (centre + reach + 1 >= 0)).all(dim=-1)
            labels = torch.exp(-((bins - centre[..., None]) ** 2) / (2 * self.sigma**2))
            if self.normalise:
                labels = labels / (self.sigma * (2 * torch.pi) ** 0.5)
        return (labels * there[..., None, None]).float(), there.float()

    def decode(self, scores: Tensor) -> Tensor:
        """Scores [B, L, 2 (x, y), bins] -> landmarks [B, L, 2] in crop pixels."""
        best = scores.argmax(dim=-1)
        if self.decoder == "expectation":
            found = self._expectation(scores, best)
        elif self.decoder == "dark-mmpose":
            found = self._dark(scores, best)
        else:
            found = best.to(scores.dtype)
        if self.decoder == "argmax-mmpose":
            found = torch.where(scores.amax(dim=-1).amin(dim=-1, keepdim=True) <= 0, -1.0, found)
        return found / self.split

    def confidence(self, scores: Tensor) -> Tensor:
        """The smaller of the two highest probabilities, against that of a perfect label: [B, L] in 0..1."""
        bins = torch.arange(scores.shape[-1], dtype=torch.float32, device=scores.device) - scores.shape[-1] // 2
        perfect = (self.beta * torch.exp(-(bins**2) / (2 * self.sigma**2))).softmax(dim=-1).amax()
        found = (self.beta * scores.float()).softmax(dim=-1).amax(dim=-1).amin(dim=-1)
        return (found / perfect).clamp(0, 1)

    def _expectation(self, scores: Tensor, best: Tensor) -> Tensor:
        bins = torch.arange(scores.shape[-1], device=scores.device, dtype=torch.float32)
        # as far to one side as to the other, so that the border does not bend it
        room = torch.minimum(best, scores.shape[-1] - 1 - best).clamp(max=round(3 * self.sigma))
        near = (bins - best[..., None]).abs() <= room[..., None]
        weights = torch.where(near, self.beta * scores.float(), -torch.inf).softmax(dim=-1)
        return (weights * bins).sum(dim=-1)

    def _dark(self, scores: Tensor, best: Tensor) -> Tensor:
        kernel = int((20 * self.sigma - 7) // 3)
        kernel -= 1 - kernel % 2
        place = torch.arange(kernel, dtype=torch.float64, device=scores.device) - (kernel - 1) / 2
        profile = torch.exp(-(place**2) / (2 * (0.3 * ((kernel - 1) * 0.5 - 1) + 0.8) ** 2))
        rows = scores.double().flatten(0, -2)[:, None]
        smooth = F.conv1d(rows, (profile / profile.sum()).view(1, 1, -1), padding=kernel // 2)[:, 0].view(scores.shape)
        height = scores.double().amax(dim=-1, keepdim=True)
        smooth = smooth * height / smooth.amax(dim=-1, keepdim=True)
        log = F.pad(smooth.clamp(1e-3, 50.0).log().flatten(0, -2), (2, 2), mode="replicate").unflatten(0, best.shape)
        s = [log.gather(-1, (best + 2 + step)[..., None])[..., 0] for step in (-2, -1, 0, 1, 2)]
        slope, bend = (s[3] - s[1]) / 2, (s[4] - 2 * s[2] + s[0]) / 4 + 1e-9
        return (best - slope / bend).to(scores.dtype)
