"""Metrics of the errors in 3D, where the data have depth."""

from __future__ import annotations

import numpy as np

from parface_bench.scoring.face_errors import Faces, landmark_variance


def gte(faces: Faces) -> np.ndarray:
    """Mean of the 3D landmark errors of a face after its mean depth was aligned, percent. [N]."""
    return faces.gte


def variance_within_face(faces: Faces) -> np.ndarray:
    """Variance (ddof 0) of the 3D landmark errors of a face, percent squared. [N]."""
    return landmark_variance(faces.errors_3d)
