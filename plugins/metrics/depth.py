"""Metrics of the errors in 3D, where the data have depth."""

from __future__ import annotations

import numpy as np

from parface_bench import metric
from parface_bench.scoring.face_errors import Faces, landmark_variance


@metric(
    "GTE",
    dims=3,
    summary="Normalised mean 3D error after the mean depth was aligned",
    reference="ParFace, src/train_aae_landmarks_3d.py",
)
def gte(faces: Faces) -> np.ndarray:
    """Mean of the 3D landmark errors of a face after its mean depth was aligned, percent. [N]."""
    return faces.gte


@metric(
    "STD_GTE",
    dims=3,
    finish="sqrt",
    summary="Root of the mean variance of the 3D landmark errors within a face",
    reference="ParFace, src/train_aae_landmarks_3d.py",
)
def variance_within_face(faces: Faces) -> np.ndarray:
    """Variance (ddof 0) of the 3D landmark errors of a face, percent squared. [N]."""
    return landmark_variance(faces.errors_3d)
