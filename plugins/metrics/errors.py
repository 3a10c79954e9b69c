"""Metrics of the errors in x and y. Each takes the scored faces and returns one number (or a row of numbers) a face."""

from __future__ import annotations

import numpy as np

from parface_bench import metric
from parface_bench.scoring.face_errors import Faces, landmark_mean, landmark_variance


@metric(
    "Pq",
    parameter="q",
    over="quantile",
    summary="Percentile of the faces' NME: at P90, 90 % of the faces have a smaller error (linear interpolation)",
    reference="Hyndman and Fan, Sample quantiles in statistical packages, 1996, type 7",
)
@metric(
    "NME",
    summary="Normalised mean error in x and y, percent of the normalising distance",
    reference="Sagonas et al., 300 Faces in-the-Wild Challenge, 2013",
)
def nme(faces: Faces) -> np.ndarray:
    """Mean of the landmark errors of a face, percent. [N]."""
    return faces.nme


@metric(
    "NME_visible",
    summary="Normalised mean error over the visible landmarks, where the data tell visibility",
    reference="Burgos-Artizzu et al., Robust face landmark estimation under occlusion, 2013",
)
def nme_visible(faces: Faces) -> np.ndarray:
    """Mean of the errors of a face's visible landmarks, percent; NaN where none is visible. [N]."""
    if faces.visible is None:
        return np.full(len(faces), np.nan)
    return landmark_mean(np.where(faces.visible, faces.errors, np.nan))


@metric(
    "NME_no_jaw",
    summary="Normalised mean error without the jaw line",
    reference="the 51 inner points of the 300-W Challenge, 2013",
)
def nme_no_jaw(faces: Faces) -> np.ndarray:
    """Mean of the errors of the landmarks that are not on the jaw line, percent. [N]."""
    if faces.schema is None:
        return faces.nme
    return landmark_mean(np.delete(faces.errors, faces.schema.regions.get("jaw", []), axis=1))


@metric(
    "STD_NME",
    finish="sqrt",
    summary="Root of the mean variance of the landmark errors within a face (not a deviation between faces)",
    reference="ParFace, src/train_aae_landmarks_3d.py",
)
def variance_within_face(faces: Faces) -> np.ndarray:
    """Variance (ddof 0) of the landmark errors of a face, percent squared. [N]."""
    return landmark_variance(faces.errors)


def deviation(moments: np.ndarray) -> np.ndarray:
    """Standard deviation from mean first and second powers [..., 2]."""
    return np.sqrt(np.maximum(moments[..., 1] - moments[..., 0] ** 2, 0.0))


@metric(
    "SD_faces",
    finish=deviation,
    summary="Standard deviation of the faces' NME over the faces (ddof 0)",
    reference="the usual definition",
)
def moments_of_nme(faces: Faces) -> np.ndarray:
    """First and second power of a face's NME. [N, 2]."""
    return np.stack([faces.nme, faces.nme**2], axis=1)
