"""The naive baseline: every face gets the mean of the training landmarks, whatever the image shows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from parface_bench import method
from parface_bench.data.batches.face_arrays import FaceArrays
from parface_bench.faces import Schema
from parface_bench.methods.stage import Stage
from parface_bench.methods.trainable import TrainableMethod


@method(
    "mean-shape",
    summary="mean training shape in the crop, whatever the image shows: the naive baseline",
    reference="no learning; the mean of the training landmarks",
)
class MeanShape(TrainableMethod):
    """Mean training shape in normalised crop coordinates, solved in closed form; with mean depth where data are 3D."""

    predicts_depth = True

    def __init__(self, schema: Schema) -> None:
        super().__init__()
        self.shape: Tensor
        self.register_buffer("shape", torch.full((len(schema), 3), 0.5))

    def stages(self, recipe: Mapping[str, Any]) -> list[Stage]:
        """One stage that looks at every training face once."""
        data = tuple(recipe["train"]["data"])
        return [Stage(name="mean", step="closed-form", loss="fit", data=data)]

    def fit(self, faces: FaceArrays) -> None:
        """Take the mean of the faces' landmarks, as fractions of the crop's side."""
        mean = np.nanmean(faces.landmarks, axis=0) / faces.size
        self.shape.zero_()
        self.shape[:, : mean.shape[1]] = torch.from_numpy(mean)

    def forward(self, images: Tensor) -> Tensor:
        """[B, 3, S, S] -> the one shape, B times, [B, L, 3] crop pixels."""
        return (self.shape * images.shape[-1]).expand(images.shape[0], -1, -1)

    def decode(self, output: Tensor) -> Tensor:
        """As many coordinates as the data have."""
        return output[..., : self.dims]
