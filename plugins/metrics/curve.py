"""Metrics of the cumulative error curve: CED(t) is the fraction of faces with an NME of at most t percent."""

from __future__ import annotations

import numpy as np

from parface_bench.scoring.face_errors import Faces

SUM50_THRESHOLDS = np.linspace(0.0, 10.0, 50)


def failure_rate(faces: Faces, t: float) -> np.ndarray:
    """100 for a face with an NME strictly above ``t`` percent, else 0. [N]."""
    return 100.0 * (faces.nme > t)


def cumulative_error(faces: Faces, t: float) -> np.ndarray:
    """100 for a face with an NME of at most ``t`` percent, else 0. [N]."""
    return 100.0 * (faces.nme <= t)


def area_under_curve(faces: Faces, t: float) -> np.ndarray:
    """A face's share of the area under CED on [0, t], percent of t. [N].

    CED is a mean of steps, so its integral is the mean of ``max(0, t - nme)``: exact, without a grid.
    """
    return 100.0 * np.maximum(0.0, 1.0 - faces.nme / t)


def auc_sum50(faces: Faces) -> np.ndarray:
    """Fraction of the 50 thresholds ``linspace(0, 10, 50)`` that a face's NME does not exceed. [N]."""
    return 1.0 - np.searchsorted(SUM50_THRESHOLDS, faces.nme, side="left") / len(SUM50_THRESHOLDS)
