"""Face boxes that a detector found once (``pfbench data prepare``), kept beside the index cache, for every later use.

The table is ParFace's: ``image_path, x1, y1, x2, y2, scale`` (the detector's score), and ``id``, a row per face.
"""

from __future__ import annotations

import csv
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.atomic import write_atomic
from parface_bench.data import cache
from parface_bench.data.images.reading import read_image
from parface_bench.data.readers.box_table import parse_boxes
from parface_bench.home import home
from parface_bench.progress import progress
from parface_bench.registry.errors import UserError

HEADING = ["image_path", "x1", "y1", "x2", "y2", "scale", "id"]


def table_of(dataset: str, root: str | Path) -> Path:
    """Where the boxes detected in a data set's folder are kept; two folders may hold pictures of the same names."""
    return home() / "boxes" / f"{dataset}-{cache.digest(str(Path(root).resolve()))[:8]}.csv"


def attach(frame: pd.DataFrame, dataset: str) -> pd.DataFrame:
    """The index table with the boxes found earlier as ``bbox_detector``, where a face has none.

    A face with neither box nor landmarks gets it as ``bbox`` too: that of an annotated face is never a detector's.
    ``frame.attrs["root"]`` says which folder's boxes.
    """
    file = table_of(dataset, frame.attrs["root"])
    if not file.is_file():
        return frame
    boxes = parse_boxes(file.read_bytes(), str(file))
    if "id" not in boxes:
        raise UserError(f"{file}: lacks the column id; make it again with 'pfbench data prepare {dataset}'")
    known = dict(zip(boxes["id"], boxes["bbox"], strict=True))
    found = [known.get(id) for id in frame["id"]]
    own = frame["bbox_detector"] if "bbox_detector" in frame else [None] * len(frame)
    filled = [new if box is None else box for box, new in zip(own, found, strict=True)]
    frame["bbox_detector"] = pd.Series(filled, index=frame.index, dtype=object)
    rows = zip(frame["bbox"], frame["landmarks"], found, strict=True)
    faces = [new if box is None and marks is None else box for box, marks, new in rows]
    frame["bbox"] = pd.Series(faces, index=frame.index, dtype=object)
    return frame


def prepare(frames: Iterable[pd.DataFrame], detector: Any, file: Path) -> tuple[int, list[str]]:
    """Find the face of every row of some index tables and write the table of boxes.

    An interrupted run goes on where it stopped: rows are kept in ``FILE.part`` until all are done. Faces that are in
    the table already are not looked for again.

    Args:
        frames: index tables, with ``attrs["root"]``.
        detector: has ``detect(image) -> float [N, 5]`` (x1, y1, x2, y2, score), as methods with task 'detection'.
        file: table to write.

    Returns:
        Number of faces found, and the ids of those that were not.

    Raises:
        UserError: the table cannot be written.
    """
    part = file.with_name(file.name + ".part")
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        if file.is_file() and not part.exists():
            shutil.copyfile(file, part)
        done = _done(part)
        with part.open("a", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            if not part.stat().st_size:
                writer.writerow(HEADING)
            for frame in frames:
                rows = [r for r in frame.itertuples(index=False) if str(r.id) not in done]
                done.update(str(row.id) for row in rows)  # splits may share faces
                for row in progress(rows, "finding faces", long=50):
                    found = detector.detect(read_image(frame.attrs["root"], row.image))
                    box = choose(np.asarray(found, dtype=np.float64).reshape(-1, 5), row)
                    writer.writerow(
                        [row.image, *(["", "", "", "", ""] if box is None else map(repr, box.tolist())), row.id]
                    )
                    out.flush()
        table = pd.read_csv(part, dtype={"image_path": str, "id": str})
        missing = table[table["x1"].isna()]["id"].unique().tolist()
        table = table.dropna(subset=["x1"]).drop_duplicates("id")
        write_atomic(file, table.to_csv(index=False))
        part.unlink()
    except OSError as error:
        raise UserError(f"{file}: cannot be written ({error.strerror}); give another place with --out") from None
    return len(table), missing


def choose(found: np.ndarray, row: Any) -> np.ndarray | None:
    """Of the detections [N, 5] in a picture the one that is the row's face, or None.

    It is the one that overlaps most with the annotated box or the landmarks' own, and, where the face has neither, the
    one of the highest score.
    """
    found = found[np.isfinite(found).all(axis=1)]
    truth = row.bbox
    if truth is None and row.landmarks is not None:
        truth = np.concatenate([np.nanmin(row.landmarks[:, :2], axis=0), np.nanmax(row.landmarks[:, :2], axis=0)])
    if not len(found):
        return None
    if truth is None:
        return found[np.argmax(found[:, 4])]
    low, high = np.maximum(found[:, :2], truth[:2]), np.minimum(found[:, 2:4], truth[2:])
    common = np.prod(np.clip(high - low, 0, None), axis=1)
    union = np.prod(found[:, 2:4] - found[:, :2], axis=1) + np.prod(truth[2:] - truth[:2]) - common
    overlap = common / np.maximum(union, 1e-9)
    return found[np.argmax(overlap)] if overlap.max() > 0 else None


def _done(part: Path) -> set[str]:
    """Ids in an unfinished table; a row that was cut off is taken away."""
    if not part.is_file():
        return set()
    lines = part.read_bytes().split(b"\n")
    write_atomic(part, b"".join(line + b"\n" for line in lines[:-1]))
    return {row["id"] for row in csv.DictReader(part.open(newline="", encoding="utf-8")) if row.get("id")}
