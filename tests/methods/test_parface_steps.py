"""Whole training steps against the original's (golden/losses.json, steps): loss values and gradient norms."""

from __future__ import annotations

import json
from contextlib import nullcontext

import numpy as np
import pytest
import torch

from parface_bench.data.batch import Batch
from parface_bench.data.codecs import PARFACE_CODEC
from parface_bench.faces import get_schema
from parface_bench.plugins.losses import adversarial
from parface_bench.plugins.methods.parface.method import ParFace
from parface_bench.registry import UserError
from parface_bench.training.optimizer import build_optimizers, freeze, set_modes
from parface_bench.training.stage import Stage
from tests.methods.parface_weights import fill, waves

AUTOENCODER = {
    "name": "autoencoder",
    "loss": "autoencoder",
    "trains": ("network.Q", "network.P", "network.D"),
    "optimizers": {
        "autoencoder": {"type": "Adam", "lr": 2e-5, "betas": [0.0, 0.999], "modules": ["network.Q", "network.P"]},
        "critic": {"type": "Adam", "lr": 1e-5, "betas": [0.0, 0.999], "modules": ["network.D"]},
    },
}
PERCEPTUAL = {"type": "perceptual", "factor": 0.1, "weights": "random"}


class Gradients:
    """An optimizer that goes backward and then stops, so that the gradients can be looked at."""

    def optim_context(self, model):
        return nullcontext()

    def update_params(self, loss):
        loss.backward()


@pytest.fixture(scope="module")
def want(golden):
    return json.loads((golden / "losses.json").read_text())["steps"]


@pytest.fixture(scope="module")
def batch(golden):
    shape = np.load(golden / "metrics.npz")["mean_shape68"]
    i = np.arange(2)
    landmarks = shape[None, :, :2] + np.stack([3 * i, -2 * i], -1)[:, None]
    depth = shape[None, :, 2] * (1 + 0.1 * i)[:, None]
    images = waves(2)
    return Batch(
        images,
        torch.tensor(landmarks).float(),
        torch.tensor(depth).float(),
        None,
        torch.zeros(2, 2, 3),
        ["a", "b"],
        PARFACE_CODEC,
    )


@pytest.fixture(scope="module")
def weights():
    return fill(ParFace(get_schema("ibug68")).network).state_dict()


@pytest.fixture
def method(weights):
    method = ParFace(get_schema("ibug68"), codec="parface", mean=(0, 0, 0))  # the golden input has none
    method.network.load_state_dict(weights)
    return method


def step(method, batch, stage, keep_critic=False):
    """One step of a stage; the gradients stay, except for the critic's, whose optimizer steps."""
    freeze(method, stage)
    set_modes(method, stage)
    optimizers = build_optimizers(method, stage, torch.device("cpu"))
    optimizers = {name: o if name == "critic" else Gradients() for name, o in optimizers.items()}
    method.zero_grad()
    for term in getattr(method._steps.get(stage.name), "losses", []):
        if term.name == "perceptual":
            fill(term.loss.vgg)
    return method.training_step(batch, optimizers, stage)


def equal_gradients(part, want):
    """The whole part's norm, and roughly each tensor's.

    The golden norms are of float32, in which rounding decides on which side of a leaky ReLU's kink an activation lies,
    for thousands of pixels at once where a heatmap is empty. In float64 two ways of ours agree to 1e-13 and are 1.3e-4
    (autoencoder) and 3e-4 (depth from true heatmaps) away from them in total, up to 1.4e-2 in single tensors.
    """
    got = {n: p.grad.norm().item() for n, p in part.named_parameters() if p.grad is not None}
    assert set(got) == set(want)
    for name, norm in got.items():
        assert norm == pytest.approx(want[name], rel=0.02, abs=1e-7), name
    total, wanted = (np.linalg.norm(list(norms.values())) for norms in (got, want))
    assert total == pytest.approx(wanted, rel=5e-4)


@pytest.mark.parametrize("case, loss", [("unsup_l2", "l2"), ("unsup_l1", "l1")])
def test_autoencoder(method, batch, want, case, loss, monkeypatch):
    monkeypatch.setattr(adversarial.torch, "rand", lambda n, **k: torch.tensor([0.25, 0.75]))
    settings = {"losses": [loss, PERCEPTUAL], "adversary": "wgan_gp_parface"}
    stage = Stage(**AUTOENCODER, settings=settings)
    method.build_step(stage)
    got, want = step(method, batch, stage), want[case]
    assert got[loss].item() == pytest.approx(want["stats"]["loss_recon"], rel=1e-5)
    assert got["perceptual"].item() == pytest.approx(0.1 * want["stats"]["perceptual_loss"], rel=1e-5)
    assert got["critic_loss"].item() == pytest.approx(want["stats"]["loss_D"], rel=1e-5)
    assert got["wgan_gp_parface_critic"].item() == pytest.approx(want["stats"]["loss_G"], rel=1e-5)
    assert got["loss"].item() == pytest.approx(want["stats"]["loss"], rel=1e-5)
    equal_gradients(method.network.Q, want["grad_l2"]["Q"])
    equal_gradients(method.network.P, want["grad_l2"]["P"])
    mean = method.network.P.bn1.running_mean[:4]
    np.testing.assert_allclose(mean, want["P_bn1_running_mean_first4"], rtol=1e-4, atol=1e-6)


def test_inversion(method, batch, want, monkeypatch):
    """With the original's drift: frozen weights, but batch statistics that move."""
    monkeypatch.setattr(adversarial.torch, "rand", lambda n, **k: torch.tensor([0.25, 0.75]))
    settings = {"losses": ["l2", PERCEPTUAL], "adversary": "wgan_gp_parface"}
    own = {"trains": ("network.Q", "network.D"), "drifts": ("network.P",)}
    optimizers = {
        "autoencoder": {"type": "Adam", "modules": ["network.Q"]},
        "critic": AUTOENCODER["optimizers"]["critic"],
    }
    stage = Stage(**{**AUTOENCODER, **own, "optimizers": optimizers}, settings=settings)
    method.build_step(stage)
    got, want = step(method, batch, stage), want["unsup_l2_decoder_frozen"]
    assert got["loss"].item() == pytest.approx(want["stats"]["loss"], rel=1e-5)
    equal_gradients(method.network.Q, want["grad_l2"]["Q"])
    assert all(p.grad is None for p in method.network.P.parameters())
    mean = method.network.P.bn1.running_mean[:4]
    np.testing.assert_allclose(mean, want["P_bn1_running_mean_first4"], rtol=1e-4, atol=1e-6)


def test_inversion_leaves_the_decoder_alone(method, batch):
    own = {"trains": ("network.Q",), "optimizers": {"autoencoder": {"type": "Adam", "lr": 1e-3}}}
    stage = Stage(**{**AUTOENCODER, **own}, settings={"losses": ["l2"]})
    before = {n: t.clone() for n, t in method.network.P.state_dict().items()}
    freeze(method, stage)
    set_modes(method, stage)
    method.training_step(batch, build_optimizers(method, stage, torch.device("cpu")), stage)
    for name, tensor in method.network.P.state_dict().items():
        assert torch.equal(tensor, before[name]), name


@pytest.mark.parametrize(
    "case, loss, trains",
    [
        ("lm_awing", "adaptive_wing_parface", ("network.LMH",)),
        ("lm_mse", "heatmap_mse", ("network.LMH",)),
        ("lm_awing_encoder", "adaptive_wing_parface", ("network.LMH", "network.Q")),
    ],
)
def test_heatmaps(method, batch, want, case, loss, trains):
    stage = Stage(name=case, loss="heatmaps", trains=trains, settings={"loss": {"type": loss, "factor": 300}})
    got, want = step(method, batch, stage), want[case]
    assert got["loss"].item() == pytest.approx(want["stats"]["loss_lms"], rel=1e-5)
    equal_gradients(method.network.LMH, want["grad_l2_LMH"])
    equal_gradients(method.network.Q, want["grad_l2_Q"])
    assert all(p.grad is None for p in method.network.P.parameters())


@pytest.mark.parametrize("heatmaps, case", [("true", "lm3d_gt"), ("predicted", "lm3d_pred")])
def test_depth(method, batch, want, heatmaps, case):
    settings = {"loss": {"type": "l2", "factor": 300}, "heatmaps": heatmaps}
    stage = Stage(name=case, loss="depth", trains=("network.LMH_3D",), settings=settings)
    got, want = step(method, batch, stage), want[case]
    assert got["loss"].item() == pytest.approx(want["stats"]["loss_lms_3d"], rel=1e-5)
    equal_gradients(method.network.LMH_3D, want["grad_l2_LMH_3D"])
    assert all(p.grad is None for p in method.network.LMH.parameters())


def test_frozen_parts_run_once_where_nothing_is_augmented(monkeypatch):
    from parface_bench.plugins.methods.parface import frozen

    method = ParFace(get_schema("ibug68"), image_size=64, heatmap_size=32, width=0.125)
    matrices = torch.arange(12.0).reshape(2, 2, 3)
    faces = Batch(torch.rand(2, 3, 64, 64), torch.rand(2, 68, 2) * 64, torch.rand(2, 68), None, matrices, ["a", "b"])
    faces.codec = method.codec
    calls = []
    make = frozen.FrozenFeatures._make
    monkeypatch.setattr(frozen.FrozenFeatures, "_make", lambda self, x: calls.append(1) or make(self, x))
    for augment, runs in (({"none": True}, 1), ({}, 3)):
        stage = Stage(loss="heatmaps", trains=("network.LMH",), augment=augment, settings={"loss": "heatmap_mse"})
        method.build_step(stage)
        calls.clear()
        losses = [step(method, faces, stage)["loss"].item() for _ in range(3)]
        assert len(calls) == runs
        assert losses == [losses[0]] * 3  # `step` leaves the weights alone


@pytest.mark.parametrize(
    "stage, word",
    [
        ({"loss": "heatmap", "settings": {}}, "did you mean 'heatmaps'"),
        ({"loss": "heatmaps", "settings": {"los": 1}}, "no setting 'los'; did you mean 'loss'"),
        ({"loss": "heatmaps"}, "must give 'loss'"),
        ({"loss": "depth", "settings": {"loss": "l2", "heatmaps": "real"}}, "'real'"),
    ],
    ids=str,
)
def test_bad_settings_are_one_sentence(stage, word):
    method = ParFace(get_schema("ibug68"), image_size=64, heatmap_size=32, width=0.125)
    with pytest.raises(UserError, match=word):
        method.build_step(Stage(name="s", **stage))
