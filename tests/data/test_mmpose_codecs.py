"""The heatmap codecs of body pose: against mmpose's own numbers, and what is mended against closed forms."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from parface_bench.data.heatmaps.codecs import HeatmapCodec, confidence
from parface_bench.plugins.codecs.mmpose import blur_mmpose
from parface_bench.registry import CODECS, UserError
from tests.methods.golden_methods import Golden, close, wave

NAMES = [one.name for one in CODECS if one.on == "heatmaps" and one.name != "parface"]  # its maps have one size
CASES = [("msra", "msra_s2", 2.0), ("msra", "msra_s1.5", 1.5), ("dark", "dark_s2", 2.0), ("udp", "udp_s2", 2.0)]


@pytest.fixture(scope="module")
def numbers(golden: Path) -> Golden:
    return Golden(golden, "heatmap_codecs")


def noisy(maps: torch.Tensor) -> torch.Tensor:
    return 0.8 * maps + (0.03 * wave((14, 64, 64), 0.21)).abs()


@pytest.mark.parametrize(("name", "key", "sigma"), CASES)
def test_as_mmpose_encodes(numbers, name, key, sigma):
    codec = HeatmapCodec.named(f"{name}-mmpose", size=64, sigma=sigma)
    points, seen = numbers["keypoints"], numbers["visible"]
    weights = codec.weights(points, 256)
    close(weights * seen, numbers[f"{key}_weights"])
    counts = (weights * seen)[..., None, None]
    close((codec.encode(points, 256) * counts)[0].float(), numbers[f"{key}_maps"])


@pytest.mark.parametrize(("name", "key", "sigma"), CASES)
def test_as_mmpose_decodes(numbers, name, key, sigma):
    codec = HeatmapCodec.named(f"{name}-mmpose", size=64, sigma=sigma)
    maps = numbers[f"{key}_maps"][None]
    wanted = numbers[f"{key}_decoded_has_nan" if name == "udp" else f"{key}_decoded"]
    assert torch.equal(wanted.isnan(), codec.decode(maps, 256).isnan())
    close(codec.decode(maps, 256).nan_to_num(0), wanted.nan_to_num(0).float())
    close(codec.decode(noisy(maps), 256), numbers[f"{key}_noisy_decoded"].float())
    close(maps.flatten(2).amax(dim=-1), numbers[f"{key}_scores"])
    if name != "udp":
        close(noisy(maps).flatten(2).amax(dim=-1), numbers[f"{key}_noisy_scores"])
    assert ((confidence(maps) >= 0) & (confidence(maps) <= 1)).all()


def test_its_smoothing(numbers):
    maps = noisy(numbers["dark_s2_maps"][None])
    close(blur_mmpose(maps, 11)[0, :3].float(), numbers["blur11_of_noisy_dark"])
    close(blur_mmpose(maps, 17)[0, :3, ::2, ::2].float(), numbers["blur17_of_noisy_dark"])


def test_what_is_mended(numbers):
    """The flaws that golden/methods names are there under mmpose's name, and gone under the plain one."""
    border = torch.tensor([[[0.0, 0.0], [6.0, 200.0], [255.0, 255.0]]])
    published, mended = (HeatmapCodec.named(n, size=64, sigma=1.5) for n in ("msra-mmpose", "msra"))
    assert published.decode(published.encode(border, 256), 256)[0, 0].tolist() == [4.0, 4.0]
    assert (mended.decode(mended.encode(border, 256), 256) - border).abs().max() <= 2.0
    inside = torch.tensor([[[0.0, 0.0], [3.9, 128.2], [101.5, 121.9], [251.3, 7.7], [255.0, 255.0]]])
    published, mended = (HeatmapCodec.named(n, size=64, sigma=2.0) for n in ("udp-mmpose", "udp"))
    found = published.decode(published.encode(inside, 256), 256)
    torch.testing.assert_close(found[0, 2], inside[0, 2] * 256 / 255, atol=1e-3, rtol=0)
    torch.testing.assert_close(mended.decode(mended.encode(inside, 256), 256), inside, atol=1e-3, rtol=0)
    empty = torch.zeros(1, 1, 64, 64)
    for name in NAMES:
        found = HeatmapCodec.named(name, size=64, sigma=2.0).decode(empty, 256)
        assert name.endswith("-mmpose") or ((found >= -2) & (found <= 258)).all()


@pytest.mark.parametrize("name", [n for n in NAMES if not n.endswith("-mmpose")])
def test_there_and_back(name):
    """Within a quarter of a heatmap pixel and a rounding (msra), or exactly, everywhere on the crop."""
    places = torch.rand((4, 50, 2), generator=torch.Generator().manual_seed(3)) * 255
    codec = HeatmapCodec.named(name, size=64, sigma=2.0)
    found = codec.decode(codec.encode(places, 256), 256)
    assert (found - places).abs().max() < (2.1 if name == "msra" else 0.6)


def test_names_that_do_not_exist():
    with pytest.raises(UserError, match="unknown codec 'mrsa'; did you mean 'msra'"):
        HeatmapCodec.named("mrsa")
    with pytest.raises(UserError, match="unknown decoder 'darc'; did you mean 'dark'"):
        HeatmapCodec.named("msra", decoder="darc")
