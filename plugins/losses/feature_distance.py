"""The distance of two images' features and its gradient in one pass on the CPU, image after image.

What autograd would do layer by layer for the whole batch, with convolutions by :mod:`.winograd` and without what nobody
uses: a graph of the target, buffers of gradients, weights laid out anew for every call. One image's features stay in
the processor's cache.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.autograd.function import once_differentiable

from parface_bench.plugins.losses.winograd import TILE, Convolution, usable


class FeatureDistance:
    """Sum over layers of the mean squared distance of a VGG's features.

    Args:
        layers: 3 x 3 convolutions, each followed by a ReLU, and poolings; fixed.
        wanted: numbers of the layers whose outputs are compared; none of them a convolution.
    """

    def __init__(self, layers: nn.Sequential, wanted: Collection[int]) -> None:
        self.wanted = frozenset(wanted)
        self.layers = list(layers)
        self.forward_convolutions: dict[int, Convolution] = {}
        self.backward_convolutions: dict[int, Convolution] = {}
        for number, layer in enumerate(self.layers[1:], start=1):
            if isinstance(layer, nn.Conv2d):
                weight = layer.weight.detach()
                self.forward_convolutions[number] = Convolution(weight, layer.bias, relu=True)
                self.backward_convolutions[number] = Convolution(weight.flip(2, 3).transpose(0, 1))

    def __call__(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Normalised images float32 [B, 3, H, W] -> scalar, differentiable in the prediction."""
        return _Distance.apply(prediction, target.detach(), self)

    @staticmethod
    def takes(layers: nn.Sequential, wanted: Collection[int], images: Tensor) -> bool:
        """Whether this is made for such layers and images [B, 3, H, W]."""
        side = TILE << sum(isinstance(layer, nn.MaxPool2d) for layer in layers)
        fits = all(length % side == 0 for length in images.shape[2:])
        known = not any(isinstance(layers[number], nn.Conv2d) for number in wanted)
        return fits and known and usable(images) and not torch.is_autocast_enabled("cpu")

    def features(self, image: Tensor) -> tuple[dict[int, Tensor], dict[int, Tensor]]:
        """Outputs of all ReLUs and poolings by number, and the places that the poolings took."""
        outputs, places = {}, {}
        x = image.contiguous(memory_format=torch.channels_last)
        for number, layer in enumerate(self.layers):
            if isinstance(layer, nn.MaxPool2d):
                x, places[number] = F.max_pool2d(x, 2, return_indices=True)
            elif number in self.forward_convolutions:
                x = self.forward_convolutions[number](x)
                continue  # the ReLU is in it
            else:
                x = layer(x)
            outputs[number] = x
        return outputs, places

    def value_and_gradient(self, image: Tensor, target: Tensor, faces: int) -> tuple[Tensor, Tensor]:
        """Share of one image [1, 3, H, W] in the distance of ``faces`` images, and the gradient in this image."""
        wanted = {number: x for number, x in self.features(target)[0].items() if number in self.wanted}
        outputs, places = self.features(image)
        value, slope = torch.zeros((), dtype=torch.float64), None
        for number in range(len(self.layers) - 1, -1, -1):
            layer = self.layers[number]
            if number in wanted:
                difference = outputs[number] - wanted[number]
                count = difference.numel() * faces
                # a pixel's channels in float32, all pixels in float64
                value += torch.linalg.vector_norm(difference, dim=1).double().square().sum() / count
                difference.mul_(2 / count)
                slope = difference if slope is None else slope.add_(difference)
            if slope is None:
                continue
            if isinstance(layer, nn.ReLU):
                torch.ops.aten.threshold_backward.grad_input(slope, outputs[number], 0, grad_input=slope)
            elif isinstance(layer, nn.MaxPool2d):
                slope = torch.ops.aten.max_pool2d_with_indices_backward(
                    slope, outputs[number - 1], [2, 2], [2, 2], [0, 0], [1, 1], False, places[number]
                )
            elif number in self.backward_convolutions:
                slope = self.backward_convolutions[number](slope)
            elif isinstance(layer, nn.Conv2d):
                slope = F.conv_transpose2d(slope, layer.weight, padding=1)
        assert slope is not None
        return value, slope


class _Distance(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, prediction: Tensor, target: Tensor, distance: FeatureDistance) -> Tensor:
        gradient = torch.empty_like(prediction)
        total = torch.zeros((), dtype=torch.float64)
        for i in range(len(prediction)):
            value, gradient[i : i + 1] = distance.value_and_gradient(
                prediction[i : i + 1], target[i : i + 1], len(prediction)
            )
            total += value
        ctx.save_for_backward(gradient)
        return total.float()

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, upstream: Tensor) -> tuple[Tensor, None, None]:
        (gradient,) = ctx.saved_tensors
        return gradient * upstream, None, None
