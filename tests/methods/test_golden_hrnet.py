"""HRNetV2-W18 with the aggregation head against the authors' face version, filled with the same weights."""

from __future__ import annotations

import pytest
import torch

from parface_bench.faces import get_schema
from parface_bench.plugins.methods.hrnet import HRNet
from tests.methods.golden_methods import Golden, close, fill, wave, waves


@pytest.fixture(scope="module")
def original(golden) -> Golden:
    return Golden(golden, "hrnet_w18_face")


def name_there(name: str) -> str:
    return name.removeprefix("features.model.")


def network(original: Golden, schema: str, cast: torch.dtype = torch.float32) -> HRNet:
    method = HRNet(get_schema(schema))
    points = len(get_schema(schema))
    own = {name_there(name): list(t.shape) for name, t in method.state_dict().items()}
    assert own == original.facts[f"keys_{points}"]
    assert sum(p.numel() for p in method.parameters()) == original.facts[f"parameters_{points}"]
    return fill(method.double(), original.facts["tame"], name_there, cast)


def heatmaps(method: HRNet, images: torch.Tensor) -> torch.Tensor:
    """Of images as the network takes them, already standardised."""
    return method.head(method.aggregate(method.features(images)))


@torch.no_grad()
def test_network_of_68(original):
    method, taps = network(original, "ibug68"), {}
    model = method.features.model
    model.layer1.register_forward_hook(lambda m, i, out: taps.update(layer1=out))
    for k in (2, 3, 4):
        stage = model.get_submodule(f"stage{k}")
        stage.register_forward_hook(lambda m, i, out, k=k: taps.update({k: list(out)}))
    maps = heatmaps(method, waves(1).double())
    close(maps[0, ::4, ::2, ::2], original["out_68"])
    assert torch.equal(maps[0].flatten(1).argmax(1), original["argmax_68"].long())
    close(taps["layer1"][0, ::16, ::8, ::8], original["tap_layer1"])
    for k in (2, 3, 4):
        for branch, out in enumerate(taps[k]):
            step = out.shape[-1] // 8
            close(out[0, ::6, ::step, ::step], original[f"tap_stage{k}_branch{branch}"])
    close(method.aggregate([waves(1).double(), *taps[4]])[0, ::10, ::8, ::8], original["tap_concat"])


@torch.no_grad()
def test_network_of_98(original):
    close(heatmaps(network(original, "wflw98"), waves(1).double())[0, ::4, ::2, ::2], original["out_98"])


def test_training_step(original):
    method = network(original, "ibug68", cast=torch.float64).train()
    loss = method.loss_fn(heatmaps(method, waves(2).double()), wave((2, 68, 64, 64), 0.3).double())
    loss.backward()
    assert loss.item() == pytest.approx(original["train_step_loss"].item(), rel=1e-5)
    gradients = {name_there(name): p.grad.norm() for name, p in method.named_parameters()}
    wanted = dict(zip(original.facts["train_step_grad_norms_of"], original["train_step_grad_norms"], strict=True))
    whole = torch.stack(list(gradients.values())).norm()
    for name, norm in wanted.items():
        found = whole if name == "all parameters" else gradients[name]
        assert found.item() == pytest.approx(norm.item(), rel=1e-5)
    close(method.features.model.bn1.running_mean, original["train_step_bn1_running_mean"])
    close(method.features.model.bn1.running_var, original["train_step_bn1_running_var"])
