"""The decoder of 3FabRec and ParFace-Net: a ResNet-18 turned round, from a code to an image."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench import backbone
from parface_bench.plugins.backbones.blocks import InverseBlock, deconv4x4, initialise, scaled
from parface_bench.registry import UserError


@backbone(
    "inverse_resnet",
    takes="codes",
    summary="ResNet-18 turned round, from a code to an image; the decoder P of 3FabRec and ParFace-Net",
    reference="Browatzki & Wallraven, 3FabRec, CVPR 2020, arXiv:1911.10448",
)
class InverseResNet(nn.Module):
    """Decoder of Browatzki & Wallraven, "3FabRec" (CVPR 2020, arXiv:1911.10448).

    The code becomes a 4 x 4 map; stage ``layer1`` gives 8 x 8, each further stage doubles that, and ``lin`` doubles
    the last one into the image.

    Args:
        code_size: length of the code.
        image_size: side of the square output in pixels, a power of two of at least 64.
        out_channels: channels of the output.
        width: multiplier of all channel counts.
        slope: negative slope of the leaky ReLU.
    """

    def __init__(
        self, code_size: int = 99, image_size: int = 256, out_channels: int = 3, width: float = 1.0, slope: float = 0.1
    ) -> None:
        super().__init__()
        count = image_size.bit_length() - 4
        if count < 3 or image_size != 8 << count:
            raise UserError(f"inverse_resnet: image_size {image_size} is not a power of two of at least 64")
        self.image_size = image_size
        self.slope = slope
        inputs = scaled(512, width)
        self.fc = nn.Linear(code_size, inputs)
        self.conv1 = nn.ConvTranspose2d(inputs, inputs, 4, bias=False)
        self.bn1 = nn.BatchNorm2d(inputs)
        self.channels: list[int] = []
        for number in range(1, count + 1):
            outputs = scaled({1: 256, 2: 128}.get(number, 64), width)
            setattr(self, f"layer{number}", nn.Sequential(InverseBlock(inputs, outputs, slope)))
            self.channels.append(outputs)
            inputs = outputs
        self.lin = deconv4x4(inputs, out_channels)
        initialise(self)

    def stage(self, number: int) -> nn.Module:
        """Stage ``number``, counted from 1; its output is ``4 * 2**number`` pixels wide."""
        return getattr(self, f"layer{number}")

    def seed(self, z: Tensor) -> Tensor:
        """Code [B, code_size] -> the first feature map [B, 512 * width, 4, 4]."""
        return F.leaky_relu(self.bn1(self.conv1(self.fc(z)[:, :, None, None])), self.slope, inplace=True)

    def first(self, z: Tensor) -> Tensor:
        """Code [B, code_size] -> output of the first stage [B, 256 * width, 8, 8], which heads start from."""
        return self.stage(1)(self.seed(z))

    def rest(self, x1: Tensor) -> Tensor:
        """Output of the first stage -> image [B, out_channels, S, S] in -1..1."""
        for number in range(2, len(self.channels) + 1):
            x1 = self.stage(number)(x1)
        return torch.tanh(self.lin(x1))

    def forward(self, z: Tensor) -> Tensor:
        """Code [B, code_size] -> image [B, out_channels, S, S] in -1..1."""
        return self.rest(self.first(z))
