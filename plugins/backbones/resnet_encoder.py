"""The encoder of 3FabRec and ParFace-Net: a ResNet-18 with more stages for larger images, ending in a code."""

from __future__ import annotations

from collections.abc import Iterator

import torch.nn.functional as F
from torch import Tensor, nn

from parface_bench import backbone
from parface_bench.plugins.backbones.blocks import BasicBlock, initialise, scaled
from parface_bench.registry import UserError

SIZES = (64, 128, 256, 512, 1024)


@backbone(
    "resnet_encoder",
    summary="ResNet-18 from an image of 64 to 1024 px to a code; the encoder Q of 3FabRec and ParFace-Net",
    reference="Browatzki & Wallraven, 3FabRec, CVPR 2020, arXiv:1911.10448",
)
class ResNetEncoder(nn.Module):
    """Encoder of Browatzki & Wallraven, "3FabRec" (CVPR 2020, arXiv:1911.10448).

    Images of up to 128 px go through the four stages of a ResNet-18. Each doubling of the size puts a stage of 64
    channels before them, so that the last feature map stays 4 x 4.

    Args:
        code_size: length of the code.
        image_size: side of the square input in pixels: 64, 128, 256, 512 or 1024.
        in_channels: channels of the input.
        width: multiplier of all channel counts (1 = ResNet-18).
        slope: negative slope of the leaky ReLU; 0 is the plain ReLU.
    """

    def __init__(
        self, code_size: int = 99, image_size: int = 256, in_channels: int = 3, width: float = 1.0, slope: float = 0.1
    ) -> None:
        super().__init__()
        if image_size not in SIZES:
            raise UserError(f"resnet_encoder: image_size {image_size} is not one of {', '.join(map(str, SIZES))}")
        c64, c128, c256, c512 = (scaled(c, width) for c in (64, 128, 256, 512))
        self.conv1 = nn.Conv2d(in_channels, c64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(c64)
        self.slope = slope
        extra = {128: [], 64: [], 256: ["layer0"], 512: ["layer0", "layer01"], 1024: ["layer0", "layer01", "layer02"]}
        plan = [(name, c64, 1 if name == "layer0" else 2) for name in extra[image_size]]
        plan += [("layer1", c64, 2 if plan else 1), ("layer2", c128, 2), ("layer3", c256, 2), ("layer4", c512, 2)]
        inputs = c64
        for name, outputs, stride in plan:
            blocks = BasicBlock(inputs, outputs, stride, slope), BasicBlock(outputs, outputs, 1, slope)
            setattr(self, name, nn.Sequential(*blocks))
            inputs = outputs
        self.stage_names = tuple(name for name, _, _ in plan)
        self.channels = [outputs for _, outputs, _ in plan]
        self.fc = nn.Linear(inputs, code_size)
        initialise(self)

    def stages(self, x: Tensor) -> Iterator[tuple[str, Tensor]]:
        """Name and output [B, C, H, W] of each stage, for what the first convolution gave."""
        x = F.leaky_relu(self.bn1(x), self.slope, inplace=True)
        x = F.max_pool2d(x, 3, 2, 1)
        for name in self.stage_names:
            x = getattr(self, name)(x)
            yield name, x

    def features(self, x: Tensor) -> Tensor:
        """What the first convolution gave -> code [B, code_size]."""
        for _, out in self.stages(x):
            x = out
        return self.fc(x.mean((2, 3)))

    def forward(self, x: Tensor) -> Tensor:
        """[B, in_channels, S, S] -> code [B, code_size]."""
        return self.features(self.conv1(x))
