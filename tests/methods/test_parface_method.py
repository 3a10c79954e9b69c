"""ParFace-Net as a method of the runner: what it shows, what it refuses before work begins, what it compiles."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import torch

from parface_bench.data.batches.batch import Batch
from parface_bench.faces import get_schema
from parface_bench.methods.build import build_method
from parface_bench.methods.stage import Stage
from parface_bench.plugins.methods.parface.method import ParFace
from parface_bench.registry import UserError
from parface_bench.training.optimizer import build_optimizers, freeze, set_modes

HEAD = Stage(name="head", step="heatmaps", trains=("network.LMH",), settings={"loss": "heatmap_mse"})
CODER = Stage(name="coder", step="autoencoder", settings={"losses": ["l2"]}, optimizers={"autoencoder": {}})


@pytest.fixture(scope="module")
def net() -> ParFace:
    torch.manual_seed(0)
    return ParFace(get_schema("ibug68"), image_size=64, width=0.125, heatmap_size=32).eval()


@pytest.fixture
def batch() -> Batch:
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    return Batch(images, None, None, None, torch.zeros(2, 2, 3), ["a", "b"])


def test_samples_are_crops_reconstructions_and_heatmaps(net, batch):
    net.build_step(CODER)
    images = net.samples(batch)
    assert images.shape == (4, 3, 64, 64)
    torch.testing.assert_close(images[:2], batch.images)
    torch.testing.assert_close(images[2:].clamp(0, 1), net.reconstruct(batch.images))
    net.build_step(HEAD)
    images = net.samples(batch)
    assert images.shape == (6, 3, 64, 64)
    # where no landmark may be the crop shows as it is, where one surely is it is red
    heat = net(batch.images).heatmaps.amax(1).clamp(0, 1) ** 4
    grown = torch.nn.functional.interpolate(heat[:, None], (64, 64), mode="bilinear")[:, 0]
    y, x = np.unravel_index(int(grown[0].argmin()), (64, 64))
    expected = batch.images[0, :, y, x] * (1 - grown[0, y, x]) + grown[0, y, x] * torch.tensor([1, 0.1, 0.1])
    torch.testing.assert_close(images[4, :, y, x], expected)


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ({"step": "heatmap"}, "stage 'x': step 'heatmap'; did you mean 'heatmaps'"),
        ({"step": "heatmaps", "settings": {"los": "l2"}}, "no setting 'los'; did you mean 'loss'"),
        ({"step": "heatmaps", "settings": {"loss": "adaptiv_wing"}}, "did you mean 'adaptive_wing'"),
        ({"step": "autoencoder", "settings": {"losses": ["l1", "perceptual"]}}, "which VGG19 weights"),
        (
            {"step": "autoencoder", "settings": {"losses": ["l1"], "adversary": "gan"}, "optimizers": {"critik": {}}},
            "'x' steps the optimizers autoencoder, critic; it has critik",
        ),
        (
            {"step": "heatmaps", "settings": {"loss": "l2"}, "optimizers": {"a": {}, "b": {}}},
            "steps the optimizers a; it has a, b",
        ),
    ],
)
def test_a_stage_that_cannot_be_is_told_before_work_begins(net, stage, words):
    with pytest.raises(UserError, match=words):
        net.check_stage(Stage(name="x", **stage))


def test_what_can_be_compiled_is(net, monkeypatch):
    compiled = []
    monkeypatch.setattr(torch.nn.Module, "compile", lambda part, *a, **k: compiled.append(part))
    net.compile()
    network = net.network
    assert compiled == [network.Q, network.P, network.LMH]


def test_3fabrec_learns_depth_with_the_shared_head():
    """On 3D data it gets the toolkit's depth head, whose stage it must let pass."""
    method = build_method("3fabrec", "ibug68", {"method": {"width": 0.125, "heatmap_size": 32}, "image_size": 64}, 3)
    stage = Stage(name="depth", loss="depth_loss", trains=("depth_head",))
    method.check_stage(stage)
    freeze(method, stage)
    set_modes(method, stage)
    images = torch.rand(2, 3, 64, 64, generator=torch.Generator().manual_seed(1))
    batch = Batch(images, torch.rand(2, 68, 2) * 64, torch.rand(2, 68), None, torch.zeros(2, 2, 3), ["a", "b"])
    optimizers = build_optimizers(method, stage, torch.device("cpu"))
    assert torch.isfinite(method.training_step(batch, optimizers, stage)["loss"])
    assert method.eval().predict_crops(images).shape == (2, 68, 3)


@pytest.mark.parametrize("amp", ["off", "bf16"])
@pytest.mark.parametrize("adversary", ["gan", "wgan_gp", "wgan_gp_parface"])
def test_every_adversary_steps_every_part_in_every_precision(net, batch, adversary, amp):
    stage = Stage(
        name="adversaries",
        step="autoencoder",
        trains=("network.Q", "network.P", "network.D", "network.D_z"),
        settings={
            "losses": ["l1", "ssim", "contrast_structure_parface"],
            "adversary": adversary,
            "code_adversary": "code_adversary",
        },
        optimizers={
            "autoencoder": {"type": "Adam", "lr": 1e-3, "modules": ["network.Q", "network.P"]},
            "critic": {"type": "Adam", "lr": 1e-3, "modules": ["network.D"]},
            "code_critic": {"type": "Adam", "lr": 1e-3, "modules": ["network.D_z"]},
        },
        amp=amp,
    )
    method = copy.deepcopy(net)
    method.check_stage(stage)
    freeze(method, stage)
    set_modes(method, stage)
    before = {name: p.detach().clone() for name, p in method.named_parameters()}
    logged = method.training_step(batch, build_optimizers(method, stage, torch.device("cpu")), stage)
    assert {"l1", "ssim", "contrast_structure_parface", "critic_loss", "code_critic_loss", "loss"} < set(logged)
    assert all(torch.isfinite(value) for value in logged.values())
    moved = {name.split(".")[1] for name, p in method.named_parameters() if not torch.equal(p, before[name])}
    assert moved == {"Q", "P", "D", "D_z"}
