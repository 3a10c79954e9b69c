"""The losses against the original's numbers (golden/losses), on the golden images and their reconstructions."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from parface_bench.plugins.losses.adversarial import gradient_penalty
from parface_bench.plugins.methods.parface.network import ParFaceNetwork
from parface_bench.registry import LOSSES
from tests.methods.parface_weights import fill, waves

ALPHA = torch.tensor([0.25, 0.75])


@pytest.fixture(scope="module")
def want(golden):
    return json.loads((golden / "losses.json").read_text())


@pytest.fixture(scope="module")
def network(golden):
    return fill(ParFaceNetwork(depth=False))


@pytest.fixture(scope="module")
def images(network):
    with torch.no_grad():
        return waves(2), network.P(network.Q(waves(2)))


@pytest.fixture(params=["eval", "train"])
def critic(network, request):
    """The image critic; training mode uses the batch's statistics, and the state is put back afterwards."""
    state = {n: t.clone() for n, t in network.D.state_dict().items()}
    network.D.train(request.param == "train")
    yield network.D, request.param
    network.D.load_state_dict(state)
    network.D.eval().zero_grad()


def equal(got, want):
    assert got.item() == pytest.approx(want, rel=1e-5)


def test_pixels(images, want):
    x, recon = images
    equal(LOSSES.build("l1")(recon, x), want["loss_recon"]["mean"])
    equal(LOSSES.build("l2")(recon, x), want["loss_recon_l2"])


def test_contrast_structure(images, want, golden):
    x, recon = images
    loss = LOSSES.build("contrast_structure_parface")
    equal(loss(recon, x), want["ssim"]["loss_struct"])
    equal(loss.similarity(x, recon), want["ssim"]["SSIM31_x_recon"])
    equal(loss.similarity(recon, x), want["ssim"]["SSIM31_recon_x"])
    small = LOSSES.build({"type": "contrast_structure_parface", "window_size": 11})
    equal(small.similarity(x, recon), want["ssim"]["SSIM11_x_recon"])
    equal(small.similarity(recon, x), want["ssim"]["SSIM11_recon_x"])
    window = torch.outer(loss.window, loss.window)
    np.testing.assert_allclose(window, np.load(golden / "losses.npz")["ssim_window31"], rtol=1e-5, atol=1e-9)


def test_wgan_gp(images, want, critic):
    (x, recon), (critic, mode) = images, critic
    want = want["wgan"]
    penalty = 10 * gradient_penalty(critic, x, recon, ALPHA)
    penalty.backward()
    equal(penalty, want[f"gradient_penalty_D_{mode}"])
    for name, parameter in critic.named_parameters():
        assert parameter.grad.norm().item() == pytest.approx(want[f"gp_grads_D_{mode}"][name], rel=1e-4), name
    loss = LOSSES.build("wgan_gp_parface")
    equal(loss.critic(critic, x, recon, ALPHA), want[f"update_notrain_D_{mode}"]["loss_D"])
    fake = recon.clone().requires_grad_()
    generator = loss(fake, x, critic=critic)
    generator.backward()
    equal(generator, want[f"update_notrain_D_{mode}"]["loss_G"])
    assert fake.grad.norm().item() == pytest.approx(want[f"update_notrain_D_{mode}"]["grad_recon_l2"], rel=1e-4)


def test_gan(images, want, critic):
    (x, recon), (critic, mode) = images, critic
    loss = LOSSES.build("gan")
    equal(loss.critic(critic, x, recon), want["wgan"][f"update_gan_notrain_D_{mode}"]["loss_D"])
    equal(loss(recon, x, critic=critic), want["wgan"][f"update_gan_notrain_D_{mode}"]["loss_G"])


def test_code_adversary(network, images, want):
    with torch.no_grad():
        z = network.Q(images[0])
    real = torch.tensor(np.sin(0.37 * np.arange(198)).reshape(2, 99), dtype=torch.float32)
    loss = LOSSES.build("code_adversary")
    equal(loss.critic(network.D_z, real, z), want["D_z"]["loss_D_z"])
    equal(loss(z, critic=network.D_z), want["D_z"]["loss_E"])


def test_perceptual(images, want):
    x, recon = images
    want = want["perceptual"]
    loss = LOSSES.build("perceptual", weights="random")
    fill(loss.vgg)
    fake = recon.clone().requires_grad_()
    value = loss(fake, x)
    value.backward()
    equal(value, want["[3, 8, 15, 22]"])
    assert fake.grad.norm().item() == pytest.approx(want["grad_recon_l2"], rel=1e-4)
    with torch.no_grad():
        for number, features in zip((3, 8, 15, 22), loss.vgg(loss.prepare(x)), strict=True):
            equal(features.double().mean(), want[f"features_x_layer{number}"]["mean"])
            equal(features.double().norm(), want[f"features_x_layer{number}"]["l2"])
