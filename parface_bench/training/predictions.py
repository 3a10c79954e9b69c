"""Predictions of a method for all faces of an index table, as a table, and scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.clinical.paired import add_pairs
from parface_bench.data.batches.loader import FaceLoader
from parface_bench.data.index import stack
from parface_bench.evaluation import score_index
from parface_bench.faces import Schema, convert, converts, embed, get_schema
from parface_bench.methods.base import Method
from parface_bench.methods.inference import Found, predict_loader, predict_rows
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.progress import Progress
from parface_bench.registry import UserError
from parface_bench.scoring import Evaluation, Protocol
from parface_bench.training import distributed


def predict_all(
    method: Method, frame: pd.DataFrame, recipe: Mapping[str, Any], progress: Progress, confidence: str = "own"
) -> Found:
    """Predictions for all faces of a table, in its order; each process does its share, and all get the whole.

    ``confidence``: see :func:`parface_bench.methods.inference.find_tensor`.
    """
    rank, world = distributed.rank(), distributed.world()
    settings, mine = recipe["predict"], range(rank, len(frame), world)
    part = None
    if len(mine):
        with progress.task("predict", len(mine)):
            if isinstance(method, TrainableMethod):
                loader = FaceLoader(
                    [frame],
                    method.crop,
                    int(settings["batch_size"]),
                    rank=rank,
                    world=world,
                    workers=int(recipe["loading"]["workers"]),
                    cache="off",
                )
                flip = bool(settings["flip_test"])
                tick = progress.advance
                part = predict_loader(method, loader, flip_test=flip, confidence=confidence, tick=tick)
            else:
                size = int(settings["batch_size"])
                tick = progress.advance
                part = predict_rows(method, frame, mine, batch_size=size, confidence=confidence, tick=tick)
    parts: list[Found | None] = distributed.gather(part)
    points = interleave([None if p is None else p.points for p in parts], len(frame))
    first = next(p for p in parts if p is not None)
    if first.confidence is None:
        return Found(points)
    sure = interleave([None if p is None else p.confidence for p in parts], len(frame))
    return Found(points, sure, first.source)


def interleave(parts: Sequence[np.ndarray | None], total: int) -> np.ndarray:
    """The whole of what the processes did: process r has rows r, r + world, ..., or None where it had none."""
    shape = next(p.shape[1:] for p in parts if p is not None)
    whole = np.empty((total, *shape))
    for rank, rows in enumerate(parts):
        if rows is not None:
            whole[rank :: len(parts)] = rows
    return whole


def prediction_table(
    frame: pd.DataFrame, predictions: np.ndarray, confidence: np.ndarray | None = None
) -> pd.DataFrame:
    """Predictions as the table of docs/how-to/running.md: ``id, x0, y0[, z0], x1, ...``, pixels of the pictures.

    With the confidence [N, L] of each landmark as ``c0, c1, ...``.
    """
    axes = "xyz"[: predictions.shape[2]]
    names = [f"{axis}{i}" for i in range(predictions.shape[1]) for axis in axes]
    table = pd.DataFrame(predictions.reshape(len(predictions), -1), columns=names)
    table.insert(0, "id", frame["id"].to_numpy())
    if confidence is None:
        return table
    sure = pd.DataFrame(confidence, columns=[f"c{i}" for i in range(confidence.shape[1])])
    return pd.concat([table, sure], axis=1)


def read_predictions(path: Path, frame: pd.DataFrame) -> np.ndarray | None:
    """What :func:`prediction_table` wrote, [N, L, 2|3]; None where it is not there or of other faces."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError):
        return None
    if "id" not in table or list(table["id"]) != list(frame["id"]):
        return None
    names = [name for name in table if name[:1] in "xyz" and name[1:].isdecimal()]
    return table[names].to_numpy(dtype=np.float64).reshape(len(table), -1, 3 if "z0" in table else 2)


def score_faces(
    frame: pd.DataFrame,
    predictions: np.ndarray,
    protocol: Protocol,
    schema: str | Schema = "",
    confidence: np.ndarray | None = None,
    **options: Any,
) -> Evaluation:
    """Score predictions for an index table.

    Faces that the method has not found (NaN) are excluded and named; landmarks that its schema has not, for which it
    has NaN in every face, are left out of the truth and named. Data that declare pairs get their effects as well.

    Args:
        frame: index table.
        predictions: [N, L, 2|3], pixels of the pictures, in ``schema``; never changed.
        protocol: how to score.
        schema: the predictions' schema, '' where it is the table's.
        confidence: [N, L] of the predictions, in ``schema`` too.
        options: further arguments of :func:`parface_bench.evaluation.score_index`.

    Raises:
        UserError: no face was found, or see :func:`score_index`.
    """
    own = frame.attrs["schema"]
    if schema and get_schema(schema).name != own:
        there = converts(schema, own) or not converts(own, schema)
        translate = convert if there else embed
        predictions = translate(predictions, schema, own)
        if confidence is not None:  # as a coordinate: a landmark between two others is as sure as both on average
            confidence = translate(np.stack([confidence, confidence], axis=-1), schema, own)[..., 0]
    known = np.isfinite(predictions[..., :2]).all(axis=-1)
    if not known.any():
        raise UserError(f"the method found none of the {len(frame)} faces, so there is nothing to score")
    unmapped = ~known.any(axis=0)
    found = (known | unmapped).all(axis=1)
    part = frame[found].reset_index(drop=True)
    part.attrs = dict(frame.attrs)
    predictions = predictions[found]
    if unmapped.any():
        predictions = np.where(unmapped[None, :, None], 0.0, predictions)
        _leave_out(part, unmapped)
    sure = None if confidence is None else confidence[found]
    evaluation = score_index(part, predictions, protocol, confidence=sure, **options)
    document = evaluation.document
    lost = [str(name) for name in frame["id"][~found]]
    document["excluded"] += [{"id": name, "reason": "the method did not find this face"} for name in lost]
    if lost:
        document.setdefault("warnings", []).append(f"{len(lost)} of {len(frame)} faces were not found by the method")
    if unmapped.any():
        document["unmapped"] = np.flatnonzero(unmapped).tolist()
        document.setdefault("warnings", []).append(
            f"{int(unmapped.sum())} landmarks are missing from the method and left out of its scores"
        )
    add_pairs(document, evaluation.errors, part)
    return evaluation


def _leave_out(frame: pd.DataFrame, landmarks: np.ndarray) -> None:
    """Take landmarks out of the truth of a table, in place."""
    truth = stack(frame)
    truth[:, landmarks] = np.nan
    seen = np.ones(truth.shape[:2], dtype=bool)
    if "visible" in frame:
        seen = np.stack([np.ones(truth.shape[1], dtype=bool) if v is None else v for v in frame["visible"]])
    seen = seen & ~landmarks
    frame["landmarks"] = pd.Series(list(truth), index=frame.index, dtype=object)
    frame["visible"] = pd.Series(list(seen), index=frame.index, dtype=object)
