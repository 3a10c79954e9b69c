"""300W: 68 landmarks on photographs found in the wild, the field's standard test."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from parface_bench import dataset
from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import read_bytes, walk
from parface_bench.data.index import index
from parface_bench.data.readers.beside import pairs
from parface_bench.data.readers.mat import load_mat
from parface_bench.data.readers.pts import parse_pts
from parface_bench.faces.hub import IBUG68
from parface_bench.registry.errors import UserError

PUBLIC = ("300w:train", "300w:common", "300w:challenging", "300w:full")
TRAIN = ("afw", "helen/trainset", "lfpw/trainset")
COMMON = ("helen/testset", "lfpw/testset")
CHALLENGING = ("ibug",)
PRIVATE = ("private/indoor", "private/outdoor")
SPLITS = {
    "train": TRAIN,
    "common": COMMON,
    "challenging": CHALLENGING,
    "full": COMMON + CHALLENGING,
    "private": PRIVATE,
}


@dataset(
    "300w",
    summary="300 Faces in the Wild: 68 landmarks, common, challenging and private test sets",
    reference="https://ibug.doc.ic.ac.uk/resources/300-W/",
    licence="research only",
    layout=IBUG68,
    splits=("train", "common", "challenging", "full", "private"),
    test_splits=("full",),
    protocol="300w",
    subsets={
        "common": "HELEN test (330) and LFPW test (224)",
        "challenging": "iBUG (135)",
        "full": "common and challenging (689)",
        "private": "the 300-W challenge's own test set: 300 indoor and 300 outdoor faces",
    },
    counts={"train": 3148, "common": 554, "challenging": 135, "full": 689, "private": 600},
    overlaps={"full": ("300w:common", "300w:challenging")},
    citation="Sagonas et al., 300 Faces In-The-Wild Challenge: database and results, IMAVIS 2016",
    how_to_get="download all parts of https://ibug.doc.ic.ac.uk/resources/300-W/ and unpack them into one folder",
    config_key="w300",
)
def w300(root: Path, split: str) -> pd.DataFrame:
    """300W from its ``.pts`` files beside the pictures, in folders named as distributed or repackaged, or in tars."""
    sources = SPLITS[split]
    labels = faces(root, sources)
    labels["common"] = labels["source"].isin(COMMON)
    labels["challenging"] = labels["source"].isin(CHALLENGING)
    tags = ["source"]
    if split == "full":
        tags += [tag for tag in ("common", "challenging") if labels[tag].any()]
    frame = index(
        labels,
        image="image",
        landmarks="landmarks",
        bbox="bbox",
        id="id",
        split=split,
        tags=tags,
        bbox_detector="bbox_detector",
    )
    frame.attrs["notes"] = absent(labels, sources)
    return frame


def source_of(ref: str) -> str:
    """The source set (``helen/testset``, ``private/indoor``, ...) that a file belongs to by its folders; '' if none.

    Understands the distributed names and those of copies (``train/helen``, ``HELEN_testset``, ``01_Indoor``).
    """
    folders = ref.lower().rsplit("/", 1)[0] if "/" in ref else ""
    words = set(re.findall(r"[a-z]+", folders))
    if words & {"indoor", "outdoor"}:
        return "private/indoor" if "indoor" in words else "private/outdoor"
    for name in ("helen", "lfpw"):
        if name in words:
            part = next((p for p in ("trainset", "testset") if p in words or p[:-3] in words), "")
            return f"{name}/{part}" if part else ""
    return next((name for name in ("ibug", "afw") if name in words), "")


def faces(root: Path, sources: tuple[str, ...], points: int = 68) -> pd.DataFrame:
    """Faces of the source sets named, as far as they are below the root.

    Returns:
        Columns ``id`` (``helen/testset/296814969_3``, the same whatever the folders are called), ``image``, ``source``,
        ``landmarks`` [68, 2], ``bbox`` and ``bbox_detector`` ([4] or None, from ``bounding_boxes_*.mat``).
    """
    boxes = _boxes(root, sources)
    rows = []
    for name, picture, annotation in pairs(root, ".pts"):
        source = source_of(name)
        if source not in sources:
            continue
        with tolerant():
            landmarks = parse_pts(read_bytes(root, annotation), str(root / annotation), points)
            file = picture.rsplit("/", 1)[-1]
            truth, detected = boxes.get((source, file), (None, None))
            stem = name.rsplit("/", 1)[-1]
            rows.append((f"{source}/{stem}", picture, source, landmarks, truth, detected))
    return pd.DataFrame(rows, columns=["id", "image", "source", "landmarks", "bbox", "bbox_detector"])


def absent(labels: pd.DataFrame, sources: tuple[str, ...]) -> list[str]:
    """The sentence about source sets that are not there, if any."""
    gone = [s for s in sources if s not in set(labels["source"])]
    return [f"300W is incomplete: {', '.join(gone)} missing, the rest is used"] if gone and len(labels) else []


def _boxes(root: Path, sources: tuple[str, ...]) -> dict[tuple[str, str], tuple[np.ndarray, np.ndarray]]:
    """(source set, picture's file name) -> (true box, detector's box), float64 [4] x1, y1, x2, y2, 0-based."""
    boxes = {}
    for ref in walk(root, {".mat"}):
        words = re.fullmatch(r"bounding_boxes_([a-z]+)_?([a-z]*)\.mat", ref.rsplit("/", 1)[-1].lower())
        source = "/".join(filter(None, words.groups())) if words else ""
        if source not in sources:
            continue
        with tolerant():
            for name, detected, truth in _box_rows(read_bytes(root, ref), str(root / ref)):
                boxes[source, name] = (truth - 1.0, detected - 1.0)
    return boxes


def _box_rows(data: bytes, where: str) -> list[tuple[str, np.ndarray, np.ndarray]]:
    mat = load_mat(data, where, ["bounding_boxes"])
    rows = []
    try:
        for item in mat["bounding_boxes"].ravel():
            record = item[0, 0]
            name = str(record["imgName"].ravel()[0])
            sides = [np.asarray(record[k], dtype=np.float64).ravel() for k in ("bb_detector", "bb_ground_truth")]
            if any(s.shape != (4,) or not np.isfinite(s).all() for s in sides):
                raise ValueError(name)
            rows.append((name, sides[0], sides[1]))
    except (KeyError, ValueError, IndexError, TypeError, AttributeError):
        raise UserError(f"{where}: no table of boxes as 300W distributes it; get it again or remove it") from None
    return rows
