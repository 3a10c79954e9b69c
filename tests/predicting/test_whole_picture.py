"""``--detector none``: the network sees the picture as it is."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch

from parface_bench import TrainableMethod
from parface_bench.data.images.crop import Crop
from parface_bench.faces import get_schema
from parface_bench.predicting.predict import Predictor
from parface_bench.predicting.shots import InputImage, Source


class Corners(TrainableMethod):
    """Says where the first and the last pixel of its crop are, and keeps what it saw."""

    def __init__(self) -> None:
        super().__init__()
        self.schema, self.image_size, self.dims = get_schema("points5"), 32, 2
        self.crop = Crop(mode="lm_ground_truth", size=32)
        self.seen: list[torch.Tensor] = []

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        self.seen.append(images)
        low = torch.tensor([[0.0, 0.0], [31.0, 31.0], [0.0, 31.0], [31.0, 0.0], [15.5, 15.5]])
        return low.expand(len(images), 5, 2)

    def decode(self, output: torch.Tensor) -> torch.Tensor:
        return output


def test_the_network_gets_the_picture_and_nothing_around_it() -> None:
    image = np.random.default_rng(0).integers(0, 255, (32, 32, 3)).astype(np.uint8)
    method = Corners()
    shot = InputImage("a", Source(Path("a.png"), "a", False), image)
    [(_, [face])] = Predictor(method, None).faces([shot])
    np.testing.assert_allclose(face.points, [[0, 0], [31, 31], [0, 31], [31, 0], [15.5, 15.5]], atol=1e-9)
    np.testing.assert_allclose(method.seen[0][0].permute(1, 2, 0).numpy() * 255, image, atol=1e-3)
