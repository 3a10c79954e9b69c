"""The backbone example-plugin: here a small convolutional pyramid, for a start."""

from __future__ import annotations

from torch import Tensor, nn

from parface_bench import backbone


@backbone("example-plugin", reference="where it is described: paper, section")
class ExamplePlugin(nn.Module):
    """Four stages, each halving the resolution and doubling the channels.

    Args:
        features_only: give the feature map of every stage, finest first, instead of one pooled vector.
        width: channels of the first stage.

    Attributes:
        channels: channels of each feature map (of the vector alone without ``features_only``).
        reductions: how many input pixels each feature map's pixel stands for.
    """

    def __init__(self, features_only: bool = True, width: int = 16) -> None:
        super().__init__()
        channels = [width * 2**stage for stage in range(4)]
        self.features_only = features_only
        self.channels = channels if features_only else channels[-1:]
        self.reductions = [2, 4, 8, 16] if features_only else [0]
        self.stages = nn.ModuleList(
            nn.Sequential(nn.Conv2d(before, after, 3, 2, 1, bias=False), nn.BatchNorm2d(after), nn.ReLU(inplace=True))
            for before, after in zip([3, *channels[:-1]], channels, strict=True)
        )

    def forward(self, images: Tensor) -> list[Tensor] | Tensor:
        """Images [B, 3, H, W] in 0..1 -> feature maps [B, C, H / r, W / r], or a vector [B, C]."""
        maps = []
        for stage in self.stages:
            images = stage(images)
            maps.append(images)
        return maps if self.features_only else images.mean(dim=(2, 3))
