"""Heatmaps: against the original's numbers, against closed forms, and there and back."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from parface_bench.data.heatmaps import peaks
from parface_bench.data.heatmaps.codecs import HeatmapCodec, confidence
from parface_bench.data.heatmaps.smoothing import smoothed_peaks
from parface_bench.plugins.codecs.gaussian import decode_argmax, decode_integral, encode_gaussian
from parface_bench.plugins.codecs.parface import decode_parface, encode_parface, parface
from parface_bench.registry import DECODERS, UserError

SUBPIXEL = ("soft-argmax", "dark", "local-fit")


@pytest.fixture(scope="module")
def arrays(golden: Path) -> dict[str, np.ndarray]:
    return dict(np.load(golden / "heatmaps.npz"))


@pytest.fixture(autouse=True)
def _single_thread():
    torch.set_num_threads(1)


@pytest.mark.parametrize(("name", "sigma"), [("A7", 7.0), ("B7", 7.0), ("C7", 7.0), ("A9", 9.0), ("A3p5", 3.5)])
def test_parface_encoder(arrays, name, sigma):
    maps = encode_parface(torch.from_numpy(arrays[f"lms_{name}"])[None], 128, sigma)[0].numpy()
    np.testing.assert_allclose(maps[:, ::8, ::8], arrays[f"hm_{name}_strided"], atol=1e-6)
    np.testing.assert_allclose(maps.sum((1, 2), dtype=np.float64), arrays[f"hm_{name}_sum"], atol=1e-4)
    np.testing.assert_allclose(maps.max((1, 2)), arrays[f"hm_{name}_max"], atol=1e-6)
    for found, ltrb in zip(maps, arrays[f"hm_{name}_nonzero_ltrb"], strict=True):
        rows, columns = np.nonzero(found.any(axis=1))[0], np.nonzero(found.any(axis=0))[0]
        extent = [columns[0], rows[0], columns[-1], rows[-1]] if len(rows) else [-1] * 4
        assert extent == ltrb.tolist()
    places = decode_argmax(torch.from_numpy(maps)[None])[0].numpy()
    np.testing.assert_array_equal(places, arrays[f"hm_{name}_argmax_xy"])


@pytest.mark.parametrize("name", ["A7", "B7"])
def test_parface_encoder_whole_maps(arrays, name):
    maps = encode_parface(torch.from_numpy(arrays[f"lms_{name}"])[None], 128, 7.0)[0].numpy()
    for wanted in arrays[f"hm_{name}_full_ch0_12"]:
        assert np.abs(maps - wanted).max(axis=(1, 2)).min() < 1e-6


def test_parface_templates(arrays):
    for key, sigma, size in (("template_35_7", 7.0, 35), ("template_45_9", 9.0, 45)):
        centre = torch.full((1, 1, 2), 64.0)
        whole = encode_parface(centre, 128, sigma)[0, 0].numpy()
        first = 64 - (size + 1) // 2
        np.testing.assert_allclose(whole[first : first + size, first : first + size], arrays[key], atol=1e-6)


def test_parface_round_trip_error(arrays):
    """The original's quantisation, as its own numbers tell it: x, y even at 256 px, at most a pixel off."""
    landmarks = torch.from_numpy(arrays["lms_A7"])[None] * 2
    found = parface().decode(parface().encode(landmarks, 256), 256)
    assert ((found % 2) == 0).all()
    assert (found - landmarks).abs().max() <= 1.0 + 1e-4
    assert (found - landmarks).abs().mean().item() == pytest.approx(0.32, abs=0.01)


def test_ties_take_the_first():
    maps = torch.zeros(1, 2, 64, 64)
    maps[0, 0, 20:40, 14:50] = 0.5
    assert decode_argmax(maps).tolist() == [[[14.0, 20.0], [0.0, 0.0]]]
    assert decode_parface(maps).tolist() == [[[18.0, 24.0], [0.0, 0.0]]]


@settings(max_examples=60, deadline=None)
@given(
    maps=hnp.arrays(
        np.float32,
        hnp.array_shapes(min_dims=3, max_dims=3, min_side=1, max_side=24),
        elements=st.floats(-2, 2, width=16),
    ),
    radius=st.integers(0, 5),
)
def test_smoothed_peaks_are_exact(maps, radius):
    side = 2 * radius + 1
    place, height = smoothed_peaks(maps, radius)
    for found, value, one in zip(place, height, maps, strict=True):
        slow = cv2.filter2D(
            one.astype(np.float64), -1, np.full((side, side), side**-2.0), borderType=cv2.BORDER_CONSTANT
        )
        assert value == pytest.approx(slow.max(), abs=1e-5)
        assert slow.ravel()[found] == pytest.approx(slow.max(), abs=1e-5)


def test_smoothed_peaks_of_real_sized_maps():
    rng = np.random.default_rng(0)
    landmarks = torch.from_numpy(rng.uniform(-5, 132, (2, 40, 2)))
    maps = (encode_gaussian(landmarks, 128, 7.0).numpy() + rng.normal(0, 0.05, (2, 40, 128, 128))).astype(np.float32)
    flat = maps.reshape(-1, 128, 128)
    wanted = [int(np.argmax(cv2.blur(one, (9, 9), borderType=cv2.BORDER_CONSTANT))) for one in flat]
    for threads in (1, 2):
        assert smoothed_peaks(flat, threads=threads)[0].tolist() == wanted
    on_device = peaks.smooth(torch.from_numpy(maps)).flatten(2).argmax(-1).flatten()
    assert on_device.tolist() == wanted


def test_smoothing_matches_the_original(arrays):
    """Where all pixels are known: smoothing a map that the strided samples of the golden output come from."""
    whole = torch.from_numpy(arrays["hm_A7_full_ch0_12"])[None]
    before = whole.clone()
    found = peaks.smooth(whole)
    for one, wanted in zip(whole[0].numpy(), found[0].numpy(), strict=True):
        np.testing.assert_allclose(wanted, cv2.blur(one, (9, 9), borderType=cv2.BORDER_CONSTANT), atol=1e-6)
    assert torch.equal(before, whole)


@pytest.mark.parametrize("decoder", SUBPIXEL)
@pytest.mark.parametrize(("size", "sigma"), [(64, 1.5), (64, 2.0), (64, 3.0), (128, 5.0), (128, 7.0), (32, 1.0)])
def test_round_trip(decoder, size, sigma):
    torch.manual_seed(0)
    landmarks = torch.rand(6, 68, 2) * (size - 1)
    error = (DECODERS.get(decoder)(encode_gaussian(landmarks, size, sigma), sigma=sigma) - landmarks).norm(dim=-1)
    assert error.mean() < 0.02


def test_integral_is_the_mean_of_the_softmax():
    torch.manual_seed(0)
    landmarks = torch.rand(4, 20, 2) * 40 + 12
    logits = encode_gaussian(landmarks, 64, 2.0).clamp_min(1e-30).log().requires_grad_()
    found = decode_integral(logits)
    assert (found - landmarks).norm(dim=-1).mean() < 0.02
    found.sum().backward()
    assert torch.isfinite(logits.grad).all() and logits.grad.abs().sum() > 0


@pytest.mark.parametrize("decoder", ["dark", "local-fit"])
def test_noise_is_borne(decoder):
    torch.manual_seed(0)
    landmarks = torch.rand(4, 68, 2) * 100 + 14
    maps = encode_gaussian(landmarks, 128, 5.0) * 0.7 + torch.randn(4, 68, 128, 128) * 0.02
    found = DECODERS.get(decoder)(maps, sigma=5.0)
    assert (found - landmarks).norm(dim=-1).mean() < 0.1
    assert (decode_argmax(maps) - landmarks).norm(dim=-1).mean() > 0.3


@pytest.mark.parametrize(
    "name", [one.name for one in DECODERS if one.on != "bins" and not one.name.endswith("-mmpose")]
)
@pytest.mark.parametrize("fill", [0.0, 1.0, -3.0])
def test_maps_without_a_peak_give_places_inside(name, fill):
    found = DECODERS.get(name)(torch.full((1, 3, 16, 16), fill), sigma=2.0)
    assert found.shape == (1, 3, 2) and torch.isfinite(found).all()
    assert (found >= -0.5).all() and (found <= 15.5).all()


@settings(max_examples=40, deadline=None)
@given(x=st.floats(-30, 90), y=st.floats(-30, 90), sigma=st.floats(0.5, 9))
def test_gaussian_closed_form(x, y, sigma):
    found = encode_gaussian(torch.tensor([[[x, y]]], dtype=torch.float64), 48, sigma)[0, 0].numpy()
    v, u = np.mgrid[:48, :48]
    np.testing.assert_allclose(found, np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * sigma**2)), atol=2e-5)


def test_unknown_landmarks_leave_empty_maps():
    landmarks = torch.tensor([[[float("nan"), 3.0], [5.0, 5.0]]])
    for encode in (encode_gaussian, encode_parface):
        maps = encode(landmarks, 32, 2.0)
        assert maps[0, 0].abs().max() == 0 and maps[0, 1].max() == 1


def test_gradient_reaches_landmarks():
    landmarks = torch.full((1, 1, 2), 10.3, requires_grad=True)
    encode_gaussian(landmarks, 32, 2.0)[0, 0, 9].sum().backward()
    assert landmarks.grad.abs().sum() > 0


@pytest.mark.parametrize("coordinates", ["half-pixel", "corner"])
def test_codec_between_crop_and_heatmap(coordinates):
    codec = HeatmapCodec(sigma=2.0, coordinates=coordinates)
    landmarks = torch.rand(2, 10, 2) * 200 + 28
    maps = codec.encode(landmarks, 256)
    assert maps.shape == (2, 10, 64, 64)
    assert (codec.decode(maps, 256) - landmarks).abs().max() < 0.05
    # the centre of the crop is the centre of the map
    if coordinates == "half-pixel":
        assert codec.to_heatmap(torch.tensor([127.5]), 256).item() == pytest.approx(31.5)


def test_confidence_is_the_height():
    maps = encode_gaussian(torch.tensor([[[10.0, 10.0], [90.0, 10.0]]]), 32, 2.0) * 0.8
    assert confidence(maps)[0].tolist() == pytest.approx([0.8, 0.0])


def test_names_are_checked():
    for bad, words in (
        ({"decoder": "darc"}, "did you mean 'dark'"),
        ({"encoder": "gausian"}, "did you mean 'gaussian'"),
        ({"sigmas": 2}, "did you mean 'sigma'"),
        ({"sigma": 0}, "sigma 0"),
    ):
        with pytest.raises(UserError, match=words):
            HeatmapCodec.from_config(bad)


def test_maps_in_use_are_never_written_to():
    torch.manual_seed(0)
    held = []
    for _ in range(6):
        landmarks = torch.rand(2, 5, 2) * 30
        maps = encode_gaussian(landmarks, 32, 2.0)
        held.append((maps[:1, 1:], maps.clone()[:1, 1:]))  # a view keeps the whole
        del maps
    assert all(torch.equal(a, b) for a, b in held)
    place = held[-1][0].untyped_storage().data_ptr()
    held.pop()
    assert encode_gaussian(torch.rand(2, 5, 2), 32, 2.0).untyped_storage().data_ptr() == place


@pytest.mark.parametrize("sigma", [0.7, 2.0, 7.0, 40.0])
def test_compiled_gaussians_are_the_exponential(sigma: float) -> None:
    torch.manual_seed(0)
    centres = torch.rand(3, 40, 2) * 90 - 13
    pixels = torch.arange(64, dtype=torch.float64)
    profile = torch.exp(-((pixels - centres.double()[..., None]) ** 2) / (2 * sigma**2))
    truth = profile[:, :, 1, :, None] * profile[:, :, 0, None, :]
    compiled = encode_gaussian(centres, 64, sigma)
    torch.testing.assert_close(compiled.double(), truth, atol=2e-7, rtol=0)
    differentiable = encode_gaussian(centres.requires_grad_(), 64, sigma)
    torch.testing.assert_close(differentiable.detach(), compiled, atol=5e-6, rtol=0)
