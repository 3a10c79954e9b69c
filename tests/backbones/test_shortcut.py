"""The residual blocks' strided 1 x 1 convolution, also where torch's own writes past its memory."""

from __future__ import annotations

import copy
import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

from parface_bench.methods.strided import StridedPointwise, use_safe_convolutions
from parface_bench.plugins.backbones.blocks import Shortcut

BACKWARD = """
import torch
from parface_bench.plugins.backbones.blocks import BasicBlock
block = BasicBlock(8, 8, 2).to(memory_format=torch.channels_last)
for _ in range(8):
    x = torch.randn(4, 8, 128, 128).contiguous(memory_format=torch.channels_last).requires_grad_(True)
    block(x).square().mean().backward()
print("alive")
"""

TIMM = """
import torch
from parface_bench.methods.build import build_method
from parface_bench.methods.recipe import compose
recipe = compose("regression", "300w", "quick", ["method.backbone=repvgg_a0", "method.backbone_options={}"])
method = build_method("regression", "ibug68", recipe).to(memory_format=torch.channels_last)
for _ in range(8):
    images = torch.rand(4, 3, 128, 128).contiguous(memory_format=torch.channels_last)
    method(images).square().mean().backward()
print("alive")
"""


@pytest.mark.parametrize("inputs", [8, 16])
def test_every_second_pixel(inputs):
    torch.manual_seed(0)
    part, x = Shortcut(inputs, 5, 2).double(), torch.randn(2, inputs, 7, 8, dtype=torch.float64, requires_grad=True)
    plain = F.conv2d(x, part.weight, stride=2)
    torch.testing.assert_close(part(x), plain)
    ours, theirs = (torch.autograd.grad(y.square().sum(), (x, part.weight)) for y in (part(x), plain))
    torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("groups", [1, 2])
def test_convolutions_of_any_network_are_mended(groups):
    torch.manual_seed(0)
    conv = torch.nn.Conv2d(6, 4, 1, stride=2, groups=groups).double()
    net, x = (
        torch.nn.Sequential(conv, torch.nn.Conv2d(4, 4, 1), torch.nn.Conv2d(4, 4, 3, 2)).double(),
        torch.rand(2, 6, 9, 8),
    )
    plain = net(x.double())
    use_safe_convolutions(net)
    assert [type(part).__name__ for part in net] == ["StridedPointwise", "Conv2d", "Conv2d"]
    torch.testing.assert_close(net(x.double()), plain)
    assert type(copy.deepcopy(net)[0]) is StridedPointwise


def test_a_timm_model_that_torch_alone_crashes_on_survives():
    done = subprocess.run([sys.executable, "-c", TIMM], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-500:]


def test_narrow_blocks_of_large_images_survive_the_backward_pass():
    done = subprocess.run([sys.executable, "-c", BACKWARD], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-500:]
