"""Parts of the network prepared for use without training: the same numbers, to within rounding, in half the time.

Batch norms are folded into their convolutions, and weights are channels-last. Gradients flow through a prepared part,
but none are kept for its weights; stages use prepared copies of the parts that they do not train.
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

_PREPARED: WeakKeyDictionary[nn.Module, tuple[tuple[tuple[int, int], ...], Any]] = WeakKeyDictionary()


def prepared(part: nn.Module) -> Any:
    """The part's prepared copy, in evaluation mode, made anew whenever a weight or statistic has changed."""
    with torch.inference_mode(False):
        tensors = [*part.parameters(), *part.buffers()]
        state = tuple((t.data_ptr(), 0 if t.is_inference() else t._version) for t in tensors)
        held = _PREPARED.get(part)
        if held is None or held[0] != state:
            held = _PREPARED[part] = (state, _prepare(part))
        return held[1]


def _prepare(part: Any) -> Any:
    part = copy.deepcopy(part).eval().requires_grad_(False)
    for module in list(part.modules()):
        if isinstance(module, BasicBlock | InverseBlock):
            deconvolves = isinstance(module, InverseBlock)
            module.conv1 = fuse_conv_bn_eval(module.conv1, module.bn1, transpose=deconvolves)
            module.conv2 = fuse_conv_bn_eval(module.conv2, module.bn2)
            module.bn1 = module.bn2 = nn.Identity()  # type: ignore[assignment]
            shortcut: Any = module.upsample if isinstance(module, InverseBlock) else module.downsample
            if shortcut is not None:
                shortcut[0] = fuse_conv_bn_eval(shortcut[0], shortcut[1], transpose=deconvolves)
                shortcut[1] = nn.Identity()
        elif isinstance(module, ResNetEncoder | InverseResNet):
            module.conv1 = fuse_conv_bn_eval(module.conv1, module.bn1, transpose=isinstance(module, InverseResNet))
            module.bn1 = nn.Identity()  # type: ignore[assignment]
    return part.to(memory_format=torch.channels_last).requires_grad_(False)


def channels_last(images: Tensor) -> Tensor:
    """Images [B, C, H, W] in channels-last memory."""
    return images.contiguous(memory_format=torch.channels_last)
