"""Scoring of tables: an index with predictions of a method, or two files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from parface_bench.faces import get_schema
from parface_bench.registry import UserError
from parface_bench.scoring.metrics import resolve_metrics
from parface_bench.scoring.protocol import Protocol, load_protocol, protocol_names, protocol_of
from parface_bench.scoring.row_file import Rows, taken
from parface_bench.scoring.scorer import RESAMPLES, Evaluation, evaluate
from parface_bench.scoring.subsets import index_subsets

if TYPE_CHECKING:
    import pandas as pd

    from parface_bench.data.tables import LandmarkTable


PIECE = 65536  # faces of a large table that are looked at together


def score_index(
    index: pd.DataFrame,
    predictions: Rows,
    protocol: str | Path | Protocol,
    *,
    confidence: Rows | None = None,
    metrics: Iterable[str] = (),
    only: Iterable[str] = (),
    with_intersections: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Score predictions for the faces of an index table.

    Args:
        index: as :mod:`parface_bench.data.index` describes it; its tags, its yaw and the plugins make the subsets.
        predictions: [N, L, 2|3] in the rows' order, pixels of the stored image.
        protocol: name, file or object.
        confidence: [N, L] how sure the predictions are, for metrics that judge that.
        metrics: names of metrics beside the protocol's.
        only: names of the subsets to report; all where empty.
        with_intersections, resamples, seed: see :func:`evaluate`.

    Raises:
        UserError: see :func:`evaluate`; or the index has no landmarks.
    """
    from parface_bench.data.index import stack

    protocol = load_protocol(protocol)
    truth = stack(index)
    schema = _layout_of(index.attrs.get("schema", ""), protocol, truth.shape[1])
    columns = set(index.columns)

    def numbers(name: str) -> np.ndarray | None:
        if name not in columns:
            return None
        return index[name].to_numpy(dtype=np.float64, na_value=np.nan)

    visible = bbox = None
    if "visible" in columns and index["visible"].notna().any():
        seen = [np.ones(truth.shape[1], dtype=bool) if v is None else v for v in index["visible"]]
        visible = np.stack(seen).astype(bool)
    if "bbox" in columns and index["bbox"].notna().any():
        bbox = np.stack([np.full(4, np.nan) if b is None else b for b in index["bbox"]])
    return evaluate(
        truth,
        np.asarray(predictions),
        protocol,
        ids=index["id"].to_numpy(dtype=object),
        schema=schema,
        visible=visible,
        confidence=confidence,
        bbox=bbox,
        box_size=numbers("box_size"),
        image_size=numbers("image_size"),
        subsets=index_subsets(index, protocol),
        metrics=metrics,
        only=only,
        with_intersections=with_intersections,
        resamples=resamples,
        seed=seed,
    )


def score_tables(
    pred: str | Path,
    gt: str | Path | None = None,
    *,
    dataset: str | None = None,
    protocol: str | Path | Protocol | None = None,
    split: str | None = None,
    data_root: str | Path | None = None,
    base: float = 0,
    pred_base: float = 0,
    without_depth: bool = False,
    exclude_missing: bool = False,
    metrics: Iterable[str] = (),
    only: Iterable[str] = (),
    with_intersections: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Evaluation:
    """Score a table of predictions against a table of true landmarks or a data set; rows are matched by id.

    Args:
        pred: CSV or Parquet, see :mod:`parface_bench.data.tables`.
        gt: the same with the true landmarks; or
        dataset: name of a data set, or ``DATASET:SPLIT``, with its ``split`` (default: its test splits) and
            ``data_root``.
        protocol: name, file or object; default that of the data set.
        base: what the table of true landmarks, or the data set's, calls the first pixel (0 or 1).
        pred_base: the same of the predictions; those of ``pfbench`` are 0-based.
        without_depth: leave out the metrics of depth where the protocol compares depth and the predictions have none.
        exclude_missing: faces without prediction (no row, or one without coordinates) are excluded, counted and named,
            as those that a method of ``run`` does not find; otherwise they are an error.
        metrics: names of metrics beside the protocol's; those of confidence read the columns c0, c1, ... of ``pred``.
        only, with_intersections, resamples, seed: see :func:`score_index`.

    Returns:
        The evaluation; its document also names ``dataset`` and ``data_fingerprint``.

    Raises:
        UserError: a file is wrong, ids do not match, the landmarks do not fit the protocol.
    """
    from parface_bench.data.index import stack
    from parface_bench.data.own_layouts import find_layout
    from parface_bench.data.tables import align, read_table

    if (gt is None) == (dataset is None):
        raise UserError("say what to score against: either a table (--gt) or a data set (--dataset)")
    wanted = resolve_metrics(metrics)
    options: dict[str, Any] = {
        "metrics": [metric.name for metric in wanted],
        "only": only,
        "with_intersections": with_intersections,
        "resamples": resamples,
        "seed": seed,
    }
    sure = any(metric.spec.of == "confidence" for metric in wanted)
    reading: dict[str, Any] = {"gaps": exclude_missing, "base": pred_base, "confidence": sure, "large": True}
    if dataset is not None:
        index, protocol = _dataset(dataset, split, data_root, protocol, base)
        predicted = read_table(pred, **reading)
        shape = stack(index).shape
        _check_fit(predicted, protocol, shape, f"data set {dataset!r}", without_depth)
        ids = index["id"].to_numpy(dtype=object)
        rows = align(predicted, ids, f"data set {dataset!r}", exclude_missing)
        there = _there(predicted, rows)
        options["confidence"] = _sure(predicted, rows[there])
        evaluation = score_index(_part(index, there), _ordered(predicted, rows[there]), protocol, **options)
        evaluation.scored = lambda: iter([(index, _whole(predicted, rows, there))])
        facts = {key: index.attrs[key] for key in ("dataset", "data_fingerprint", "split")}
    else:
        assert gt is not None
        if protocol is None:
            raise UserError(f"say how to score with --protocol NAME, one of: {', '.join(protocol_names())}")
        protocol = load_protocol(protocol)
        truth = read_table(gt, truth=True, base=base, large=True)
        points = truth.points.shape[1]
        schema = protocol.schema_for(points) or find_layout(Path(gt), points)[0]
        predicted = read_table(pred, **reading)
        _check_fit(predicted, protocol, truth.points.shape, str(gt), without_depth)
        ids = truth.ids
        rows = align(predicted, ids, str(gt), exclude_missing)
        there = _there(predicted, rows)
        scored = truth.take(there)
        evaluation = evaluate(
            scored.points,
            _ordered(predicted, rows[there]),
            protocol,
            ids=scored.ids,
            schema=schema,
            visible=scored.visible,
            bbox=scored.bbox,
            box_size=scored.numbers.get("box_size"),
            image_size=scored.numbers.get("image_size"),
            yaw=scored.numbers.get("yaw"),
            subsets=scored.subsets,
            confidence=_sure(predicted, rows[there]),
            **options,
        )
        layout = "" if schema is None else get_schema(schema).name
        evaluation.scored = lambda: _pieces(truth, layout, predicted, rows, there)
        facts = {"dataset": Path(gt).stem, "data_fingerprint": truth.fingerprint()}
    evaluation.document.update(facts)
    lost = [str(name) for name in ids[~there]]
    if lost:
        evaluation.document["excluded"] += [{"id": name, "reason": "no prediction"} for name in lost]
        warning = f"{len(lost)} of {len(ids)} faces have no prediction and are excluded"
        evaluation.document.setdefault("warnings", []).append(warning)
    return evaluation


def _dataset(
    name: str, split: str | None, root: str | Path | None, protocol: str | Path | Protocol | None, base: float
) -> tuple[pd.DataFrame, Protocol]:
    from parface_bench.data.index import fingerprint, join
    from parface_bench.data.source import load_index
    from parface_bench.registry import DATASETS, data_and_split

    name, split = data_and_split(name, split)
    spec = DATASETS.spec(name)
    splits = [split] if split else list(spec.test_splits)
    frames = [load_index(name, s, root=root, **({"base": base} if base else {})) for s in splits]
    index = join(frames) if len(frames) > 1 else frames[0]
    index.attrs.setdefault("schema", frames[0].attrs["schema"])
    index.attrs.update(dataset=frames[0].attrs.get("dataset", name), data_fingerprint=fingerprint(index), split=splits)
    return index, protocol_of(spec) if protocol is None else load_protocol(protocol)


def _layout_of(own: str, protocol: Protocol, points: int) -> str | None:
    """The layout under which a data set's landmarks are scored.

    Raises:
        UserError: the protocol is for others, though there may be as many of them.
    """
    if not protocol.schemas:
        return own or None
    fitting = protocol.schema_for(points)
    if own in protocol.schemas or not own or not get_schema(own).regions:
        return fitting
    raise UserError(
        f"protocol {protocol.name!r} scores landmarks of {' or '.join(protocol.schemas)}, these are {own!r}: score "
        "them under the protocol 'any'"
    )


def _check_fit(
    predicted: LandmarkTable, protocol: Protocol, shape: tuple[int, ...], truth: str, without_depth: bool
) -> None:
    found, (_, points, dims) = predicted.points.shape, shape
    protocol.schema_for(points)
    if found[1] != points:
        raise UserError(
            f"{predicted.path} has {found[1]} landmarks a face (x0 to x{found[1] - 1}), {truth} has {points}: "
            "predict the same landmarks, or convert them with parface_bench.faces.convert"
        )
    if protocol.dims == 3 and dims == 3 and found[2] == 2 and not without_depth:
        raise UserError(
            f"{predicted.path} has no depth (columns z0 to z{points - 1}), which protocol {protocol.name!r} compares: "
            "add them, or say --without-depth to score x and y only"
        )


def _there(predicted: LandmarkTable, rows: np.ndarray) -> np.ndarray:
    """Which faces have a prediction: bool [N] of their rows in the table (-1: none)."""
    there = rows >= 0
    for start in range(0, len(rows), PIECE):
        part = there[start : start + PIECE]  # a view
        part[part] = np.isfinite(predicted.points[rows[start : start + PIECE][part]]).all(axis=(1, 2))
    if not there.any():
        raise UserError(f"{predicted.path}: no face has landmarks, so there is nothing to score")
    return there


def _whole(predicted: LandmarkTable, rows: np.ndarray, there: np.ndarray) -> np.ndarray:
    """The predictions of all faces [N, L, D] in the truth's order, NaN where there is none."""
    whole = np.full((len(rows), *predicted.points.shape[1:]), np.nan)
    whole[there] = predicted.points[rows[there]]
    return whole


def _pieces(
    truth: LandmarkTable, layout: str, predicted: LandmarkTable, rows: np.ndarray, there: np.ndarray
) -> Iterator[tuple[pd.DataFrame, np.ndarray]]:
    for start in range(0, len(rows), PIECE):
        piece = slice(start, start + PIECE)
        yield truth.index(layout, piece), _whole(predicted, rows[piece], there[piece])


def _part(index: pd.DataFrame, kept: np.ndarray) -> pd.DataFrame:
    if kept.all():
        return index
    part = index[kept].reset_index(drop=True)
    part.attrs = dict(index.attrs)
    return part


def _sure(predicted: LandmarkTable, rows: np.ndarray) -> Rows | None:
    return None if predicted.confidence is None else taken(predicted.confidence, rows)


def _ordered(predicted: LandmarkTable, rows: np.ndarray) -> Rows:
    in_order = np.array_equal(rows, np.arange(len(predicted)))
    return predicted.points if in_order else taken(predicted.points, rows)
