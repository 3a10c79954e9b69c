"""The network prepared for inference: the same numbers, to within rounding, in less than half the time.

Batch norms are folded into their convolutions, arrays are channels-last, and the decoder stops where the landmarks
leave it.
"""

from __future__ import annotations

import copy
from typing import Any
from weakref import WeakKeyDictionary

import torch
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from parface_bench.plugins.backbones.blocks import BasicBlock, InverseBlock
from parface_bench.plugins.backbones.inverse_resnet import InverseResNet
from parface_bench.plugins.backbones.resnet_encoder import ResNetEncoder
from parface_bench.plugins.methods.parface.network import Output, ParFaceNetwork

_FOLDED: WeakKeyDictionary[nn.Module, tuple[tuple, FoldedNetwork]] = WeakKeyDictionary()


def folded(network: ParFaceNetwork) -> FoldedNetwork:
    """The network's folded copy, made anew whenever a weight or statistic has changed."""
    key = _state_of(network)
    held = _FOLDED.get(network)
    if held is None or held[0] != key:
        held = _FOLDED[network] = (key, FoldedNetwork(network))
    return held[1]


def _state_of(network: ParFaceNetwork) -> tuple:
    """Changes whenever a tensor that the landmarks depend on is replaced or written to."""
    state = []
    for part in (network.Q, network.P, network.LMH, network.LMH_3D):
        for tensor in [] if part is None else [*part.parameters(), *part.buffers()]:
            state.append((tensor.data_ptr(), 0 if tensor.is_inference() else tensor._version))
    return tuple(state)


def _fold(module: Any) -> Any:
    """A copy of the module with every batch norm that follows a convolution folded into it."""
    module = copy.deepcopy(module).eval().requires_grad_(False)
    for part in list(module.modules()):
        if isinstance(part, BasicBlock | InverseBlock):
            deconvolves = isinstance(part, InverseBlock)
            part.conv1 = fuse_conv_bn_eval(part.conv1, part.bn1, transpose=deconvolves)
            part.conv2 = fuse_conv_bn_eval(part.conv2, part.bn2)
            part.bn1 = part.bn2 = nn.Identity()
            shortcut = part.upsample if isinstance(part, InverseBlock) else part.downsample
            if shortcut is not None:
                shortcut[0] = fuse_conv_bn_eval(shortcut[0], shortcut[1], transpose=deconvolves)
                shortcut[1] = nn.Identity()
        elif isinstance(part, ResNetEncoder | InverseResNet):
            part.conv1 = fuse_conv_bn_eval(part.conv1, part.bn1, transpose=isinstance(part, InverseResNet))
            part.bn1 = nn.Identity()
    return module.to(memory_format=torch.channels_last)


class FoldedNetwork(nn.Module):
    """A :class:`ParFaceNetwork` for inference only; it does not follow later changes of the weights."""

    def __init__(self, network: ParFaceNetwork) -> None:
        super().__init__()
        self.Q, self.P, self.LMH = _fold(network.Q), _fold(network.P), _fold(network.LMH)
        self.LMH_3D = None if network.LMH_3D is None else _fold(network.LMH_3D)

    def forward(self, x: Tensor, reconstruct: bool = False) -> Output:
        """As :meth:`ParFaceNetwork.forward`."""
        z = self.Q(x.contiguous(memory_format=torch.channels_last))
        x1 = self.P.first(z)
        heatmaps = self.LMH(x1, self.P)
        depth = None if self.LMH_3D is None else self.LMH_3D(heatmaps, z)
        return Output(z, self.P.rest(x1) if reconstruct else None, heatmaps, depth)
