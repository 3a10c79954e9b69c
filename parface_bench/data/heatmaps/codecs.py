"""Landmarks to heatmaps and back, as components chosen by name: batched, on the device.

Coordinates are pixel centres: landmark (3.0, 5.0) is the centre of column 3, row 5 of the heatmap. All encoders take
landmarks in heatmap pixels, [B, L, 2], and give [B, L, size, size]; all decoders do the reverse.
``HeatmapCodec`` adds the step between crop pixels and heatmap pixels.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, fields
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor

from parface_bench.data.heatmaps import mmpose_codecs as mmpose
from parface_bench.data.heatmaps import peaks
from parface_bench.registry.errors import UserError, check_known

# A landmark that is unknown (NaN) is drawn this far away, which leaves its heatmap empty.
_NOWHERE = 1e6
# smaller factors are taken as 0: square root of the smallest normal float32
_FAINT = 1.1e-19


def encode_gaussian(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """Gaussians of height 1 about the exact sub-pixel places; a landmark outside leaves what reaches in.

    Args:
        landmarks: [B, L, 2], heatmap pixels; NaN gives an empty heatmap.
        size: side of the heatmaps.
        sigma: standard deviation, heatmap pixels.

    Returns:
        float32 [B, L, size, size] on the landmarks' device.
    """
    centres = torch.nan_to_num(landmarks.float(), nan=_NOWHERE)
    if not _by_torch(centres):
        from parface_bench.data.heatmaps.gaussians import gaussians  # numba takes its time, and few need it

        places = centres.flatten(0, 1).double().numpy()
        maps = gaussians(places, size, sigma, _FAINT, threads=peaks.threads(len(places)))
        return torch.from_numpy(maps).unflatten(0, centres.shape[:2])
    pixels = torch.arange(size, dtype=torch.float32, device=landmarks.device)
    exponent = ((pixels - centres[..., None]) ** 2).mul_(-0.5 / sigma**2)
    # numbers near and below the smallest that there are take many times as long
    return _outer(F.threshold(exponent.clamp_(min=-50).exp_(), _FAINT, 0.0))


def encode_parface(landmarks: Tensor, size: int, sigma: float) -> Tensor:
    """The original ParFace code's heatmaps: a template of int(5 sigma) pixels pasted at whole pixels.

    Kept because its networks were trained with it. The peak is at floor(p + 0.5), one more where the template starts
    left of or above the map (truncation toward zero); landmarks beyond the right or bottom side are moved onto it.
    Arguments and result as :func:`encode_gaussian`.
    """
    side = int(5 * sigma)
    centres = torch.nan_to_num(landmarks.double(), nan=-_NOWHERE).clamp(-_NOWHERE, size - 1)
    start = torch.trunc(centres - side / 2).long()
    # the template between two zeros, which stand for all pixels before and after it
    inside = torch.arange(-1, side + 1, dtype=torch.float64, device=landmarks.device)
    template = torch.exp(-((inside - (side + 1) // 2) ** 2) / (2.0 * sigma**2))
    template[[0, -1]] = 0
    pixels = torch.arange(size, device=landmarks.device)
    which = (pixels + 1 - start[..., None]).clamp_(0, side + 1)
    return _outer(template.float().index_select(0, which.flatten()).view(which.shape))


def _by_torch(tensor: Tensor) -> bool:
    """Whether maps are made by torch: on a GPU, or where a gradient passes."""
    return tensor.device.type != "cpu" or tensor.requires_grad


def _outer(profile: Tensor) -> Tensor:
    """Profiles [B, L, 2 (x, y), size] -> their products [B, L, size, size]."""
    if _by_torch(profile):
        return profile[:, :, 1, :, None] * profile[:, :, 0, None, :]
    from parface_bench.data.heatmaps.gaussians import outer  # numba takes its time, and few need it

    flat = profile.flatten(0, 1)
    maps = outer(flat.numpy(), threads=peaks.threads(len(flat)))
    return torch.from_numpy(maps).unflatten(0, profile.shape[:2])


def decode_argmax(heatmaps: Tensor, sigma: float = 0.0) -> Tensor:
    """The highest pixel, the first in row-major order where several are.

    Args:
        heatmaps: [B, L, H, W].
        sigma: not used; every decoder takes it.

    Returns:
        float [B, L, 2], heatmap pixels (x, y).
    """
    return peaks.unravel(heatmaps.flatten(2).argmax(dim=-1), heatmaps.shape[-1]).to(_real(heatmaps))


def decode_parface(heatmaps: Tensor, sigma: float = 0.0) -> Tensor:
    """The highest pixel after smoothing with a 9 x 9 box, as the original ParFace code evaluates.

    Arguments and result as :func:`decode_argmax`.
    """
    return peaks.unravel(peaks.smoothed_argmax(heatmaps, radius=4), heatmaps.shape[-1]).to(_real(heatmaps))


def decode_integral(heatmaps: Tensor, sigma: float = 0.0) -> Tensor:
    """Expectation under the softmax over all pixels: for maps of logits (Sun et al., ECCV 2018). Differentiable.

    Maps of Gaussians are not logits (their background weighs as much as their peak): use :func:`decode_soft_argmax`.
    Arguments and result as :func:`decode_argmax`.
    """
    p = heatmaps.float().flatten(2).softmax(dim=-1).view(heatmaps.shape)
    return peaks.expectation(p)


def decode_soft_argmax(heatmaps: Tensor, sigma: float = 2.0) -> Tensor:
    """Expectation under a softmax of the logarithm in a window about the highest pixel. Differentiable there.

    The temperature is such that the weights of a Gaussian heatmap of ``sigma`` are a Gaussian of 0.7 pixels: wide
    enough for the pixel grid, narrow enough to be whole near the border. Arguments, result: :func:`decode_argmax`.
    """
    values, places = peaks.window(heatmaps.float(), peaks.argmax_centres(heatmaps), radius=4)
    logits = values.clamp_min(1e-10).log() * max(2.0 * sigma**2, 1.0)
    weights = torch.where(torch.isfinite(places[..., 0]), logits, -torch.inf).softmax(dim=-1)
    return (weights[..., None] * torch.nan_to_num(places)).sum(dim=2)


def decode_dark(heatmaps: Tensor, sigma: float = 2.0) -> Tensor:
    """Distribution-aware decoding: Newton's step on the logarithm at the highest pixel (Zhang et al., CVPR 2020).

    The paper's modulation (smoothing, here with half of ``sigma``) comes first, except for peaks so near the border
    that it would bend them inward. Arguments and result as :func:`decode_argmax`.
    """
    heatmaps, blur = heatmaps.float(), sigma / 2
    smooth, plain = peaks.newton_on_log(peaks.gaussian_blur(heatmaps, blur)), peaks.newton_on_log(heatmaps)
    side = torch.tensor([heatmaps.shape[-1] - 1, heatmaps.shape[-2] - 1], device=heatmaps.device)
    gap = torch.minimum(plain, side - plain).amin(dim=-1, keepdim=True)
    return torch.where(gap < 3 * blur + 2, plain, smooth)


def decode_local_fit(heatmaps: Tensor, sigma: float = 2.0) -> Tensor:
    """Weighted least-squares fit of a Gaussian to the logarithm about the highest pixel (Guo, IEEE SPM 2011).

    Exact for a Gaussian of any width and steady under noise, since each pixel counts with its squared height; it uses
    only pixels that exist, so that landmarks at the border are as exact. Arguments and result as :func:`decode_argmax`.
    """
    return peaks.fit_log_quadratic(heatmaps.float(), radius=int(min(max(round(sigma), 2), 6)))


Encoder = Callable[[Tensor, int, float], Tensor]
Decoder = Callable[..., Tensor]
ENCODERS: dict[str, Encoder] = {
    "gaussian": encode_gaussian,
    "parface": encode_parface,
    "msra": mmpose.encode_msra,
    "msra-mmpose": mmpose.encode_msra_mmpose,
    "udp": mmpose.encode_udp,
}
DECODERS: dict[str, Decoder] = {
    "argmax": decode_argmax,
    "parface": decode_parface,
    "integral": decode_integral,
    "soft-argmax": decode_soft_argmax,
    "dark": decode_dark,
    "local-fit": decode_local_fit,
    "quarter": mmpose.decode_quarter,
    "quarter-mmpose": mmpose.decode_quarter_mmpose,
    "dark-mmpose": mmpose.decode_dark_mmpose,
    "udp": mmpose.decode_udp,
    "udp-mmpose": mmpose.decode_udp_mmpose,
}
COORDINATES = ("half-pixel", "corner", "unit", "unit-mmpose")
# Encoder, decoder and coordinates that belong together; those that end in -mmpose are its, flaws included.
CODECS: dict[str, dict[str, Any]] = {
    "gaussian": {"encoder": "gaussian", "decoder": "local-fit", "coordinates": "half-pixel"},
    "msra": {"encoder": "msra", "decoder": "quarter", "coordinates": "half-pixel"},
    "dark": {"encoder": "gaussian", "decoder": "dark", "coordinates": "half-pixel"},
    "udp": {"encoder": "udp", "decoder": "udp", "coordinates": "unit"},
    "msra-mmpose": {"encoder": "msra-mmpose", "decoder": "quarter-mmpose", "coordinates": "corner", "weighed": True},
    "dark-mmpose": {"encoder": "gaussian", "decoder": "dark-mmpose", "coordinates": "corner", "weighed": True},
    "udp-mmpose": {"encoder": "udp", "decoder": "udp-mmpose", "coordinates": "unit-mmpose", "weighed": True},
}


@dataclass(frozen=True)
class HeatmapCodec:
    """How landmarks in crop pixels become heatmaps and come back.

    Attributes:
        size: side of the heatmaps; 0 = a quarter of the crop's.
        sigma: of the Gaussians, heatmap pixels.
        encoder: a name in ``ENCODERS``.
        decoder: a name in ``DECODERS``.
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
        for what, name, known in (
            ("encoder", self.encoder, ENCODERS),
            ("decoder", self.decoder, DECODERS),
            ("coordinates", self.coordinates, COORDINATES),
        ):
            check_known([name], known, f"heatmap {what}", "does not exist")
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
        """A codec of :data:`CODECS`, with another decoder where one is given, and further settings (size, sigma).

        Raises:
            UserError: no codec or decoder has this name.
        """
        check_known([name], CODECS, "heatmap codec", "does not exist")
        return cls(**{**CODECS[name], **({"decoder": decoder} if decoder else {}), **settings})

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
        places, rounded = self.to_heatmap(landmarks, crop), self.encoder != "gaussian"
        return mmpose.within_reach(places, self.side(crop), self.sigma, rounded).to(landmarks.dtype)

    def encode(self, landmarks: Tensor, crop: int) -> Tensor:
        """Landmarks [B, L, 2] in crops of ``crop`` pixels -> heatmaps float32 [B, L, s, s]."""
        return ENCODERS[self.encoder](self.to_heatmap(landmarks, crop), self.side(crop), self.sigma)

    def decode(self, heatmaps: Tensor, crop: int) -> Tensor:
        """Heatmaps [B, L, s, s] -> landmarks float [B, L, 2] in crop pixels."""
        if self.size and heatmaps.shape[-1] != self.size:
            raise ValueError(f"heatmaps of {self.size} pixels expected, found {heatmaps.shape[-1]}")
        return self._to_crop(DECODERS[self.decoder](heatmaps, sigma=self.sigma), crop, heatmaps.shape[-1])


# The original ParFace code's: 128 pixels for any crop, sigma 7, whole pixels.
PARFACE_CODEC = HeatmapCodec(128, 7.0, "parface", "parface", "corner")


def confidence(heatmaps: Tensor) -> Tensor:
    """How sure a map is of its landmark: its highest value [B, L], cut to 0..1, for targets of height 1."""
    return heatmaps.flatten(2).amax(dim=-1).float().clamp(0, 1)


def _real(heatmaps: Tensor) -> torch.dtype:
    return heatmaps.dtype if heatmaps.dtype in (torch.float32, torch.float64) else torch.float32
