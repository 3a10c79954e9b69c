"""Metrics of the errors in x and y. Each takes the scored faces and returns one number (or a row of numbers) a face."""

from __future__ import annotations

import numpy as np

from parface_bench.scoring.face_errors import Faces, landmark_mean, landmark_variance


def nme(faces: Faces) -> np.ndarray:
    """Mean of the landmark errors of a face, percent. [N]."""
    return faces.nme


def nme_visible(faces: Faces) -> np.ndarray:
    """Mean of the errors of a face's visible landmarks, percent; NaN where none is visible. [N]."""
    if faces.visible is None:
        return np.full(len(faces), np.nan)
    return landmark_mean(np.where(faces.visible, faces.errors, np.nan))


def nme_no_jaw(faces: Faces) -> np.ndarray:
    """Mean of the errors of the landmarks that are not on the jaw line, percent. [N]."""
    if faces.schema is None:
        return faces.nme
    return landmark_mean(np.delete(faces.errors, faces.schema.regions.get("jaw", []), axis=1))


def variance_within_face(faces: Faces) -> np.ndarray:
    """Variance (ddof 0) of the landmark errors of a face, percent squared. [N]."""
    return landmark_variance(faces.errors)


def moments_of_nme(faces: Faces) -> np.ndarray:
    """First and second power of a face's NME. [N, 2]."""
    return np.stack([faces.nme, faces.nme**2], axis=1)


def deviation(moments: np.ndarray) -> np.ndarray:
    """Standard deviation from mean first and second powers [..., 2]."""
    return np.sqrt(np.maximum(moments[..., 1] - moments[..., 0] ** 2, 0.0))
