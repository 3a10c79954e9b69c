"""Metrics of a method's confidence: does it know where it errs? Each gives a function of weights of the faces.

The landmarks of all faces are taken together. An uncertainty is the confidence with its sign turned, so that any scale
will do: only the order counts. Landmarks without annotation or confidence are left out.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from parface_bench import metric
from parface_bench.registry.errors import UserError
from parface_bench.scoring.face_errors import Faces

Weighted = Callable[[np.ndarray], float]


class Groups:
    """Values in ascending order, equal ones together, whose weights change from one bootstrap sample to the next."""

    def __init__(self, values: np.ndarray) -> None:
        found, self._which = np.unique(values, return_inverse=True)
        self._count = len(found)

    def sums(self, weights: np.ndarray) -> np.ndarray:
        """The sum of the weights in each group."""
        return np.bincount(self._which, weights, self._count)

    def ranks(self, weights: np.ndarray) -> np.ndarray:
        """The mid-rank of every value, where each counts ``weights`` times."""
        each = self.sums(weights)
        return (np.cumsum(each) - each / 2)[self._which]


@metric(
    "rank_corr",
    over="weights",
    of="confidence",
    unit="fraction",
    higher_is_better=True,
    summary="Spearman correlation of a landmark's uncertainty with its error, over all landmarks of all faces",
    reference="Spearman, The proof and measurement of association between two things, 1904",
)
def rank_correlation(faces: Faces) -> Weighted:
    """Spearman's correlation of uncertainty and error: 1 where a larger error always came with less confidence."""
    unsure, errors, face = _landmarks(faces)
    of_unsure, of_errors = Groups(unsure), Groups(errors)

    def value(weights: np.ndarray) -> float:
        w = weights[face]
        total = max(w.sum(), 1e-12)
        a, b = of_unsure.ranks(w), of_errors.ranks(w)
        a, b = a - (w @ a) / total, b - (w @ b) / total
        scale = np.sqrt((w @ a**2) * (w @ b**2))
        return float((w @ (a * b)) / scale) if scale > 0 else float("nan")

    return value


@metric(
    "AUSE",
    over="weights",
    of="confidence",
    summary="Area under the sparsification error, percent of the mean error: 0 for a perfect order",
    reference="Ilg et al., Uncertainty Estimates and Multi-hypotheses Networks, ECCV 2018, arXiv:1802.07095",
)
def sparsification_area(faces: Faces) -> Weighted:
    """Area under the sparsification error, percent of the mean error (Ilg et al., ECCV 2018).

    As the least sure landmarks are taken away, from none to all, the mean error of the rest falls, less than if those
    with the largest errors were taken (the oracle). The area between the two curves, exact, without a grid.
    """
    unsure, errors, face = _landmarks(faces)
    of_unsure, of_errors = Groups(unsure), Groups(errors)

    def value(weights: np.ndarray) -> float:
        w = weights[face]
        mean = (w @ errors) / max(w.sum(), 1e-12)
        if not mean > 0:
            return 0.0
        areas = [_area(groups.sums(w), groups.sums(w * errors)) for groups in (of_unsure, of_errors)]
        return float(100 * (areas[0] - areas[1]) / mean)

    return value


@metric(
    "AUROC@t",
    parameter="t",
    over="weights",
    of="confidence",
    unit="fraction",
    higher_is_better=True,
    summary="ROC-AUC of finding landmarks with an error above t percent by their uncertainty; 0.5 is a guess",
    reference="Fawcett, An introduction to ROC analysis, 2006",
)
def error_above(faces: Faces, t: float) -> Weighted:
    """ROC-AUC of 'the error is above t percent' by uncertainty: 0.5 is a guess, 1 tells them all apart."""
    unsure, errors, face = _landmarks(faces)
    groups, above = Groups(unsure), errors > t

    def value(weights: np.ndarray) -> float:
        w = weights[face]
        yes, no = groups.sums(w * above), groups.sums(w * ~above)
        pairs = yes.sum() * no.sum()
        return float(yes @ (np.cumsum(no) - no / 2) / pairs) if pairs > 0 else float("nan")

    return value


@metric(
    "AP_occluded",
    over="weights",
    of="confidence",
    higher_is_better=True,
    summary="Average precision of finding the landmarks that are not visible by their uncertainty",
    reference="average precision without interpolation, as scikit-learn's",
)
def occlusion(faces: Faces) -> Weighted:
    """Average precision of finding the landmarks that are not visible by uncertainty, percent."""
    if faces.visible is None:
        raise UserError("metric 'AP_occluded' needs data that tell which landmarks are visible, and these do not")
    sure = _confidence(faces)
    known = np.isfinite(sure)
    face = np.nonzero(known)[0]
    groups, hidden = Groups(-sure[known]), ~faces.visible[known]

    def value(weights: np.ndarray) -> float:
        w = weights[face]
        found, taken = (np.cumsum(groups.sums(part)[::-1]) for part in (w * hidden, w))
        if not found[-1] > 0:
            return float("nan")
        gained = np.diff(found, prepend=0.0) / found[-1]
        return float(100 * (gained @ (found / np.maximum(taken, 1e-12))))

    return value


def _landmarks(faces: Faces) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Uncertainty and error of every landmark that has both, [M], and the face that each belongs to."""
    sure = _confidence(faces)
    known = np.isfinite(sure) & np.isfinite(faces.errors)
    return -sure[known], faces.errors[known], np.nonzero(known)[0]


def _confidence(faces: Faces) -> np.ndarray:
    if faces.confidence is None or not np.isfinite(faces.confidence).any():
        last = faces.landmarks.shape[1] - 1
        raise UserError(
            f"metrics of confidence need predictions that come with one, columns c0 to c{last}: run the method with "
            "--confidence flip if it has none of its own"
        )
    return faces.confidence


def _area(weights: np.ndarray, errors: np.ndarray) -> float:
    """Integral, over the share kept, of the mean error of what is kept; groups [G] in the order in which they are kept.

    Within a group the summed error grows as a straight line s m + c over the weight m, whose mean error integrates to
    s m + c ln(m).
    """
    there = weights > 0
    weights, errors = weights[there], errors[there]
    end, slope = np.cumsum(weights), errors / weights
    start = end - weights
    offset = np.cumsum(errors) - errors - slope * start
    log = np.zeros(len(end))
    np.log(end / np.where(start > 0, start, 1.0), out=log, where=start > 0)
    return float((errors + offset * log).sum() / end[-1])
