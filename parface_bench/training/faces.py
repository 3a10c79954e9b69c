"""Faces as arrays, for stages that are solved in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from parface_bench.data.crop import Crop, apply


@dataclass(frozen=True)
class FaceArrays:
    """Training faces without their pictures.

    Attributes:
        landmarks: float64 [N, L, 2 or 3], crop pixels (depth scaled alike); NaN where not annotated.
        size: side of the crop in pixels.
    """

    landmarks: np.ndarray
    size: int


def face_arrays(frames: Sequence[pd.DataFrame], crop: Crop) -> FaceArrays:
    """The landmarks of these faces in their crops; faces without landmarks are left out."""
    points = [
        apply(row.landmarks, crop.matrix(row))
        for frame in frames
        for row in frame.itertuples(index=False)
        if row.landmarks is not None
    ]
    return FaceArrays(np.stack(points), crop.size)
