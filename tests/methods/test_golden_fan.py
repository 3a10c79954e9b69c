"""FAN's network against the authors' own, filled with the same weights."""

from __future__ import annotations

import pytest
import torch

from parface_bench.plugins.methods.fan import StackedHourglass
from tests.methods.golden_methods import Golden, close, fill, wave, waves


@pytest.fixture(scope="module")
def original(golden) -> Golden:
    return Golden(golden, "fan")


@pytest.fixture(scope="module")
def network(original) -> StackedHourglass:
    network = StackedHourglass()
    assert {name: list(t.shape) for name, t in network.state_dict().items()} == original.facts["keys_4stack_68"]
    return fill(network, original.facts["tame"])


@torch.no_grad()
def test_heatmaps_of_every_stack(original, network):
    maps = network.double()(waves(1).double())
    for k in range(4):
        close(maps[k][0, ::4, ::4, ::4], original[f"heatmaps_stack{k}"])
        assert torch.equal(maps[k][0].flatten(1).argmax(1), original[f"argmax_stack{k}"].long())


@torch.no_grad()
def test_parts(original, network):
    network.double()
    close(network.m0(wave((1, 256, 64, 64), 0.2).double())[0, ::16, ::8, ::8], original["hourglass0_of_wave0.2"])
    close(network.conv2(wave((1, 64, 8, 8), 0.2).double())[0, :, ::2, ::2], original["convblock_conv2_of_wave0.2"])


@pytest.mark.parametrize(("stacks", "landmarks"), [(1, 68), (2, 68), (4, 68), (4, 98)])
def test_parameters(original, stacks, landmarks):
    with torch.device("meta"):
        count = sum(p.numel() for p in StackedHourglass(landmarks, stacks).parameters())
    assert count == original.facts[f"parameters_{stacks}stack_{landmarks}"]
