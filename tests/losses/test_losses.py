"""Losses against closed forms and published definitions."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.ndimage import correlate1d
from torch import nn

from parface_bench.plugins.losses.adversarial import gradient_penalty
from parface_bench.registry import LOSSES, UserError


@given(error=st.floats(-30, 30))
@settings(max_examples=40, deadline=None)
def test_wing_is_the_published_formula(error):
    c = 10 - 10 * math.log(1 + 10 / 2)
    want = 10 * math.log(1 + abs(error) / 2) if abs(error) < 10 else abs(error) - c
    got = LOSSES.build("wing")(torch.full((1, 1, 2), error), torch.zeros(1, 1, 2))
    assert got.item() == pytest.approx(want, rel=1e-4, abs=1e-5)


@given(error=st.floats(-3, 3))
@settings(max_examples=30, deadline=None)
def test_smooth_l1(error):
    want = 0.5 * error**2 if abs(error) < 1 else abs(error) - 0.5
    got = LOSSES.build("smooth_l1")(torch.full((1, 1, 2), error), torch.zeros(1, 1, 2))
    assert got.item() == pytest.approx(want, rel=1e-4, abs=1e-6)


@pytest.mark.parametrize("name, shape", [("heatmap_mse", (2, 3, 4, 4)), ("wing", (2, 3, 2)), ("smooth_l1", (2, 3, 2))])
def test_invisible_landmarks_do_not_count(name, shape):
    prediction, target = torch.rand(shape), torch.rand(shape)
    visible = torch.tensor([[1, 1, 0], [1, 1, 0]])
    loss = LOSSES.build(name)
    assert loss(prediction, target, visible).item() == pytest.approx(loss(prediction[:, :2], target[:, :2]).item())
    assert loss(prediction, target, torch.zeros(2, 3)).item() == 0


def test_ssim_is_the_published_formula():
    rng = np.random.default_rng(0)
    a, b = rng.random((2, 40, 36))
    offsets = np.arange(11) - 5
    window = np.exp(-(offsets**2) / (2 * 1.5**2))
    window /= window.sum()

    def blur(image):
        return correlate1d(correlate1d(image, window, 0), window, 1)[5:-5, 5:-5]

    ma, mb = blur(a), blur(b)
    va, vb, cov = blur(a * a) - ma**2, blur(b * b) - mb**2, blur(a * b) - ma * mb
    want = (2 * ma * mb + 1e-4) * (2 * cov + 9e-4) / ((ma**2 + mb**2 + 1e-4) * (va + vb + 9e-4))
    images = [torch.tensor(i, dtype=torch.float32)[None, None] for i in (a, b)]
    loss = LOSSES.build("ssim")
    assert loss(*images).item() == pytest.approx(1 - want.mean(), rel=1e-4)
    assert loss(*reversed(images)).item() == pytest.approx(loss(*images).item(), rel=1e-5)
    assert loss(images[0], images[0]).item() == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("name", [spec.name for spec in LOSSES if spec.on == "images"])
def test_losses_of_images_keep_their_precision_in_mixed_precision(name):
    smooth = torch.linspace(0.4, 0.6, 48).expand(2, 3, 48, 48) + 0.01 * torch.rand(2, 3, 48, 48)
    other = smooth + 0.01 * torch.rand(2, 3, 48, 48)
    loss = LOSSES.build(name)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        mixed = loss(other, smooth)
    assert mixed.item() == pytest.approx(loss(other, smooth).item(), rel=1e-5)


def test_gradient_penalty_of_a_linear_critic():
    weight = torch.tensor([3.0, 4.0])
    got = gradient_penalty(lambda x: x @ weight, torch.rand(6, 2), torch.rand(6, 2))
    assert got.item() == pytest.approx((5 - 1) ** 2)


def test_published_wgan_uses_the_unbounded_score():
    class Critic(nn.Module):
        def logits(self, x):
            return x.sum(1)

        def forward(self, x):
            return torch.sigmoid(self.logits(x))

    real, fake = torch.full((4, 2), 3.0), torch.full((4, 2), 1.0)
    loss = LOSSES.build("wgan_gp")
    assert loss(fake, real, critic=Critic()).item() == -2
    assert loss.critic(Critic(), real, fake).item() == pytest.approx(2 - 6 + 10 * (math.sqrt(2) - 1) ** 2)


@pytest.mark.parametrize("name", ["gan", "wgan_gp", "wgan_gp_parface"])
def test_critics_loss_leaves_the_generator_alone(name):
    critic = nn.Sequential(nn.Linear(2, 1), nn.Sigmoid(), nn.Flatten(0))
    fake = torch.rand(4, 2, requires_grad=True)
    LOSSES.build(name).critic(critic, torch.rand(4, 2), fake * 2).backward()
    assert fake.grad is None
    assert critic[0].weight.grad.abs().sum() > 0


def test_perceptual_weights_are_never_silently_random():
    with pytest.raises(UserError, match="say which VGG19 weights"):
        LOSSES.build("perceptual")
    with pytest.raises(UserError, match="no such file"):
        LOSSES.build("perceptual", weights="vgg19.pth")


def test_perceptual_weights_of_a_file(tmp_path):
    random = LOSSES.build("perceptual", weights="random", layers=[3], seed=5)
    torch.save(random.vgg.state_dict(), tmp_path / "vgg.pth")
    loaded = LOSSES.build("perceptual", weights=tmp_path / "vgg.pth", layers=[3])
    x, y = torch.rand(2, 1, 3, 40, 40)
    assert loaded(x, y).item() == random(x, y).item()
    state = random.vgg.state_dict()
    state["features.2.weight"] = torch.zeros(1)
    torch.save(state, tmp_path / "bent.pth")
    with pytest.raises(UserError, match=r"features\.2\.weight.*shape"):
        LOSSES.build("perceptual", weights=tmp_path / "bent.pth", layers=[3])
    (tmp_path / "text.pth").write_text("not a checkpoint")
    with pytest.raises(UserError, match="text.pth"):
        LOSSES.build("perceptual", weights=tmp_path / "text.pth", layers=[3])


def test_perceptual_keeps_no_graph_for_the_target():
    loss = LOSSES.build("perceptual", weights="random", layers=[1])
    x, y = torch.rand(2, 1, 3, 32, 32, requires_grad=True)
    prediction, target = x.detach().requires_grad_(), y.detach().requires_grad_()
    loss(prediction, target).backward()
    assert target.grad is None
    assert prediction.grad.abs().sum() > 0
