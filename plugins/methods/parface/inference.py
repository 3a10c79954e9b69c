"""The network prepared for inference: the same numbers, to within rounding, in less than half the time.

Batch norms are folded into their convolutions, arrays are channels-last, the decoder stops where the landmarks leave
it, and the depth head does not convolve the planes of repeated code: their contribution to its first convolution
depends only on the code and on how many taps hang over the border, so it is looked up in a small table.
"""

from __future__ import annotations

import copy
from typing import Any
from weakref import WeakKeyDictionary

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.fusion import fuse_conv_bn_eval

from parface_bench.plugins.backbones.blocks import BasicBlock, InverseBlock
from parface_bench.plugins.backbones.inverse_resnet import InverseResNet
from parface_bench.plugins.backbones.resnet_encoder import ResNetEncoder
from parface_bench.plugins.methods.parface.heads import DepthHead
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


class _CodePlanes(nn.Module):
    """First convolution of the depth head, as a convolution of the heatmaps plus a table for the code's planes."""

    table: Tensor
    rows: Tensor

    def __init__(self, conv: nn.Conv2d, num_landmarks: int, heatmap_size: int) -> None:
        super().__init__()
        weight = conv.weight.detach()
        self.weight = nn.Parameter(weight[:, :num_landmarks].contiguous(memory_format=torch.channels_last))
        self.bias = conv.bias
        self.stride, self.padding = conv.stride, conv.padding
        taps, stride, padding = conv.kernel_size[0], int(conv.stride[0]), int(conv.padding[0])
        first = torch.arange(0, heatmap_size + 2 * padding - taps + 1, stride, device=weight.device) - padding
        pixels = first[:, None] + torch.arange(taps, device=weight.device)
        inside = (pixels >= 0) & (pixels < heatmap_size)
        kinds, rows = inside.unique(dim=0, return_inverse=True)
        kinds = kinds.to(weight.dtype)
        self.register_buffer("table", torch.einsum("ocuv,ru,sv->cors", weight[:, num_landmarks:], kinds, kinds))
        self.register_buffer("rows", rows)

    def forward(self, heatmaps: Tensor, z: Tensor) -> Tensor:
        planes = torch.einsum("bc,cors->bors", z, self.table)[:, :, self.rows[:, None], self.rows]
        return F.conv2d(heatmaps, self.weight, self.bias, self.stride, self.padding) + planes


class _FoldedDepthHead(nn.Module):
    def __init__(self, head: DepthHead, heatmap_size: int) -> None:
        super().__init__()
        self.body = _fold(head)
        self.entry = _CodePlanes(self.body.conv1, self.body.fc.out_features, heatmap_size)
        self.body.conv1 = nn.Identity()

    def forward(self, heatmaps: Tensor, z: Tensor) -> Tensor:
        return ResNetEncoder.forward(self.body, self.entry(heatmaps, z))


class FoldedNetwork(nn.Module):
    """A :class:`ParFaceNetwork` for inference only; it does not follow later changes of the weights."""

    def __init__(self, network: ParFaceNetwork) -> None:
        super().__init__()
        self.Q, self.P, self.LMH = _fold(network.Q), _fold(network.P), _fold(network.LMH)
        depth = network.LMH_3D
        self.LMH_3D = None if depth is None else _FoldedDepthHead(depth, network.heatmap_size)

    def forward(self, x: Tensor, reconstruct: bool = False) -> Output:
        """As :meth:`ParFaceNetwork.forward`."""
        z = self.Q(x.contiguous(memory_format=torch.channels_last))
        x1 = self.P.first(z)
        heatmaps = self.LMH(x1, self.P)
        depth = None if self.LMH_3D is None else self.LMH_3D(heatmaps, z)
        return Output(z, self.P.rest(x1) if reconstruct else None, heatmaps, depth)
