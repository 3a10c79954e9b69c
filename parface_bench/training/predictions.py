"""Predictions of a method for all faces of an index table, as a table, and scored."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.data.batches.loader import FaceLoader
from parface_bench.data.index import stack
from parface_bench.evaluation import score_index
from parface_bench.faces import Schema, convert, converts, embed, get_schema
from parface_bench.methods.base import Method
from parface_bench.methods.inference import predict_loader, predict_rows
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import UserError
from parface_bench.scoring import Evaluation, Protocol
from parface_bench.training import distributed
from parface_bench.training.progress import Progress


def predict_all(method: Method, frame: pd.DataFrame, recipe: Mapping[str, Any], progress: Progress) -> np.ndarray:
    """Predictions [N, L, 2|3] for all faces of a table; each process does its share, and all get the whole."""
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
                part = predict_loader(method, loader, flip_test=flip, tick=progress.advance)
            else:
                size = int(settings["batch_size"])
                part = predict_rows(method, frame, mine, batch_size=size, tick=progress.advance)
    return interleave(distributed.gather(part), len(frame))


def interleave(parts: Sequence[np.ndarray | None], total: int) -> np.ndarray:
    """The whole of what the processes did: process r has rows r, r + world, ..., or None where it had none."""
    shape = next(p.shape[1:] for p in parts if p is not None)
    whole = np.empty((total, *shape))
    for rank, rows in enumerate(parts):
        if rows is not None:
            whole[rank :: len(parts)] = rows
    return whole


def prediction_table(frame: pd.DataFrame, predictions: np.ndarray) -> pd.DataFrame:
    """Predictions as the table of docs/running.md: ``id, x0, y0[, z0], x1, ...``, pixels of the pictures."""
    axes = "xyz"[: predictions.shape[2]]
    names = [f"{axis}{i}" for i in range(predictions.shape[1]) for axis in axes]
    table = pd.DataFrame(predictions.reshape(len(predictions), -1), columns=names)
    table.insert(0, "id", frame["id"].to_numpy())
    return table


def read_predictions(path: Path, frame: pd.DataFrame) -> np.ndarray | None:
    """What :func:`prediction_table` wrote, [N, L, 2|3]; None where it is not there or of other faces."""
    try:
        table = pd.read_parquet(path)
    except (OSError, ValueError):
        return None
    if "id" not in table or list(table["id"]) != list(frame["id"]):
        return None
    values = table.drop(columns="id").to_numpy(dtype=np.float64)
    return values.reshape(len(table), -1, 3 if "z0" in table else 2)


def score_faces(
    frame: pd.DataFrame, predictions: np.ndarray, protocol: Protocol, schema: str | Schema = "", **options: Any
) -> Evaluation:
    """Score predictions for an index table.

    Faces that the method has not found (NaN) are excluded and named; landmarks that its schema has not, for which it
    has NaN in every face, are left out of the truth and named.

    Args:
        frame: index table.
        predictions: [N, L, 2|3], pixels of the pictures, in ``schema``; never changed.
        protocol: how to score.
        schema: the predictions' schema, '' where it is the table's.
        options: further arguments of :func:`parface_bench.evaluation.score_index`.

    Raises:
        UserError: no face was found, or see :func:`score_index`.
    """
    own = frame.attrs["schema"]
    if schema and get_schema(schema).name != own:
        there = converts(schema, own) or not converts(own, schema)
        predictions = (convert if there else embed)(predictions, schema, own)
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
    evaluation = score_index(part, predictions, protocol, **options)
    document = evaluation.document
    lost = [str(name) for name in frame["id"][~found]]
    document["excluded"] += [{"id": name, "reason": "the method did not find this face"} for name in lost]
    if lost:
        document.setdefault("warnings", []).append(f"{len(lost)} of {len(frame)} faces were not found by the method")
    if unmapped.any():
        document["unmapped"] = np.flatnonzero(unmapped).tolist()
        document.setdefault("warnings", []).append(
            f"{int(unmapped.sum())} landmarks that the method's own schema has not are left out of its scores"
        )
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
