"""Metrics of the cumulative error curve: CED(t) is the fraction of faces with an NME of at most t percent."""

from __future__ import annotations

import numpy as np

from parface_bench import metric
from parface_bench.scoring.face_errors import Faces

SUM50_THRESHOLDS = np.linspace(0.0, 10.0, 50)


@metric(
    "FR@t",
    parameter="t",
    summary="Failure rate: percent of faces with an NME above t percent",
    reference="Sagonas et al., 300 Faces in-the-Wild Challenge, 2013",
)
def failure_rate(faces: Faces, t: float) -> np.ndarray:
    """100 for a face with an NME strictly above ``t`` percent, else 0. [N]."""
    return 100.0 * (faces.nme > t)


@metric(
    "CED@t",
    parameter="t",
    higher_is_better=True,
    summary="Cumulative error distribution at t: percent of faces with an NME of at most t percent",
    reference="Sagonas et al., 300 Faces in-the-Wild Challenge, 2013",
)
def cumulative_error(faces: Faces, t: float) -> np.ndarray:
    """100 for a face with an NME of at most ``t`` percent, else 0. [N]."""
    return 100.0 * (faces.nme <= t)


@metric(
    "AUC@t",
    parameter="t",
    higher_is_better=True,
    summary="Area under the cumulative error curve on [0, t], exact, percent of the best",
    reference="Yang et al., An empirical study of recent face alignment methods, 2015; closed form",
)
def area_under_curve(faces: Faces, t: float) -> np.ndarray:
    """A face's share of the area under CED on [0, t], percent of t. [N].

    CED is a mean of steps, so its integral is the mean of ``max(0, t - nme)``: exact, without a grid.
    """
    return 100.0 * np.maximum(0.0, 1.0 - faces.nme / t)


@metric(
    "auc-sum50",
    unit="fraction",
    higher_is_better=True,
    summary="The original ParFace code's AUC: mean of the cumulative error curve at 50 thresholds from 0 to 10",
    reference="ParFace, src/train_aae_landmarks_3d.py",
)
def auc_sum50(faces: Faces) -> np.ndarray:
    """Fraction of the 50 thresholds ``linspace(0, 10, 50)`` that a face's NME does not exceed. [N]."""
    return 1.0 - np.searchsorted(SUM50_THRESHOLDS, faces.nme, side="left") / len(SUM50_THRESHOLDS)
