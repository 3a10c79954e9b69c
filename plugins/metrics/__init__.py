"""The built-in metrics: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import MetricSpec

_HERE = "parface_bench.plugins.metrics"
_PARFACE = "ParFace, src/train_aae_landmarks_3d.py"

PLUGINS: list[MetricSpec] = [
    MetricSpec(
        name="NME",
        target=f"{_HERE}.errors:nme",
        summary="Normalised mean error in x and y, percent of the normalising distance",
        reference="Sagonas et al., 300 Faces in-the-Wild Challenge, 2013",
    ),
    MetricSpec(
        name="NME_visible",
        target=f"{_HERE}.errors:nme_visible",
        summary="Normalised mean error over the visible landmarks, where the data tell visibility",
        reference="Burgos-Artizzu et al., Robust face landmark estimation under occlusion, 2013",
    ),
    MetricSpec(
        name="NME_no_jaw",
        target=f"{_HERE}.errors:nme_no_jaw",
        summary="Normalised mean error without the jaw line",
        reference="the 51 inner points of the 300-W Challenge, 2013",
    ),
    MetricSpec(
        name="STD_NME",
        target=f"{_HERE}.errors:variance_within_face",
        finish="sqrt",
        summary="Root of the mean variance of the landmark errors within a face (not a deviation between faces)",
        reference=_PARFACE,
    ),
    MetricSpec(
        name="SD_faces",
        target=f"{_HERE}.errors:moments_of_nme",
        finish=f"{_HERE}.errors:deviation",
        summary="Standard deviation of the faces' NME over the faces (ddof 0)",
        reference="the usual definition",
    ),
    MetricSpec(
        name="Pq",
        parameter="q",
        over="quantile",
        target=f"{_HERE}.errors:nme",
        summary="Percentile of the faces' NME: P90 is undercut by 90 percent of the faces (linear interpolation)",
        reference="Hyndman and Fan, Sample quantiles in statistical packages, 1996, type 7",
    ),
    MetricSpec(
        name="FR@t",
        parameter="t",
        target=f"{_HERE}.curve:failure_rate",
        summary="Failure rate: percent of faces with an NME above t percent",
        reference="Sagonas et al., 300 Faces in-the-Wild Challenge, 2013",
    ),
    MetricSpec(
        name="CED@t",
        parameter="t",
        higher_is_better=True,
        target=f"{_HERE}.curve:cumulative_error",
        summary="Cumulative error distribution at t: percent of faces with an NME of at most t percent",
        reference="Sagonas et al., 300 Faces in-the-Wild Challenge, 2013",
    ),
    MetricSpec(
        name="AUC@t",
        parameter="t",
        higher_is_better=True,
        target=f"{_HERE}.curve:area_under_curve",
        summary="Area under the cumulative error curve on [0, t], exact, percent of the best",
        reference="Yang et al., An empirical study of recent face alignment methods, 2015; closed form",
    ),
    MetricSpec(
        name="auc-sum50",
        unit="fraction",
        higher_is_better=True,
        target=f"{_HERE}.curve:auc_sum50",
        summary="The original ParFace code's AUC: mean of the cumulative error curve at 50 thresholds from 0 to 10",
        reference=_PARFACE,
    ),
    MetricSpec(
        name="GTE",
        dims=3,
        target=f"{_HERE}.depth:gte",
        summary="Normalised mean 3D error after the mean depth was aligned",
        reference=_PARFACE,
    ),
    MetricSpec(
        name="STD_GTE",
        dims=3,
        target=f"{_HERE}.depth:variance_within_face",
        finish="sqrt",
        summary="Root of the mean variance of the 3D landmark errors within a face",
        reference=_PARFACE,
    ),
]
