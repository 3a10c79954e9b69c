"""The method example-plugin: here heatmaps from a timm backbone, for a start."""

from torch import Tensor

from parface_bench import BACKBONES, LOSSES, TrainableMethod, method
from parface_bench.data.batches.batch import Batch
from parface_bench.data.heatmaps.codecs import HeatmapCodec
from parface_bench.faces import Schema
from parface_bench.methods.heads import HeatmapHead


@method("example-plugin", reference="where it is described: paper, address")
class ExamplePlugin(TrainableMethod):
    """One heatmap a landmark, read off at its peak.

    Args:
        schema: the data set's landmarks.
        image_size: side of the square crop in pixels.
        backbone: any registered backbone, every timm name among them.
    """

    def __init__(self, schema: Schema, image_size: int = 256, backbone: str = "resnet18") -> None:
        super().__init__()
        self.features = BACKBONES.build(backbone, features_only=True)
        self.head = HeatmapHead(self.features.channels[-1], len(schema), width=64)
        self.codec = HeatmapCodec(size=image_size // 4, sigma=1.5)
        self.loss_fn = LOSSES.build("adaptive_wing")

    def forward(self, images: Tensor) -> Tensor:
        """Crops [B, 3, S, S], RGB in 0..1 -> heatmaps [B, L, S / 4, S / 4]."""
        return self.head(self.features((images - 0.5) / 0.25)[-1])

    def loss(self, batch: Batch) -> Tensor:
        """One training step's loss: a scalar, or named terms that are summed."""
        return self.loss_fn(self(batch.images), batch.heatmaps)

    def decode(self, output: Tensor) -> Tensor:
        """What ``forward`` gave -> landmarks [B, L, 2], crop pixels."""
        return self.codec.decode(output, self.image_size)
