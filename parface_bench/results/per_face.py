"""What each face contributes to the numbers of a row: from the recorded per-face errors of its runs."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

from parface_bench.faces import Schema, get_schema
from parface_bench.registry import PfError, UserError
from parface_bench.results.result import Result
from parface_bench.scoring.metrics import OWN_DISTRIBUTION, Metric, resolve_metric
from parface_bench.scoring.protocol import load_protocol

Key = tuple[str, str]  # subset, metric


@dataclass(frozen=True, eq=False)
class Recorded:
    """What is recorded of the faces of one run, as far as a metric may ask for it (see ``scoring.face_errors.Faces``).

    Attributes:
        ids: [N] names.
        table: the recorded errors.
        schema: landmark schema, or None.
    """

    ids: np.ndarray
    table: Any
    schema: Schema | None

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def nme(self) -> np.ndarray:
        """[N] error of each face, percent."""
        return self.table["nme"].to_numpy(dtype=np.float64)

    @cached_property
    def errors(self) -> np.ndarray:
        """[N, L] error of each landmark, percent."""
        names = [name for name in self.table if name[:1] == "e" and name[1:].isdecimal()]
        return self.table[sorted(names, key=lambda name: int(name[1:]))].to_numpy(dtype=np.float64)

    @cached_property
    def gte(self) -> np.ndarray:
        """[N] 3D error of each face, percent."""
        return self.table["gte"].to_numpy(dtype=np.float64)


@dataclass(frozen=True, eq=False)
class PerFace:
    """What the faces of a row contribute to its numbers.

    Attributes:
        ids: [N] the faces that all its runs were scored on.
        values: (subset, metric) -> [S, N] numbers whose mean over the faces is the value of each run; NaN for faces
            outside the subset. Metrics that are no function of the recorded errors are absent.
    """

    ids: np.ndarray
    values: dict[Key, np.ndarray]

    def beside(self, other: PerFace, key: Key) -> tuple[np.ndarray, np.ndarray] | None:
        """The numbers of two rows on the faces of both, in one order; None where they cannot be paired."""
        mine, theirs = self.values.get(key), other.values.get(key)
        if mine is None or theirs is None:
            return None
        if not np.array_equal(self.ids, other.ids):
            _, rows, columns = np.intersect1d(self.ids, other.ids, assume_unique=True, return_indices=True)
            mine, theirs = mine[:, rows], theirs[:, columns]
        both = known(mine) & known(theirs)
        return (mine[:, both], theirs[:, both]) if both.sum() > 1 else None


def known(runs: np.ndarray) -> np.ndarray:
    """Which faces [N] have a number in each run [S, N]."""
    return np.isfinite(runs).all(axis=0)


def per_face(results: Sequence[Result], wanted: Sequence[Key]) -> PerFace:
    """Read the errors of a row's runs.

    Raises:
        UserError: a run's errors are missing, of another length, or not those of its result.
    """
    faces = [_read(result) for result in results]
    ids = faces[0].ids
    if any(not np.array_equal(ids, other.ids) for other in faces[1:]):
        common = set(ids).intersection(*(set(other.ids) for other in faces[1:]))
        faces = [_taken(other, common) for other in faces]
        ids = faces[0].ids
    if not len(ids):
        raise UserError("its runs have no face in common")
    found: dict[Key, np.ndarray] = {}
    for name in dict.fromkeys(metric for _, metric in wanted):
        numbers = _numbers(name, faces)
        if numbers is None:
            continue
        metric, columns = numbers
        for subset in [s for s, m in wanted if m == name]:
            parts = _masks(subset, results[0].document, faces[0])
            shares = [_shares(metric, column, parts) for column in columns] if parts else []
            runs = [run for run in shares if run is not None]
            if runs and len(runs) == len(columns):
                found[subset, name] = np.stack(runs)
    _check(results, found, len(ids))
    return PerFace(ids, found)


def _read(result: Result) -> Recorded:
    table, document = result.errors(), result.document
    if len(table) != document["n"]:
        raise UserError(f"{len(table)} per-face errors are recorded, {document['n']} faces were scored")
    ids = table["id"].astype(str).to_numpy(dtype=object)
    if len(set(ids)) != len(ids):
        raise UserError("a face occurs twice among the per-face errors")
    schema = document.get("schema")
    try:
        return Recorded(ids, table, None if schema is None else get_schema(schema))
    except UserError:  # a layout that came with a table of predictions
        return Recorded(ids, table, None)


def _taken(faces: Recorded, common: set[str]) -> Recorded:
    """The faces that are in ``common``, by name."""
    order = sorted(np.flatnonzero([face in common for face in faces.ids]), key=lambda i: faces.ids[i])
    return Recorded(faces.ids[order], faces.table.iloc[order], faces.schema)


def _numbers(name: str, faces: Sequence[Recorded]) -> tuple[Metric, list[np.ndarray]] | None:
    """A metric's numbers [N, K] of each run; None where the recorded errors are not all that it needs."""
    try:
        metric = resolve_metric(name)
        if metric.over != "face" or not metric.spec.owner.startswith(OWN_DISTRIBUTION):
            return None
        return metric, [metric(run) for run in faces]  # type: ignore[arg-type]  # it may lack what the metric needs
    except PfError:
        return None


def _masks(subset: str, document: Mapping[str, Any], faces: Recorded) -> list[np.ndarray] | None:
    """The sets of faces whose means are averaged: one for a subset, the bins for ``balanced``."""

    def mask(name: str) -> np.ndarray | None:
        column = f"subset:{name}"
        if column in faces.table:
            return faces.table[column].to_numpy(dtype=bool)
        return np.ones(len(faces), dtype=bool) if name == "full" else None

    names: Sequence[str] = [subset]
    if subset == "balanced":
        try:
            names = load_protocol(document["protocol"]).balanced
        except UserError:
            return None
    masks = [m for m in map(mask, names) if m is not None]
    return masks if len(masks) == len(names) else None


def _shares(metric: Metric, numbers: np.ndarray, parts: Sequence[np.ndarray]) -> np.ndarray | None:
    """[N] numbers whose mean is the metric's value, averaged over ``parts``; to first order where it is no mean."""
    defined = np.isfinite(numbers).all(axis=1)
    parts = [part & defined for part in parts]
    faces = np.any(parts, axis=0)
    if any(not part.any() for part in parts) or (len(parts) > 1 and metric.finish is not None):
        return None
    out = np.full(len(numbers), np.nan)
    values = []
    for part in parts:
        means = numbers[part].mean(axis=0)
        values.append(float(metric.finished(means)))
        slopes = np.ones(1) if metric.finish is None else _slopes(metric.finished, means)
        out[part] = (numbers[part] - means) @ slopes * (faces.sum() / part.sum() / len(parts))
    return out + np.mean(values) if np.isfinite(out[faces]).all() else None


def _slopes(function: Callable[[np.ndarray], Any], at: np.ndarray) -> np.ndarray:
    """Gradient [K] of a function of means [K], by central differences."""
    steps = np.diag(np.maximum(np.abs(at), 1e-6) * 1e-4)
    with np.errstate(invalid="ignore"):
        return np.array([(function(at + h) - function(at - h)) / (2 * h.sum()) for h in steps], dtype=np.float64)


def _check(results: Sequence[Result], found: dict[Key, np.ndarray], faces: int) -> None:
    """Refuse errors whose mean is not the recorded NME: they belong to something else; leave out what else differs."""
    for (subset, name), runs in list(found.items()):
        for result, run in zip(results, runs, strict=True):
            recorded = result.document["subsets"].get(subset, {}).get(name, {}).get("value")
            if result.document["n"] != faces or recorded is None:  # a mean over fewer faces is another one
                continue
            value = float(np.nanmean(run))
            if math.isclose(value, recorded, rel_tol=1e-3, abs_tol=1e-4):
                continue
            if name == "NME":
                raise UserError(
                    f"the recorded errors give {name} {value:.4g} for {subset!r}, the result {recorded:.4g}"
                )
            found.pop((subset, name), None)
