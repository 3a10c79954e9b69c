"""Validation while training: the held-out faces, scored as the run's protocol scores the test."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.data.batches.loader import FaceLoader
from parface_bench.faces import convert
from parface_bench.methods.inference import predict_loader
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.scoring import Protocol
from parface_bench.scoring.metrics import resolve_metric
from parface_bench.training import distributed, overlays

# Metrics that are shown after a validation, where the protocol has them, beside the one that decides.
_SHOWN = ("NME", "FR@10", "GTE")


class Validation:
    """Scores a method on faces that it does not learn from; the crops are kept decoded.

    Args:
        method: the method; its weights at the time of a call count.
        frame: held-out faces.
        protocol: how to score.
        recipe: ``predict``, ``loading`` and ``log.pictures`` are used.
        metric: that decides which weights are best.
        figures: folder for overlays of a few faces.
    """

    def __init__(
        self,
        method: TrainableMethod,
        frame: pd.DataFrame,
        protocol: Protocol,
        recipe: Mapping[str, Any],
        metric: str,
        figures: Path,
    ) -> None:
        self.method, self.protocol, self.metric = method, protocol, metric
        self.frame = _in_schema(frame, method.schema.name)
        self.higher_is_better = resolve_metric(metric).spec.higher_is_better
        self.flip_test = bool(recipe["predict"]["flip_test"])
        self.figures, self.shown = figures, int(recipe["log"]["pictures"])
        self.loader = FaceLoader(
            [self.frame],
            method.crop,
            int(recipe["predict"]["batch_size"]),
            rank=distributed.rank(),
            world=distributed.world(),
            workers=int(recipe["loading"]["workers"]),
            cache=recipe["loading"]["cache"],
            cache_gib=float(recipe["loading"]["cache_gib"]),
        )

    def __call__(self, name: str) -> dict[str, float]:
        """Metrics of the method as it is now, the same in every process; ``name`` names the overlays."""
        from parface_bench.training.predictions import interleave, score_faces

        mine = range(distributed.rank(), len(self.frame), distributed.world())
        found_here = predict_loader(self.method, self.loader, flip_test=self.flip_test) if len(mine) else None
        part = None if found_here is None else found_here.points
        found = interleave(distributed.gather(part), len(self.frame))
        extra = [] if self.metric in self.protocol.metrics else [self.metric]
        document = score_faces(self.frame, found, self.protocol, resamples=2, metrics=extra).document
        row = document["subsets"]["full"]
        if self.shown and distributed.rank() == 0:
            rows = np.linspace(0, len(self.frame) - 1, min(self.shown, len(self.frame))).round().astype(int)
            overlays.overlays(self.frame, found, rows, self.method.crop, self.figures / f"{name}.png")
        return {key: row[key]["value"] for key in dict.fromkeys((*_SHOWN, self.metric)) if row.get(key)}


def _in_schema(frame: pd.DataFrame, schema: str) -> pd.DataFrame:
    """The table with its landmarks in the method's schema, where they have another."""
    own = frame.attrs.get("schema", "")
    if not own or own == schema:
        return frame
    out = frame.drop(columns=[c for c in ("visible", "landmarks_2d") if c in frame])
    out["landmarks"] = pd.Series([convert(p, own, schema) for p in frame["landmarks"]], index=out.index, dtype=object)
    out.attrs = {**frame.attrs, "schema": schema}
    return out
