"""Metrics of the cumulative error curve: CED(t) is the fraction of faces with an NME of at most t percent."""

from __future__ import annotations

import numpy as np

from parface_bench import metric
from parface_bench.scoring.face_errors import Faces

# of the grid on which PIPNet's and STAR's code draws the curve, as shares of the normalising distance
GRID_STEP = 1e-4
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


@metric(
    "FR-grid@t",
    parameter="t",
    summary="Failure rate as PIPNet's and STAR's code computes it: above the last point of its grid, t or t + 0.01",
    reference="PIPNet, lib/functions.py; STAR, lib/metric/fr_and_auc.py",
)
def failure_rate_grid(faces: Faces, t: float) -> np.ndarray:
    """100 for a face with an NME above the grid's last point, else 0. [N]."""
    return 100.0 * (faces.nme / 100 > _grid(t)[-1])


@metric(
    "AUC-grid@t",
    parameter="t",
    higher_is_better=True,
    summary="Area under the cumulative error curve as PIPNet's and STAR's code computes it: Simpson's rule on a grid",
    reference="PIPNet, lib/functions.py; STAR, lib/metric/fr_and_auc.py",
)
def area_under_curve_grid(faces: Faces, t: float) -> np.ndarray:
    """A face's share of the area, percent of t: the rule is linear, so the faces' mean is the area. [N]."""
    from scipy.integrate import simpson

    grid = _grid(t)
    # the area of a step that begins at each point, and of one that never begins
    steps = np.append([simpson(np.arange(len(grid)) >= begin, x=grid) for begin in range(len(grid))], 0.0)
    return 10000.0 / t * steps[np.searchsorted(grid, faces.nme / 100, side="left")]


def _grid(t: float) -> np.ndarray:
    """0, 0.0001, ... to t percent; where rounding has it so, as for t = 5 and 7, one point further."""
    return np.arange(0, t / 100 + GRID_STEP, GRID_STEP)
