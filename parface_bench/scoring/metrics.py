"""From a metric's name to numbers: which plugin computes it, with which parameter."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pkgutil import resolve_name
from typing import Any

import numpy as np

from parface_bench.registry import METRICS, MetricSpec, PfError, UserError, WorkError
from parface_bench.scoring.face_errors import Faces

OWN_DISTRIBUTION = "parface-bench "


@dataclass(frozen=True)
class Metric:
    """A metric as a protocol names it: 'FR@8' is the family 'FR@t' at 8."""

    name: str
    spec: MetricSpec
    parameter: float | None
    function: Callable[..., Any]
    finish: Callable[[np.ndarray], np.ndarray] | None

    @property
    def over(self) -> str:
        """'face', 'set', 'weights' or 'quantile', see :class:`parface_bench.registry.specs.MetricSpec`."""
        return self.spec.over

    @property
    def linear(self) -> bool:
        """The value is a plain mean over faces, so that it may be averaged over subsets."""
        return self.over == "face" and self.finish is None

    def facts(self) -> dict[str, Any]:
        """Direction and unit, as a result stores them."""
        return {"higher_is_better": self.spec.higher_is_better, "unit": self.spec.unit}

    def __call__(self, faces: Faces) -> np.ndarray:
        """The plugin's numbers, checked: float64 [N, K], or [1, 1] for a metric over the whole set.

        Raises:
            UserError: the plugin itself raised a UserError.
            WorkError: the plugin failed or returned something else than it declares.
        """
        who = f"{self.name!r} (from {self.spec.owner})"
        arguments = () if self.parameter is None or self.over == "quantile" else (self.parameter,)
        try:
            found = np.asarray(
                self.weighted(faces)(np.ones(len(faces)))
                if self.over == "weights"
                else self.function(faces, *arguments)
            )
            if found.dtype.kind == "c":
                raise TypeError("it returned complex numbers")
            values = found.astype(np.float64, copy=False)
        except UserError:
            raise
        except Exception as error:
            said = " ".join(str(error).split())
            raise WorkError(f"metric {who} failed: {type(error).__name__}: {said}") from error
        whole = self.over in ("set", "weights")
        n = 1 if whole else len(faces)
        if values.size == n:
            values = values.reshape(n, 1)
        if values.ndim != 2 or len(values) != n or (values.shape[1] != 1 and self.finish is None):
            wants = "one number" if whole else f"one number a face, shape ({n},)"
            raise WorkError(f"metric {who} must return {wants}; it returned {values.shape}")
        if np.isinf(values).any():
            raise WorkError(f"metric {who} is infinite{'' if whole else ' for some faces'}")
        return values

    def weighted(self, faces: Faces) -> Callable[[np.ndarray], float]:
        """The function of face weights [N] that a metric over 'weights' gives."""
        return self.function(faces, *(() if self.parameter is None else (self.parameter,)))

    def finished(self, means: np.ndarray) -> np.ndarray:
        """Values [...] of the means [..., K] of what :meth:`__call__` returned."""
        if self.finish is None:
            return means[..., 0]
        return self.finish(means[..., 0] if means.shape[-1] == 1 else means)


def resolve_metric(name: str) -> Metric:
    """The metric of a name.

    Raises:
        UserError: no metric or family has this name; the sentence suggests the nearest.
    """
    if name in METRICS:
        spec: MetricSpec = METRICS.spec(name)
        if spec.parameter:
            raise UserError(f"metric {name!r} needs a number in place of {spec.parameter!r}, as in {_example(spec)!r}")
        return _metric(name, spec, None)
    for spec in sorted(METRICS, key=lambda s: -len(s.name)):
        if spec.parameter and spec.name.endswith(spec.parameter):
            found = re.fullmatch(re.escape(spec.name.removesuffix(spec.parameter)) + r"(\d+(?:\.\d+)?)", name)
            if found and float(found[1]) > 0 and (spec.over != "quantile" or float(found[1]) <= 100):
                return _metric(name, spec, float(found[1]))
    return _metric(name, METRICS.spec(name), None)  # raises with the nearest name


def resolve_metrics(names: Iterable[str]) -> list[Metric]:
    """The metrics of these names, each once."""
    return [resolve_metric(name) for name in dict.fromkeys(names)]


def declared_by_users() -> list[str]:
    """Names of the metrics that do not come with the toolkit; every score computes them beside the protocol's."""
    return [s.name for s in METRICS if not s.parameter and not s.owner.startswith(OWN_DISTRIBUTION)]


def metrics_of_users(known: Iterable[str]) -> tuple[list[Metric], dict[str, str]]:
    """Those of :func:`declared_by_users` beside the known ones; and the reason for each that cannot be loaded."""
    metrics, failed = [], {}
    for name in declared_by_users():
        if name not in known:
            try:
                metrics.append(resolve_metric(name))
            except PfError as error:
                failed[name] = str(error)
    return metrics, failed


def metric_direction(name: str) -> bool:
    """Whether more is better of a metric, e.g. to keep the best checkpoint."""
    return resolve_metric(name).spec.higher_is_better


def _metric(name: str, spec: MetricSpec, parameter: float | None) -> Metric:
    return Metric(name, spec, parameter, spec.load(), _finish(name, spec))


def _finish(name: str, spec: MetricSpec) -> Callable[[np.ndarray], np.ndarray] | None:
    if spec.finish is None or callable(spec.finish):
        return spec.finish
    try:
        found = resolve_name(spec.finish if ":" in spec.finish else f"numpy:{spec.finish}")
    except (ImportError, AttributeError, ValueError):
        found = None
    if not callable(found):
        raise UserError(f"metric {name!r} (from {spec.owner}): finish={spec.finish!r} is no function of numpy")
    return found


def _example(spec: MetricSpec) -> str:
    return spec.name.removesuffix(spec.parameter) + ("90" if spec.over == "quantile" else "10")
