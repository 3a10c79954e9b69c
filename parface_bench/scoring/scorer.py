"""The engine: predictions and truth in, result document and per-face errors out. numpy only."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from parface_bench.faces import Schema, get_schema
from parface_bench.registry import PfError, UserError, WorkError
from parface_bench.scoring import bootstrap
from parface_bench.scoring.columns import Columns, Inputs, compute_columns
from parface_bench.scoring.evaluation import Evaluation
from parface_bench.scoring.metrics import Metric, metrics_of_users, resolve_metrics
from parface_bench.scoring.protocol import Protocol, load_protocol
from parface_bench.scoring.row_file import Rows
from parface_bench.scoring.subsets import check_subsets, choose, intersections, yaw_subsets

RESAMPLES = 1000


def evaluate(
    landmarks: Rows,
    predictions: Rows,
    protocol: str | Path | Protocol,
    *,
    ids: Sequence[str] | np.ndarray | None = None,
    schema: str | Schema | None = None,
    visible: np.ndarray | None = None,
    confidence: Rows | None = None,
    bbox: np.ndarray | None = None,
    box_size: np.ndarray | None = None,
    image_size: np.ndarray | float | None = None,
    yaw: np.ndarray | None = None,
    subsets: Mapping[str, np.ndarray] | None = None,
    metrics: Iterable[str] = (),
    only: Iterable[str] = (),
    with_intersections: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Score predictions under a protocol.

    Args:
        landmarks: true landmarks [N, L, 2|3], pixels of the original image. NaN: left out by the annotators (such a
            landmark counts for nothing where ``visible`` is False; else its face is excluded).
        predictions: predicted landmarks [N, L, 2|3], likewise; never changed. Where the protocol compares depth and
            truth or predictions have none, the metrics of depth are left out and ``warnings`` says so.
        protocol: name, file or object.
        ids: N unique names; default ``"0", "1", ...``.
        schema: landmark schema; default the protocol's schema with L landmarks.
        visible: bool [N, L].
        confidence: how sure the predictions are [N, L], on any scale, higher is surer; NaN where that is not known.
        bbox, box_size, image_size: annotated boxes [N, 4], face sizes [N], crop side [N] or a number; pixels.
        yaw: [N] degrees, for the protocol's yaw bins.
        subsets: name -> boolean mask [N].
        metrics: names of metrics beside those of the protocol and those that users' plugins declare.
        only: names of the subsets to report beside ``full``; all where empty.
        with_intersections: also report pair-wise intersections of the subsets.
        resamples, seed: of the bootstrap.

    Returns:
        The document and the per-face errors.

    Raises:
        UserError: shapes do not fit, a name is unknown, a prediction is not a number, no face can be scored.
        WorkError: a metric failed, or a row breaks ``1 - NME/t <= AUC@t <= 1 - FR@t``.
    """
    protocol = load_protocol(protocol)
    n = _check_shapes(landmarks, predictions)
    # objects: fixed-width text would take the longest id's room for each
    face_ids = np.array([str(i) for i in (range(n) if ids is None else ids)], dtype=object)
    if (unique := len(set(face_ids))) != n or len(face_ids) != n:
        raise UserError(f"{n} faces need {n} unique ids, found {unique}")
    schema = schema or protocol.schema_for(landmarks.shape[1])
    schema = None if schema is None else get_schema(schema)
    if schema is not None and len(schema) != landmarks.shape[1]:
        raise UserError(f"schema {schema.name!r} has {len(schema)} landmarks, the faces have {landmarks.shape[1]}")

    warnings: list[str] = []
    with_depth = protocol.dims == 3 and landmarks.shape[2] == 3 and predictions.shape[2] == 3
    if protocol.dims == 3 and not with_depth:
        who = "the predictions" if landmarks.shape[2] == 3 else "the data"
        warnings.append(f"{who} have no depth: the metrics of depth are left out")
    names = [*protocol.metrics, *(["NME_visible"] if visible is not None else []), *metrics]
    extra, failed = metrics_of_users(names)
    asked = resolve_metrics(names)
    deep = [m.name for m in asked if m.spec.dims == 3]
    if protocol.dims < 3 and deep:
        raise UserError(
            f"protocol {protocol.name!r} compares x and y only (dims: 2), so it has no {', '.join(deep)}: give it "
            "'dims: 3', or leave the metric out"
        )
    chosen = [m for m in [*asked, *extra] if with_depth or m.spec.dims < 3]
    optional = {m.name for m in extra}

    masks = dict(subsets or {})
    if yaw is not None:
        masks = {**yaw_subsets(np.asarray(yaw), protocol), **masks}
    masks = check_subsets(masks, n)
    if with_intersections:
        masks.update(intersections(masks))
    masks = choose(masks, list(only))
    masks = {"full": np.ones(n, dtype=bool), **masks}

    if confidence is not None and np.shape(confidence) != np.shape(landmarks)[:2]:
        raise UserError(f"confidences must have the shape {np.shape(landmarks)[:2]}, found {np.shape(confidence)}")
    boxes = (bbox, box_size, image_size)
    inputs = Inputs(face_ids, landmarks, predictions, protocol, schema, with_depth, visible, *boxes, confidence)
    columns = compute_columns(inputs, chosen, masks, optional)
    if not columns.kept.any():
        first = columns.excluded[0]
        raise UserError(f"none of the {n} faces can be scored: {first['id']!r}: {first['reason']}")
    masks = {name: mask[columns.kept] for name, mask in masks.items()}
    rows, breakdown = _Rows(inputs, columns, chosen, optional, resamples, seed).all(masks)
    warnings += [f"left out: {reason}" for reason in {**failed, **columns.failed}.values()]
    for name, count in columns.undefined.items():
        warnings.append(
            f"metric {name!r} is undefined for {count} of the {len(columns.nme)} faces, and leaves them out"
        )
    warnings += [f"subset {name!r} is empty" for name, mask in masks.items() if not mask.any()]
    document: dict[str, Any] = {
        "protocol": protocol.name,
        "protocol_version": protocol.version,
        "schema": None if schema is None else schema.name,
        "norm": protocol.norm,
        "n": len(columns.nme),
        "excluded": columns.excluded,
        "subsets": rows,
        "breakdown": breakdown,
        "metrics": {m.name: m.facts() for m in chosen if any(m.name in row for row in rows.values())},
        "bootstrap": {"resamples": resamples, "seed": seed, "level": bootstrap.LEVEL},
    }
    if warnings:
        document["warnings"] = warnings
    return Evaluation(document, _error_columns(inputs.ids[columns.kept], columns, masks))


class _Rows:
    """Makes the row of each subset: values, intervals, breakdown."""

    def __init__(
        self, inputs: Inputs, columns: Columns, metrics: list[Metric], optional: set[str], resamples: int, seed: int
    ) -> None:
        self.inputs, self.columns = inputs, columns
        self.metrics = [m for m in metrics if m.name not in columns.failed]
        self.optional, self.resamples, self.seed = optional, resamples, seed
        self.draws: dict[str, dict[str, np.ndarray]] = {}
        averaged = [m.name for m in self.metrics if m.over == "face"] + [w for w in columns.where if ":" in w]
        self.averaged = {name: columns.where[name] for name in averaged}

    def all(self, masks: Mapping[str, np.ndarray]) -> tuple[dict[str, Any], dict[str, Any]]:
        rows, breakdown = {}, {}
        for i, (name, mask) in enumerate(masks.items()):
            rows[name], parts = self.row(name, mask)
            if rows[name]["n"]:
                per_landmark = [float(v) if math.isfinite(v) else None for v in self.columns.landmark_means[i]]
                breakdown[name] = {**parts, "landmark": per_landmark}
        balanced = self.balanced(rows)
        if balanced:
            rows["balanced"] = balanced
        return rows, breakdown

    def row(self, subset: str, mask: np.ndarray) -> tuple[dict[str, Any], dict[str, Any]]:
        n = int(mask.sum())
        if n == 0:
            return {"n": 0}, {}
        values = self.columns.values if mask.all() else self.columns.values[mask]
        used = np.concatenate([np.arange(p.start, p.stop) for p in self.averaged.values()])
        sample = values[:, used]
        faces = bootstrap.name_of(mask)
        rng = bootstrap.generator(self.seed, faces)
        means, drawn = _means(sample), bootstrap.resampled_means(sample, self.resamples, rng)
        place: dict[str, slice] = {}
        at = 0
        for name, p in self.averaged.items():
            place[name] = slice(at, at + p.stop - p.start)
            at = place[name].stop
        row: dict[str, Any] = {"n": n}
        self.draws[subset] = {}
        for metric in self.metrics:
            rng = bootstrap.generator(self.seed, f"{faces}/{metric.name}")  # no interval depends on other metrics
            if metric.over in ("set", "weights"):
                estimate = self.over_set(metric, subset, mask, rng)
            elif metric.over == "quantile":
                column = values[:, self.columns.where[metric.name]].ravel()
                column, q = column[~np.isnan(column)], (metric.parameter or 0.0) / 100
                draws = bootstrap.resampled_quantiles(column, q, self.resamples, rng) if len(column) else column
                estimate = _estimate(np.quantile(column, q) if len(column) else math.nan, draws)
            else:
                where = place[metric.name]
                draws = metric.finished(drawn[:, where])
                estimate = _estimate(metric.finished(means[None, where])[0], draws)
                if metric.linear:
                    self.draws[subset][metric.name] = draws
            if estimate is not None:
                row[metric.name] = estimate
        assert_bounds(row, f"subset {subset!r}")
        parts: dict[str, Any] = {}
        for name, where in place.items():
            kind, _, part = name.partition(":")
            if part:
                parts.setdefault(kind, {})[part] = _estimate(means[where.start], drawn[:, where.start])
        return row, parts

    def over_set(
        self, metric: Metric, subset: str, mask: np.ndarray, rng: np.random.Generator
    ) -> dict[str, Any] | None:
        rows = np.flatnonzero(self.columns.kept)[mask]
        faces = self.inputs.faces(rows)[0]
        try:
            value = metric(faces)[0, 0]
            draws = np.empty(self.resamples)
            weighted = metric.weighted(faces) if metric.over == "weights" else None
            for i in range(self.resamples):
                sample = rng.integers(0, len(faces), size=len(faces))
                if weighted is None:
                    draws[i] = metric(faces.take(sample))[0, 0]
                else:
                    draws[i] = weighted(np.bincount(sample, minlength=len(faces)).astype(np.float64))
        except PfError as error:
            if metric.name not in self.optional:
                raise
            self.columns.failed[metric.name] = str(error)
            return None
        if not math.isfinite(value):
            self.columns.failed[f"{subset}/{metric.name}"] = f"metric {metric.name!r} is undefined for {subset!r}"
        return _estimate(value, draws)

    def balanced(self, rows: Mapping[str, Any]) -> dict[str, Any] | None:
        bins = self.inputs.protocol.balanced
        if not bins or not all(rows.get(name, {}).get("n") for name in bins):
            return None
        row: dict[str, Any] = {"n": sum(rows[name]["n"] for name in bins)}
        for metric in self.metrics:
            if metric.linear:
                value = np.mean([rows[name][metric.name]["value"] for name in bins])
                draws = np.mean([self.draws[name][metric.name] for name in bins], axis=0)
                row[metric.name] = _estimate(value, draws)
        assert_bounds(row, "subset 'balanced'")
        return row


def assert_bounds(row: Mapping[str, Any], where: str) -> None:
    """Check ``1 - NME/t <= AUC@t <= 1 - FR@t`` for every t that a row of percentages holds.

    Raises:
        WorkError: a bound is broken, so that one of the numbers is wrong.
    """
    slack = 1e-9
    for name, estimate in row.items():
        if not name.startswith("AUC@"):
            continue
        t, auc = float(name[4:]), estimate["value"]
        failures, nme = row.get(f"FR@{name[4:]}"), row.get("NME")
        if failures is not None and auc > 100 - failures["value"] + slack:
            raise WorkError(f"{where}: {name} = {auc} is above 100 - FR@{name[4:]} = {100 - failures['value']}")
        if nme is not None and auc < 100 * (1 - nme["value"] / t) - slack:
            raise WorkError(f"{where}: {name} = {auc} is below 100 (1 - NME/{t:g}) = {100 * (1 - nme['value'] / t)}")


def _check_shapes(landmarks: Rows, predictions: Rows) -> int:
    for what, array in (("true landmarks", landmarks), ("predictions", predictions)):
        if np.ndim(array) != 3 or np.shape(array)[2] not in (2, 3):
            raise UserError(f"{what} must have the shape [faces, landmarks, 2 or 3], found {np.shape(array)}")
    if landmarks.shape[:2] != predictions.shape[:2]:
        raise UserError(
            f"predictions are {predictions.shape[1]} landmarks of {predictions.shape[0]} faces, "
            f"the truth is {landmarks.shape[1]} landmarks of {landmarks.shape[0]}"
        )
    if not len(landmarks):
        raise UserError("there are no faces to score")
    return len(landmarks)


def _means(values: np.ndarray) -> np.ndarray:
    """Column means over the defined (not NaN) entries; NaN where there are none."""
    means = values.mean(axis=0)
    for k in np.flatnonzero(np.isnan(means)):
        known = values[~np.isnan(values[:, k]), k]
        means[k] = known.mean() if len(known) else np.nan
    return means


def _estimate(value: Any, draws: np.ndarray) -> dict[str, Any] | None:
    if not math.isfinite(value):
        return None
    return {"value": float(value), "ci95": bootstrap.interval(draws)}


def _error_columns(ids: np.ndarray, columns: Columns, masks: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    out = {"id": ids, "nme": columns.nme, "norm": columns.norm}
    if columns.gte is not None:
        out["gte"] = columns.gte
    out.update({f"e{i}": e for i, e in enumerate(columns.landmark_errors.T)})
    out.update({f"subset:{name}": mask for name, mask in masks.items()})
    return out
