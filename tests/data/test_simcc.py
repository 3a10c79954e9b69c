"""SimCC's labels and decoding: against mmpose's own numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from parface_bench.data.heatmaps.simcc import SimCC
from parface_bench.registry import UserError
from tests.methods.golden_methods import Golden, close, wave

CODECS = {
    "rtmpose": (SimCC(decoder="argmax-mmpose"), 1),
    "default": (SimCC(sigma=6.0, normalise=True, decoder="argmax-mmpose"), 4),
    "standard_smooth0.1": (SimCC(label="smoothed", smoothing=0.1, decoder="argmax-mmpose"), 4),
    "onehot": (SimCC(label="smoothed", decoder="argmax-mmpose"), 0),
}


@pytest.fixture(scope="module")
def numbers(golden: Path) -> Golden:
    return Golden(golden, "simcc")


def labels(numbers: Golden, codec: SimCC) -> tuple[torch.Tensor, torch.Tensor]:
    found, weights = codec.encode(numbers["keypoints"], 256)
    seen = numbers["visible"]
    return found * seen[..., None, None], weights * seen


def noisy(numbers: Golden) -> torch.Tensor:
    label = labels(numbers, SimCC())[0]
    x = label[:, :, 0] + 0.1 * wave((2, 9, 512), 0.8) + 0.15 * wave((2, 9, 512), 0.05)
    return torch.stack([x, 0.9 * label[:, :, 1] + 0.1 * wave((2, 9, 512), 1.9)], dim=2)


@pytest.mark.parametrize("name", CODECS)
def test_labels_weights_and_decoding(numbers, name):
    codec, step = CODECS[name]
    found, weights = labels(numbers, codec)
    if step:
        close(found[:, :, 0, ::step], numbers[f"{name}_x"])
        close(found[:, :, 1, ::step], numbers[f"{name}_y"])
    close(weights, numbers[f"{name}_weights"])
    close(codec.decode(found), numbers[f"{name}_decoded"])
    close(found.amax(dim=-1).amin(dim=-1), numbers[f"{name}_scores"])


def test_noisy_scores(numbers):
    scores = noisy(numbers)
    close(SimCC(decoder="argmax-mmpose").decode(scores), numbers["noisy_decoded"])
    close(scores.amax(dim=-1).amin(dim=-1), numbers["noisy_scores"])
    sharp = (scores.double() * 150 * 5.66).softmax(dim=-1).amax(dim=-1).amin(dim=-1)
    close(sharp, numbers["noisy_visibility"])
    negative = torch.stack([-scores[:, :, 0].abs(), scores[:, :, 1]], dim=2)
    close(SimCC(decoder="argmax-mmpose").decode(negative), numbers["negative_x_decoded"])
    close(negative.amax(dim=-1).amin(dim=-1), numbers["negative_x_scores"])
    # done right, scores that are nowhere positive still have a highest bin
    assert (SimCC().decode(negative) >= 0).all()


def test_dark_as_mmpose_has_it(numbers):
    codec = SimCC(decoder="dark-mmpose")
    found, wanted = codec.decode(labels(numbers, SimCC())[0]), numbers["rtmpose_dark_decoded_has_nan"]
    assert torch.equal(found.isnan(), wanted.isnan())
    close(found.nan_to_num(0), wanted.nan_to_num(0))
    close(labels(numbers, SimCC())[0].amax(dim=-1).amin(dim=-1), numbers["rtmpose_dark_scores"])
    found, wanted = codec.decode(noisy(numbers)), numbers["noisy_decoded_dark"]
    steps = (wanted - SimCC().decode(noisy(numbers))).abs()
    close(found[steps < 3], wanted[steps < 3])
    # a step of many bins divides by a second difference near nought, which float32 hardly tells
    torch.testing.assert_close(found, wanted, rtol=1e-4, atol=1e-3)


def test_expectation_reads_between_the_bins():
    """On logits that are a Gaussian about any place the expectation finds it within a tenth of a pixel."""
    codec = SimCC(decoder="expectation")
    places = torch.rand((3, 20, 2), generator=torch.Generator().manual_seed(0)) * 215 + 20
    bins = torch.arange(512.0)
    scores = torch.exp(-((bins - 2 * places[..., None]) ** 2) / (2 * codec.sigma**2))
    assert (codec.decode(scores) - places).abs().max() < 0.1
    assert (SimCC().decode(scores) - places).abs().max() <= 0.2501
    assert (codec.confidence(scores) > 0.95).all()
    assert (codec.confidence(torch.zeros(1, 2, 2, 512)) < 0.1).all()


def test_wrong_settings():
    with pytest.raises(UserError, match="codec 'simcc' takes no option 'splitt'; did you mean 'split'"):
        SimCC.from_config({"splitt": 2})
    with pytest.raises(UserError, match="unknown decoder 'max'"):
        SimCC(decoder="max")
    with pytest.raises(UserError, match="must be above 0"):
        SimCC(split=0)
