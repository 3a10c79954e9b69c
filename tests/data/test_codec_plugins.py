"""Encoders, decoders and codecs of anybody's file: found by name, checked, and named where they fail."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from parface_bench.data.heatmaps.codecs import HeatmapCodec
from parface_bench.data.heatmaps.simcc import SimCC
from parface_bench.faces import get_schema
from parface_bench.registry import CODECS, DECODERS, ENCODERS, METHODS, UserError, WorkError, catalogue
from parface_bench.testing import check_plugin

FILE = """
import torch
from parface_bench import codec, decoder, encoder
from parface_bench.data.heatmaps.codecs import HeatmapCodec

@encoder("boxes", reference="a test")
def boxes(landmarks, size, sigma):
    "Squares of 2 sigma + 1 pixels about the nearest pixel."
    off = torch.arange(size) - landmarks.nan_to_num(1e6).round()[..., None]
    x, y = (off.abs() <= sigma).float().unbind(dim=2)
    return y[..., :, None] * x[..., None, :]

@decoder("mean-of-highest", reference="a test")
def mean_of_highest(heatmaps, sigma=2.0):
    "The mean place of the highest pixels."
    weights = (heatmaps == heatmaps.amax(dim=(2, 3), keepdim=True)).float()
    weights = weights / weights.sum(dim=(2, 3), keepdim=True)
    x, y = (torch.arange(side).float() for side in (heatmaps.shape[3], heatmaps.shape[2]))
    return torch.stack([(weights.sum(dim=2) * x).sum(-1), (weights.sum(dim=3) * y).sum(-1)], dim=-1)

@codec("boxed", reference="a test")
def boxed(size=0, sigma=1.0, decoder="mean-of-highest"):
    "Squares, and the mean of what is highest."
    return HeatmapCodec(size, sigma, "boxes", decoder, "half-pixel")

@decoder("flat", reference="a test")
def flat(heatmaps, sigma=2.0):
    "Forgets the batch."
    return torch.zeros(heatmaps.shape[1], 2)

@decoder("second-bin", on="bins", reference="a test")
def second_bin(scores, codec):
    "The second best bin."
    return scores.topk(2, dim=-1).indices[..., 1].float()
"""


@pytest.fixture(autouse=True)
def plugin(tmp_path: Path) -> Iterator[Path]:
    file = tmp_path / "boxes.py"
    file.write_text(FILE)
    with catalogue.temporarily():
        catalogue.load_file(file)
        yield file


def test_they_are_listed_with_their_owner(plugin: Path) -> None:
    for kind, name in ((ENCODERS, "boxes"), (DECODERS, "mean-of-highest"), (CODECS, "boxed")):
        assert kind.spec(name).owner == str(plugin)
        check_plugin(kind.name, name)


@pytest.mark.parametrize("options", [{"codec": "boxed"}, {"decoder": "mean-of-highest"}])
def test_a_method_learns_with_one_by_name(options: dict[str, str]) -> None:
    points = torch.tensor([[[20.0, 30.0], [42.0, 26.0]]])
    method = METHODS.build("heatmap", schema=get_schema("points5"), image_size=64, backbone="resnet10t", **options)
    found = method.codec.decode(method.codec.encode(points, 64), 64)
    # a pixel of the map is four of the crop, and both read whole pixels
    assert (found - points).abs().max() <= 2


def test_values_by_hand() -> None:
    codec = HeatmapCodec.named("boxed", size=64, sigma=1.0)
    maps = codec.encode(torch.tensor([[[7.0, 9.0]]]), 64)
    assert maps.sum() == 9
    torch.testing.assert_close(codec.decode(maps, 64), torch.tensor([[[7.0, 9.0]]]))


def test_it_travels_to_other_processes_as_its_settings() -> None:
    codec = HeatmapCodec.named("boxed", size=32)
    codec.encode(torch.rand(1, 2, 2), 64)
    assert b"torch" not in pickle.dumps(codec)
    assert pickle.loads(pickle.dumps(codec)) == codec


def test_one_on_bins_serves_simcc() -> None:
    scores = torch.zeros(1, 1, 2, 128)
    scores[..., 10], scores[..., 20] = 2.0, 1.0
    assert SimCC(decoder="second-bin").decode(scores).tolist() == [[[10.0, 10.0]]]
    assert SimCC.from_config({"type": "simcc", "decoder": "second-bin"}).decoder == "second-bin"


def test_what_does_not_fit_is_refused() -> None:
    wrong = r"decoder 'flat' \(from .*boxes.py\) must give the shape \(3, 2, 2\), not \(2, 2\)"
    with pytest.raises(WorkError, match=wrong):
        HeatmapCodec(decoder="flat").decode(torch.rand(3, 2, 16, 16), 64)
    for config, words in (
        ({"decoder": "second-bin"}, "decoder 'second-bin' is on bins of x and y, not on heatmaps"),
        ({"encoder": "boxs"}, "unknown encoder 'boxs'; did you mean 'boxes'"),
    ):
        with pytest.raises(UserError, match=words):
            HeatmapCodec.from_config(config)
    with pytest.raises(UserError, match="decoder 'flat' is on heatmaps, not on bins"):
        SimCC(decoder="flat")
    with pytest.raises(UserError, match="codec 'boxed' is on heatmaps, not on bins"):
        SimCC.from_config({"type": "boxed"})
    with pytest.raises(UserError, match="codec 'simcc' is on bins, not on heatmaps"):
        HeatmapCodec.named("simcc")
    with pytest.raises(UserError, match="unknown codec 'boxd'; did you mean 'boxed'"):
        HeatmapCodec.named("boxd")


def test_a_broken_file_harms_no_built_in_one(tmp_path: Path) -> None:
    file = tmp_path / "clash.py"
    file.write_text(FILE.replace('"boxes"', '"gaussian"'))
    with pytest.raises(UserError, match="encoder 'gaussian' is declared by both parface-bench"):
        catalogue.load_file(file)
    assert ENCODERS.spec("gaussian").owner.startswith("parface-bench")
    file.write_text(FILE.replace('@decoder("flat"', '@decoder("flat", on="pixels"'))
    with pytest.raises(UserError, match="decoder 'flat': on='pixels', but it is one of heatmaps, logits, bins"):
        catalogue.load_file(file)
