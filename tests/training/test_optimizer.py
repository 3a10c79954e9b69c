"""Optimizers, schedules, frozen parts and averaging, against closed forms."""

from __future__ import annotations

import math
from itertools import pairwise

import pytest
import torch
from torch import nn

from parface_bench.methods.stage import Stage
from parface_bench.registry import UserError
from parface_bench.training.optimizer import (
    build_optimizers,
    build_schedules,
    bundle,
    freeze,
    precision,
    set_modes,
)

CPU = torch.device("cpu")


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.ModuleDict(
        {
            "body": nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4)),
            "head": nn.Sequential(nn.Linear(4, 2), nn.Dropout(0.5)),
        }
    )


def forward(net: nn.Module, x: torch.Tensor) -> torch.Tensor:
    return net["head"](net["body"](x))


def test_only_what_trains_learns_and_the_rest_stays_as_it_is():
    net = network()
    stage = Stage(trains=("head",), optimizers={"main": {"type": "SGD", "lr": 1.0}})
    freeze(net, stage)
    set_modes(net, stage)
    assert not net["body"].training and net["head"].training
    before = {key: value.clone() for key, value in net.state_dict().items()}
    (optimizer,) = build_optimizers(net, stage, CPU).values()
    optimizer.update_params(forward(net, torch.randn(8, 3)).square().sum())
    changed = {key for key, value in net.state_dict().items() if not torch.equal(value, before[key])}
    assert changed == {"head.0.weight", "head.0.bias"}


def test_drifting_parts_keep_their_weights_and_move_their_statistics():
    net = network()
    stage = Stage(trains=("head",), drifts=("body",))
    freeze(net, stage)
    set_modes(net, stage)
    forward(net, torch.randn(8, 3) + 5)
    assert net["body"][1].running_mean.abs().max() > 0
    assert not net["body"][0].weight.requires_grad


def test_rates_and_decay_of_parts():
    net = network()
    settings = {"type": "AdamW", "lr": 1e-2, "weight_decay": 0.1, "rates": {"body": 1e-4}}
    stage = Stage(optimizers={"main": settings})
    (optimizer,) = build_optimizers(net, stage, CPU).values()
    by_size = {id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    assert by_size[id(net["body"][0].weight)] == (1e-4, 0.1)
    assert by_size[id(net["body"][0].bias)] == (1e-4, 0.0)
    assert by_size[id(net["head"][0].weight)] == (1e-2, 0.1)
    assert by_size[id(net["head"][0].bias)] == (1e-2, 0.0)


def rates(schedule: dict, steps: int, lr: float = 2.0) -> list[float]:
    stage = Stage(optimizers={"main": {"type": "SGD", "lr": lr}}, schedule=schedule)
    optimizers = build_optimizers(network(), stage, CPU)
    schedules = build_schedules(stage, optimizers, steps)
    out = []
    for _ in range(steps):
        out.append(bundle(optimizers).get_lr()["lr"][0])
        optimizers["main"].optimizer.step()
        for schedule_ in schedules:
            schedule_.step()
    return out


def test_cosine_falls_from_the_rate_to_nought():
    found = rates({"type": "cosine"}, 40)
    for step in (0, 10, 20, 39):
        assert found[step] == pytest.approx(2 * 0.5 * (1 + math.cos(math.pi * step / 40)), abs=1e-6)


def test_warm_up_grows_linearly_and_the_rest_follows():
    found = rates({"type": "cosine", "warmup": 0.25, "end": 0.1}, 40)
    assert found[0] == pytest.approx(2e-3)
    assert all(a < b for a, b in pairwise(found[:10]))
    assert max(found) == pytest.approx(2.0, rel=1e-3)
    assert found[-1] == pytest.approx(0.2, abs=0.02)


def test_multistep_and_constant():
    found = rates({"type": "multistep", "milestones": [0.5, 0.75], "gamma": 0.1}, 8)
    assert found == pytest.approx([2, 2, 2, 2, 0.2, 0.2, 0.02, 0.02])
    assert rates({"type": "constant"}, 3) == [2, 2, 2]


@pytest.mark.parametrize(
    ("stage", "words"),
    [
        ({"optimizers": {"main": {"type": "Adan"}}}, "did you mean 'Adam'"),
        ({"optimizers": {"main": {"type": "SGD", "momentun": 0.9}}}, "momentun"),
        ({"optimizers": {"main": {"type": "SGD", "lr": -1}}}, "learning rate"),
        ({"optimizers": {"main": {"modules": ["hed"]}}}, "did you mean 'head'"),
        ({"amp": "bf8"}, "did you mean 'bf16'"),
        ({"schedule": {"type": "cosin"}}, "did you mean 'cosine'"),
        ({"schedule": {"type": "cosine", "warm": 1}}, "did you mean 'warmup'"),
    ],
)
def test_mistakes(stage, words):
    with pytest.raises(UserError, match=words):
        made = Stage(**stage)
        build_schedules(made, build_optimizers(network(), made, CPU), 10)


def test_nothing_to_learn():
    net = network()
    stage = Stage(trains=("head",), optimizers={"main": {"modules": ["body"]}})
    freeze(net, stage)
    with pytest.raises(UserError, match="nothing to learn"):
        build_optimizers(net, stage, CPU)


def test_a_key_that_no_stage_has():
    recipe = {"train": {"epochs": 3}}
    with pytest.raises(UserError, match="did you mean 'epochs'"):
        Stage.from_recipe(recipe, epoch=1)
    assert Stage.from_recipe(recipe, data="300w").data == ("300w",)


def test_accumulated_batches_are_one_large_batch(run):
    """Two batches of 4 summed take the steps of one batch of 8 (a loss that is a mean, no dropout, plain SGD)."""
    from parface_bench.methods.checkpoint import load_safely

    plain = ["method.dropout=0.0", "train.optimizers={main: {type: SGD, lr: 1.0e-4}}", "validation.fraction=0.0"]
    plain += ["train.schedule.warmup=0.0", "train.schedule.type=constant", "train.epochs=1", "train.ema=0"]
    one = run("dot-net", *plain)
    two = run("dot-net", *plain, "train.batch_size=4", "train.accumulate=2")
    a, b = (load_safely(r.folder / "checkpoint.pt")["state_dict"] for r in (one, two))
    for key in a:
        torch.testing.assert_close(a[key], b[key], atol=1e-5, rtol=1e-4)


def test_mixed_precision_trains(run):
    exact = run("dot-net", "train.amp=off").document["subsets"]["full"]["NME"]["value"]
    mixed = run("dot-net", "train.amp=bf16").document["subsets"]["full"]["NME"]["value"]
    assert mixed == pytest.approx(exact, rel=0.05)
    assert mixed != exact


def test_automatic_precision_is_what_the_device_computes_in():
    assert precision("auto", CPU) in ("bf16", "off")
    assert precision("fp16", torch.device("cuda")) == "fp16"
    with pytest.raises(UserError, match="'fp16' needs a GPU: use bf16"):
        precision("fp16", CPU)


def test_types_of_mmengines_registries_and_of_plugins():
    """What anybody registers with mmengine is an optimizer or schedule by name; what does not fit is one sentence."""
    from mmengine.registry import OPTIMIZERS

    @OPTIMIZERS.register_module(name="halving", force=True)
    class Halving(torch.optim.SGD):
        def step(self, closure=None):
            for group in self.param_groups:
                for p in group["params"]:
                    p.data *= 0.5

    net = network()
    stage = Stage(optimizers={"main": {"type": "halving", "lr": 1.0}}, schedule={"type": "PolyLR", "power": 2.0})
    before = net["head"][0].weight.clone()
    optimizers = build_optimizers(net, stage, CPU)
    (schedule,) = build_schedules(stage, optimizers, 10)
    rates = []
    for _ in range(5):
        rates.append(optimizers["main"].get_lr()["lr"][0])
        optimizers["main"].update_params(forward(net, torch.randn(8, 3)).square().sum())
        schedule.step()
    torch.testing.assert_close(net["head"][0].weight, before / 2**5)
    assert rates == pytest.approx([(1 - k / 9) ** 2 for k in range(5)])  # nought at the last of ten steps
    for settings, words in (
        ({"optimizers": {"main": {"type": "halvin"}}}, "unknown type 'halvin'; did you mean 'halving'"),
        ({"optimizers": {"main": {"type": "LBFGS"}}}, "unknown type 'LBFGS'"),
        ({"schedule": {"type": "PolyLr"}}, "unknown type 'PolyLr'; did you mean 'PolyLR'"),
        ({"schedule": {"type": "PolyLR", "powr": 2}}, "no setting 'powr'; did you mean 'power'"),
        ({"schedule": {"type": "StepLR"}}, "schedule: StepLR: .*step_size"),
    ):
        with pytest.raises(UserError, match=words):
            build_schedules(Stage(**settings), build_optimizers(net, Stage(**settings), CPU), 10)
