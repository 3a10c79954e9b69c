"""Faces as files: one CSV table, one JSON document, or a .pts file for each face."""

from __future__ import annotations

import csv
import io
import json
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from parface_bench import outputs
from parface_bench.predicting.predict import Face
from parface_bench.registry.errors import WorkError

FORMATS = ("csv", "pts", "json")
TABLE, DOCUMENT = "predictions.csv", "predictions.json"


def table(faces: Sequence[Face], landmarks: int, dims: int) -> str:
    """CSV, a row per face: what ``pfbench score --pred`` reads, with box, confidence and reason beside it.

    Columns: id, x0, y0[, z0], ..., image, frame, seconds, track, bbox_x1, ..., score, confidence, c0, ..., reason.
    Empty fields where there is nothing.
    """
    confident = any(face.sure is not None for face in faces)
    video = any(face.frame >= 0 for face in faces)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(
        [
            "id",
            *(f"{axis}{i}" for i in range(landmarks) for axis in "xyz"[:dims]),
            "image",
            *(("frame", "seconds", "track") if video else ()),
            *("bbox_x1", "bbox_y1", "bbox_x2", "bbox_y2", "score", "confidence"),
            *((f"c{i}" for i in range(landmarks)) if confident else ()),
            "reason",
        ]
    )
    for face in faces:
        points = np.full((landmarks, dims), np.nan) if face.points is None else face.points
        box = np.full(4, np.nan) if face.box is None else face.box
        sure = np.full(landmarks, np.nan) if face.sure is None else face.sure
        mean = float("nan") if face.sure is None else float(face.sure.mean())
        writer.writerow(
            [
                face.id,
                *(_number(v, 4) for v in points.ravel()),
                face.image,
                *((face.frame, _number(face.seconds, 4), face.track if face.track >= 0 else "") if video else ()),
                *(_number(v, 2) for v in box),
                _number(face.score, 4),
                _number(mean, 4),
                *((_number(v, 4) for v in sure) if confident else ()),
                face.reason,
            ]
        )
    return out.getvalue()


def document(faces: Sequence[Face], model: str, schema: str) -> dict[str, Any]:
    """The same as plain values for JSON; None where there is nothing."""
    return {
        "model": Path(model).name if Path(model).is_absolute() else model,
        "schema": schema,
        "coordinates": "pixels of the stored image, 0-based pixel centres, x right, y down",
        "faces": [
            {
                "id": face.id,
                "image": face.image,
                **({"frame": face.frame, "seconds": face.seconds, "track": face.track} if face.frame >= 0 else {}),
                "bbox": None if face.box is None else face.box.round(2).tolist(),
                "score": None if math.isnan(face.score) else round(face.score, 4),
                "landmarks": None if face.points is None else face.points.round(4).tolist(),
                "confidence": None if face.sure is None else np.round(face.sure, 4).tolist(),
                "reason": face.reason or None,
            }
            for face in faces
        ],
    }


def pts(points: np.ndarray) -> str:
    """A .pts file (iBUG): x, y of each landmark, 1-based."""
    rows = "\n".join(f"{x + 1:.4f} {y + 1:.4f}" for x, y in points[:, :2])
    return f"version: 1\nn_points: {len(points)}\n{{\n{rows}\n}}\n"


def write(
    faces: Sequence[Face], folder: Path, form: str, *, landmarks: int, dims: int, model: str, schema: str
) -> Path:
    """Write the faces into a folder, each file whole or not at all.

    Returns:
        The table or document; for ``pts`` the table too, which says what the .pts files cannot (boxes, reasons).

    Raises:
        WorkError: the folder cannot be written.
    """
    if form == "json":
        return put(folder / DOCUMENT, json.dumps(document(faces, model, schema), ensure_ascii=False, indent=1) + "\n")
    if form == "pts":
        for face in faces:
            if face.points is not None:
                put(folder / f"{below(face.id)}.pts", pts(face.points))
    return put(folder / TABLE, table(faces, landmarks, dims))


def below(name: str) -> str:
    """A face's name as a path below the folder of results, whatever it was made of."""
    parts = [p for p in Path(name).parts if p not in ("..", ".", "/", "\\") and not p.endswith((":\\", ":/"))]
    return "/".join(parts) or "picture"


def put(path: Path, content: str | bytes) -> Path:
    """Write a file, whole or not at all."""
    try:
        outputs.write(path, content, flush=False)
    except OSError as error:
        raise WorkError(f"{path}: cannot be written ({error.strerror}); give another folder with --out") from None
    return path


def _number(value: float, digits: int) -> str:
    return "" if not np.isfinite(value) else f"{value:.{digits}f}".rstrip("0").rstrip(".")
