"""Winograd's convolutions and the one-pass feature distance against the plain ones in float64."""

from __future__ import annotations

import copy

import pytest
import torch
import torch.nn.functional as F

from parface_bench.plugins.losses import perceptual
from parface_bench.plugins.losses.winograd import Convolution, usable
from parface_bench.registry import LOSSES

if not usable(torch.zeros(1, 3, 4, 4)):
    pytest.skip("oneDNN is not there", allow_module_level=True)


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(1, 1, 4, 4), (2, 5, 8, 12), (3, 16, 20, 4), (1, 64, 56, 56)], ids=str)
@pytest.mark.parametrize("relu", [False, True])
def test_convolution(shape, relu, threads):
    torch.manual_seed(0)
    x = torch.randn(shape)
    weight, bias = torch.randn(7, shape[1], 3, 3), torch.randn(7)
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        got = Convolution(weight, bias if relu else None, relu)(x.contiguous(memory_format=torch.channels_last))
    finally:
        torch.set_num_threads(before)
    want = F.conv2d(x.double(), weight.double(), bias.double() if relu else None, padding=1)
    want = want.relu() if relu else want
    assert got.shape == want.shape
    assert (got - want).square().mean().sqrt() < 5e-6 * want.square().mean().sqrt()


def test_other_shapes_lay_the_weights_out_anew():
    convolution = Convolution(torch.ones(1, 1, 3, 3))
    for side in (4, 8, 4):
        got = convolution(torch.ones(1, 1, side, side))
        torch.testing.assert_close(got, F.conv2d(torch.ones(1, 1, side, side), torch.ones(1, 1, 3, 3), padding=1))


@pytest.fixture
def in_one_pass(monkeypatch):
    """Counts the calls of the fast way."""
    calls = []
    plain = perceptual.Perceptual._in_one_pass
    monkeypatch.setattr(perceptual.Perceptual, "_in_one_pass", lambda self: calls.append(1) or plain(self))
    return calls


@pytest.mark.parametrize("layers", [(1,), (3, 8), (4, 6)], ids=str)
def test_value_and_gradient(layers, in_one_pass):
    torch.manual_seed(0)
    loss = LOSSES.build({"type": "perceptual", "weights": "random", "layers": layers, "resize": 32})
    images, target = torch.rand(3, 3, 40, 40), torch.rand(3, 3, 40, 40)
    exact = copy.deepcopy(loss).double()
    fake, real = images.clone().requires_grad_(), images.double().requires_grad_()
    value, want = loss(fake, target), exact(real, target.double())
    assert len(in_one_pass) == 1
    (2 * value).backward()
    (2 * want).backward()
    assert value.item() == pytest.approx(want.item(), rel=1e-5)
    assert fake.grad.norm().item() == pytest.approx(real.grad.norm().item(), rel=1e-4)
    # a few activations are on the other side of a kink
    assert (fake.grad - real.grad).norm() < 0.02 * real.grad.norm()


def test_new_weights_are_noticed(in_one_pass):
    loss = LOSSES.build({"type": "perceptual", "weights": "random", "layers": (3,), "resize": 0})
    images, target = torch.rand(1, 3, 16, 16, requires_grad=True), torch.zeros(1, 3, 16, 16)
    first = loss(images, target).item()
    with torch.no_grad():
        loss.vgg.features[2].weight.mul_(2)
    assert loss(images, target).item() != pytest.approx(first, rel=0.1)
    assert len(in_one_pass) == 2


@pytest.mark.parametrize("settings", [{"layers": (2,)}, {"resize": 30}], ids=str)
def test_what_it_is_not_made_for_goes_through_autograd(settings, in_one_pass):
    loss = LOSSES.build({"type": "perceptual", "weights": "random", "layers": (3,), "resize": 32, **settings})
    loss(torch.rand(1, 3, 32, 32, requires_grad=True), torch.rand(1, 3, 32, 32)).backward()
    assert not in_one_pass


def test_identical_images_are_no_distance_apart():
    loss = LOSSES.build({"type": "perceptual", "weights": "random", "resize": 32})
    images = torch.rand(2, 3, 32, 32, requires_grad=True)
    value = loss(images, images.detach().clone())
    value.backward()
    assert value.item() == 0
    assert images.grad.abs().max() == 0
