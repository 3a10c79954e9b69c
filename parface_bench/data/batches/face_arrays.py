"""Faces as arrays, for stages that are solved in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from parface_bench.data.batches.loader import FaceSet
from parface_bench.data.images.crop import Crop


@dataclass(frozen=True)
class FaceArrays:
    """Training faces without their pictures.

    Attributes:
        landmarks: float32 [N, L, 2 or 3], crop pixels (depth scaled alike); NaN where not annotated.
        size: side of the crop in pixels.
    """

    landmarks: np.ndarray
    size: int


def face_arrays(frames: Sequence[pd.DataFrame], crop: Crop, schema: str, truth: str = "landmarks") -> FaceArrays:
    """The landmarks of annotated faces in their crops, in one schema; ``truth`` names their column."""
    known = FaceSet(frames, crop, schema=schema, truth=truth).truth
    assert known.landmarks is not None
    points = known.landmarks if known.depth is None else np.dstack([known.landmarks, known.depth])
    return FaceArrays(points, crop.size)
