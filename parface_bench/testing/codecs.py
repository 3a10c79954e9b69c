"""What encoders, decoders and codecs must do: there and back, within a pixel of the map."""

from __future__ import annotations

from typing import Any

from parface_bench.registry import CodecSpec, DecoderSpec, EncoderSpec


def encoder(spec: EncoderSpec) -> None:
    """Centred where the landmark is, empty or without weight for one that is unknown; its input stays as it is."""
    _there_and_back(spec, encoder=spec.name)


def decoder(spec: DecoderSpec) -> None:
    """Within a pixel (or bin) and a half of the place that a map was made for; its input stays as it is."""
    _there_and_back(spec, decoder=spec.name)


def codec(spec: CodecSpec) -> None:
    """Landmarks come back from what was made of them, within a pixel of the map (or a bin) and a half."""
    _there_and_back(spec)


def _there_and_back(spec: EncoderSpec | DecoderSpec | CodecSpec, encoder: str = "", decoder: str = "") -> None:
    import torch

    from parface_bench.data.heatmaps.codecs import HeatmapCodec
    from parface_bench.data.heatmaps.simcc import SimCC

    who, crop = f"{spec.kind} {spec.name!r}", 256
    points = torch.rand((2, 5, 2), generator=torch.Generator().manual_seed(0)) * 160 + 48
    points[0, 0] = torch.nan
    if spec.on == "bins":
        chosen: dict[str, Any] = {"label": encoder or "gaussian", "decoder": decoder or "argmax"}
        bins = SimCC(**chosen) if encoder or decoder else SimCC.from_config({"type": spec.name})
        maps, weights = bins.encode(points, crop)
        assert not weights[0, 0], f"{who}: a landmark that is unknown (NaN) must have no weight"
        found, step = bins.decode(maps), 1 / bins.split
    else:
        chosen = {key: name for key, name in (("encoder", encoder), ("decoder", decoder)) if name}
        made = HeatmapCodec(**chosen) if chosen else HeatmapCodec.named(spec.name)
        maps = made.encode(points, crop)
        assert not maps[0, 0].any(), f"{who}: the heatmap of a landmark that is unknown (NaN) must be empty"
        if spec.on == "logits":
            maps = maps.clamp_min(1e-30).log()
        before = maps.clone()
        found, step = made.decode(maps, crop), crop / made.side(crop)
        if encoder:  # where its maps are centred, whatever reads them
            weights = maps / maps.sum(dim=(2, 3), keepdim=True)
            x, y = ((weights.sum(dim=axis) * torch.arange(maps.shape[-1])).sum(dim=-1) for axis in (2, 3))
            found = made.to_crop(torch.stack([x, y], dim=-1), crop)
        assert torch.equal(maps, before), f"{who} changes the maps that it is given"
    off = (found - points).flatten(0, 1)[1:].abs().max().item()
    assert off <= 1.5 * step, f"{who}: landmarks come back {off:.2f} crop pixels off, more than {1.5 * step:.2f}"
