"""Faces as arrays, for stages that are solved in closed form."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from parface_bench.data.batches.loader import FaceSet
from parface_bench.data.images.crop import Crop

# Crops that a principal component analysis is fitted on take at most so many bytes as float32.
PICTURE_BYTES = 1 << 30
_BATCH = 32


@dataclass(frozen=True)
class FaceArrays:
    """Training faces as a stage without gradients sees them.

    Attributes:
        landmarks: float32 [N, L, 2 or 3], crop pixels (depth scaled alike); NaN where not annotated. Without landmarks
            [N, 0, 2].
        size: side of the crop in pixels.
        faces: where the crops come from; None: nowhere.
    """

    landmarks: np.ndarray
    size: int
    faces: FaceSet | None = None

    def pictures(self, most: int = PICTURE_BYTES) -> np.ndarray:
        """The crops, not augmented, uint8 [N, S, S, 3] RGB; evenly chosen where all would exceed ``most`` bytes."""
        assert self.faces is not None
        return pictures(self.faces, self.size, most)


def face_arrays(frames: Sequence[pd.DataFrame], crop: Crop, schema: str, truth: str = "landmarks") -> FaceArrays:
    """Faces in their crops; the landmarks of annotated faces in one schema.

    Args:
        frames: index tables.
        crop: geometry of the crops.
        schema: of the landmarks.
        truth: column of the landmarks; '': the stage needs none, so that faces without any take part too.
    """
    if not truth:
        faces = FaceSet(frames, crop.for_any(), truth="")
        return FaceArrays(np.zeros((len(faces), 0, 2), np.float32), crop.size, faces)
    faces = FaceSet(frames, crop, schema=schema, truth=truth)
    known = faces.truth
    assert known.landmarks is not None
    points = known.landmarks if known.depth is None else np.dstack([known.landmarks, known.depth])
    return FaceArrays(points, crop.size, faces)


def pictures(faces: FaceSet, side: int, most: int = PICTURE_BYTES) -> np.ndarray:
    """Crops uint8 [N, side, side, 3] of a set, evenly chosen where all as float32 would exceed ``most`` bytes."""
    count = min(len(faces), most // (side * side * 3 * 4))
    at = np.linspace(0, len(faces) - 1, count).round().astype(int)
    parts = [faces[at[i : i + _BATCH]].images.permute(0, 2, 3, 1).numpy() for i in range(0, count, _BATCH)]
    return np.concatenate(parts) if parts else np.zeros((0, side, side, 3), np.uint8)
