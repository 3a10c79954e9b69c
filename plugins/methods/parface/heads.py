"""The two landmark heads: heatmaps from the decoder's features, depth from heatmaps and code."""

from __future__ import annotations

from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench.plugins.backbones.blocks import conv3x3, deconv4x4, initialise
from parface_bench.plugins.backbones.inverse_resnet import InverseResNet
from parface_bench.plugins.backbones.resnet_encoder import ResNetEncoder
from parface_bench.registry import UserError


class HeatmapHead(nn.Module):
    """2D head (LMH): 3 x 3 transfer convolutions between the decoder's own stages, then one channel a landmark.

    Args:
        num_landmarks: number of heatmaps.
        decoder_channels: channels of the decoder's stages.
        heatmap_size: side of the heatmaps in pixels, a power of two, at least 32.

    Raises:
        UserError: the decoder has too few stages for that heatmap size.
    """

    def __init__(self, num_landmarks: int, decoder_channels: list[int], heatmap_size: int = 128) -> None:
        super().__init__()
        self.depth = heatmap_size.bit_length() - 4
        if heatmap_size != 8 << self.depth or not 2 <= self.depth <= len(decoder_channels):
            raise UserError(
                f"heatmap_size {heatmap_size} is not a power of two between 32 and the image size "
                f"({8 << len(decoder_channels)})"
            )
        for number, channels in enumerate(decoder_channels[: self.depth], start=1):
            setattr(self, f"t{number}", conv3x3(channels, channels))
        self.lin = deconv4x4(channels, num_landmarks)
        initialise(self)

    def transfer(self, number: int) -> nn.Module:
        """The transfer convolution after the decoder's stage ``number``, counted from 1."""
        return getattr(self, f"t{number}")

    def forward(self, x1: Tensor, decoder: InverseResNet) -> Tensor:
        """Output of the decoder's first stage [B, C, 8, 8] -> heatmaps [B, L, H, H]."""
        x = self.transfer(1)(x1)
        for number in range(2, self.depth + 1):
            x = self.transfer(number)(decoder.stage(number)(x))
        return self.lin(x)


class DepthHead(ResNetEncoder):
    """Depth head (LMH_3D): a ResNet-18 on the heatmaps, with the code repeated at every pixel.

    Args:
        num_landmarks: number of heatmaps and of depths.
        code_size: length of the code.
        heatmap_size: side of the heatmaps in pixels.
        width: multiplier of all channel counts.
        slope: negative slope of the leaky ReLU.
    """

    def __init__(
        self, num_landmarks: int, code_size: int, heatmap_size: int = 128, width: float = 1.0, slope: float = 0.1
    ) -> None:
        super().__init__(num_landmarks, 2 * heatmap_size, num_landmarks + code_size, width, slope)

        self.num_landmarks = num_landmarks
        # depths are a small part of their unit; starting there saves the steps of shrinking larger numbers
        nn.init.normal_(self.fc.weight, std=1e-3)
        nn.init.zeros_(self.fc.bias)

    def forward(self, heatmaps: Tensor, z: Tensor) -> Tensor:  # type: ignore[override]
        """Heatmaps [B, L, H, H] and codes [B, code_size] -> depths [B, L] in units of 256 px."""
        return self.features(self.enter(heatmaps, z))

    def enter(self, heatmaps: Tensor, z: Tensor) -> Tensor:
        """The first convolution of heatmaps and repeated code: [B, C, H / 2, H / 2].

        The planes of repeated code need no convolution: what they give depends only on the code and on which taps
        hang over the border, so it is looked up in a table of a few kinds of rows and columns.
        """
        conv, landmarks = self.conv1, self.num_landmarks
        if torch.onnx.is_in_onnx_export():  # the kinds are found by an operator that few runtimes have
            code = z[:, :, None, None].expand(-1, -1, *heatmaps.shape[2:])
            return conv(torch.cat([heatmaps, code], dim=1))
        kinds, which = _rows_over_border(heatmaps.shape[-1], conv.kernel_size[0], conv.stride[0], conv.padding[0])
        kinds, which = kinds.to(conv.weight), which.to(conv.weight.device)
        per_kind = torch.einsum("ocuv,ru,sv->cors", conv.weight[:, landmarks:], kinds, kinds)
        planes = torch.einsum("bc,cors->bors", z, per_kind)[:, :, which[:, None], which]
        return F.conv2d(heatmaps, conv.weight[:, :landmarks], conv.bias, conv.stride, conv.padding) + planes


@lru_cache(maxsize=16)
def _rows_over_border(size: int, taps: int, stride: int, padding: int) -> tuple[Tensor, Tensor]:
    """Kinds of output rows by which taps fall inside the input, 0 or 1 [kinds, taps]; and each row's kind."""
    with torch.inference_mode(False):  # kept for later calls, which may need gradients
        first = torch.arange(0, size + 2 * padding - taps + 1, stride) - padding
        pixels = first[:, None] + torch.arange(taps)
        return ((pixels >= 0) & (pixels < size)).unique(dim=0, return_inverse=True)
