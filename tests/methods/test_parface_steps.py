"""Whole training steps against the original's (golden/losses.json, steps): loss values and gradient norms."""

from __future__ import annotations

import itertools
import json
from contextlib import nullcontext
from dataclasses import replace

import numpy as np
import pytest
import torch
import torch.nn.functional as F

from parface_bench.data.batches.batch import Batch
from parface_bench.faces import get_schema
from parface_bench.methods.stage import Stage
from parface_bench.plugins.codecs.parface import parface as parface_codec
from parface_bench.plugins.losses import adversarial
from parface_bench.plugins.methods.parface.method import ParFace
from parface_bench.registry import UserError
from parface_bench.training.optimizer import build_optimizers, freeze, set_modes
from tests.methods.parface_weights import fill, waves

AUTOENCODER = {
    "name": "autoencoder",
    "step": "autoencoder",
    "trains": ("network.Q", "network.P", "network.D"),
    "optimizers": {
        "autoencoder": {"type": "Adam", "lr": 2e-5, "betas": [0.0, 0.999], "modules": ["network.Q", "network.P"]},
        "critic": {"type": "Adam", "lr": 1e-5, "betas": [0.0, 0.999], "modules": ["network.D"]},
    },
}
# Activations of the autoencoder's step that float64 leaves within rounding of a leaky ReLU's kink (number of the leaky
# ReLU, index, side on which float32 has it). Batch norms learn from two faces here, so that every kink shows. The
# first, of the decoder's second block, moves Q's single norms by up to 2.7e-3; ours in float32 has it on the other
# side than the original's. On the rest the original's and ours agree.
SECOND_BLOCK = (25, (0, 71, 11, 8), 1)  # -3.2e-6 in float64
IN_FLOAT32 = [
    (0, (0, 56, 63, 73), -1),  # the encoder's first; 3e-8
    (47, (0, 26, 122, 52), -1),  # the critic's first, in the generator's loss; 2e-7
    (47, (1, 2, 67, 117), 1),  # -3e-8
    (47, (1, 28, 115, 78), 1),  # -6e-8
]
# with other instructions float32 rounds otherwise, and the critic's loss is 2.4e-5 off before any gradient is made
like_the_original = pytest.mark.skipif(
    torch.backends.cpu.get_cpu_capability() != "AVX512",
    reason="float32 rounds as the original's did on processors with AVX-512 only",
)
PERCEPTUAL = {"type": "perceptual", "factor": 0.1, "weights": "random"}


class Gradients:
    """An optimizer that goes backward and then stops, so that the gradients can be looked at."""

    inner_count = 0

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
        parface_codec(),
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
            term.loss.to(batch.images.dtype)
    return method.training_step(batch, optimizers, stage)


def equal_gradients(part, want, total=1e-4, each=5e-4):
    """The norms of the whole part and of every tensor."""
    got = {n: p.grad.norm().item() for n, p in part.named_parameters() if p.grad is not None}
    assert set(got) == set(want)
    for name, norm in got.items():
        assert norm == pytest.approx(want[name], rel=each, abs=1e-7), name
    whole, wanted = (np.linalg.norm(list(norms.values())) for norms in (got, want))
    assert whole == pytest.approx(wanted, rel=total)


def in_double(method, batch):
    """The method and the batch in float64, but for the heatmaps' values, which are the original's float32 ones."""
    method.network.double()
    double = replace(batch, images=batch.images.double(), depth=batch.depth.double())
    double.heatmaps = batch.heatmaps.double()
    return double


def put(monkeypatch, *kinks):
    """Put activations that rounding decides on a given side of a leaky ReLU's kink.

    Args:
        kinks: (number of the leaky ReLU in the step, index, side +1 or -1); the activations there must be below 1e-4,
            which is within what float32 leaves of them after the batch norms in training mode (measured: 2e-4 in the
            last blocks).
    """
    plain, calls = F.leaky_relu, itertools.count()

    def leaky_relu(x, slope=0.01, inplace=False):
        call = next(calls)
        places = [(index, side) for number, index, side in kinks if number == call]
        if not places:
            return plain(x, slope, inplace)
        shift = torch.zeros_like(x)
        for index, side in places:
            value = x[index].item()
            assert abs(value) < 1e-4
            shift[index] = side * abs(value) - value
        return plain(x + shift, slope)

    monkeypatch.setattr(F, "leaky_relu", leaky_relu)


def fixed_alpha(monkeypatch):
    """The points between real and fake images that the golden numbers were made with."""
    alpha = torch.tensor([0.25, 0.75])
    monkeypatch.setattr(adversarial.torch, "rand", lambda n, dtype=None, **k: alpha.to(dtype))


@like_the_original
@pytest.mark.parametrize("case, loss", [("unsup_l2", "l2"), ("unsup_l1", "l1")])
def test_autoencoder(method, batch, want, case, loss, monkeypatch):
    fixed_alpha(monkeypatch)
    put(monkeypatch, SECOND_BLOCK)
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


def test_autoencoder_in_double(method, batch, want, monkeypatch):
    """What is left of the difference is the original's rounding: so on any processor."""
    fixed_alpha(monkeypatch)
    put(monkeypatch, SECOND_BLOCK, *IN_FLOAT32)
    stage = Stage(**AUTOENCODER, settings={"losses": ["l2", PERCEPTUAL], "adversary": "wgan_gp_parface"})
    method.build_step(stage)
    got, want = step(method, in_double(method, batch), stage), want["unsup_l2"]
    assert got["critic_loss"].item() == pytest.approx(want["stats"]["loss_D"], rel=1e-6)
    assert got["loss"].item() == pytest.approx(want["stats"]["loss"], rel=1e-6)
    equal_gradients(method.network.Q, want["grad_l2"]["Q"])
    equal_gradients(method.network.P, want["grad_l2"]["P"])


@like_the_original
def test_inversion(method, batch, want, monkeypatch):
    """With the original's drift: frozen weights, but batch statistics that move."""
    fixed_alpha(monkeypatch)
    put(monkeypatch, SECOND_BLOCK)
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
    stage = Stage(name=case, step="heatmaps", trains=trains, settings={"loss": {"type": loss, "factor": 300}})
    got, want = step(method, batch, stage), want[case]
    assert got["loss"].item() == pytest.approx(want["stats"]["loss_lms"], rel=1e-5)
    equal_gradients(method.network.LMH, want["grad_l2_LMH"])
    equal_gradients(method.network.Q, want["grad_l2_Q"])
    assert all(p.grad is None for p in method.network.P.parameters())


def test_depth_from_predicted_heatmaps(method, batch, want):
    settings = {"loss": {"type": "l2", "factor": 300}, "heatmaps": "predicted"}
    stage = Stage(name="depth", step="depth", trains=("network.LMH_3D",), settings=settings)
    got, want = step(method, batch, stage), want["lm3d_pred"]
    assert got["loss"].item() == pytest.approx(want["stats"]["loss_lms_3d"], rel=1e-5)
    equal_gradients(method.network.LMH_3D, want["grad_l2_LMH_3D"])
    assert all(p.grad is None for p in method.network.LMH.parameters())


def test_depth_from_true_heatmaps(method, batch, want, monkeypatch):
    """One activation of the last block, 3.5e-5 in float64, was below zero in the original's float32."""
    settings = {"loss": {"type": "l2", "factor": 300}, "heatmaps": "true"}
    stage = Stage(name="depth", step="depth", trains=("network.LMH_3D",), settings=settings)
    batch = in_double(method, batch)
    put(monkeypatch, (44, (1, 367, 1, 1), -1))
    got, want = step(method, batch, stage), want["lm3d_gt"]
    assert got["loss"].item() == pytest.approx(want["stats"]["loss_lms_3d"], rel=1e-6)
    equal_gradients(method.network.LMH_3D, want["grad_l2_LMH_3D"], total=1e-6, each=5e-5)
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
        stage = Stage(step="heatmaps", trains=("network.LMH",), augment=augment, settings={"loss": "heatmap_mse"})
        method.build_step(stage)
        calls.clear()
        losses = [step(method, faces, stage)["loss"].item() for _ in range(3)]
        assert len(calls) == runs
        assert losses == [losses[0]] * 3  # `step` leaves the weights alone


@pytest.mark.parametrize(
    "stage, word",
    [
        ({"step": "heatmap", "settings": {}}, "did you mean 'heatmaps'"),
        ({"step": "heatmaps", "settings": {"los": 1}}, "no setting 'los'; did you mean 'loss'"),
        ({"step": "heatmaps"}, "must give 'loss'"),
        ({"step": "depth", "settings": {"loss": "l2", "heatmaps": "real"}}, "'real'"),
    ],
    ids=str,
)
def test_bad_settings_are_one_sentence(stage, word):
    method = ParFace(get_schema("ibug68"), image_size=64, heatmap_size=32, width=0.125)
    with pytest.raises(UserError, match=word):
        method.build_step(Stage(name="s", **stage))
