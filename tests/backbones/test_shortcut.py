"""The residual blocks' strided 1 x 1 convolution, also where torch's own writes past its memory."""

from __future__ import annotations

import subprocess
import sys

import pytest
import torch
import torch.nn.functional as F

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


@pytest.mark.parametrize("inputs", [8, 16])
def test_every_second_pixel(inputs):
    torch.manual_seed(0)
    part, x = Shortcut(inputs, 5, 2).double(), torch.randn(2, inputs, 7, 8, dtype=torch.float64, requires_grad=True)
    plain = F.conv2d(x, part.weight, stride=2)
    torch.testing.assert_close(part(x), plain)
    ours, theirs = (torch.autograd.grad(y.square().sum(), (x, part.weight)) for y in (part(x), plain))
    torch.testing.assert_close(ours, theirs)


def test_narrow_blocks_of_large_images_survive_the_backward_pass():
    done = subprocess.run([sys.executable, "-c", BACKWARD], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (0, "alive\n"), done.stderr[-500:]
