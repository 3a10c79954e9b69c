"""MERL-RAV: AFLW's pictures with 68 landmarks and three kinds of visibility."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench import dataset
from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import read_bytes
from parface_bench.data.index import index
from parface_bench.data.readers.beside import pairs
from parface_bench.data.readers.pts import parse_pts
from parface_bench.progress import progress
from parface_bench.registry.errors import UserError

VIEWS = ("frontal", "left", "lefthalf", "right", "righthalf")


@dataset(
    "merl-rav",
    summary="MERL-RAV: AFLW's pictures with 68 landmarks: seen, hidden by something, or by the head itself",
    reference="https://github.com/abhi1kumar/MERL-RAV_dataset",
    licence="AFLW's for the pictures, research only for the landmarks",
    schema="ibug68",
    protocol="300w",
    subsets={"view=...": "frontal, left, lefthalf, right, righthalf"},
    counts={"train": 15449, "test": 3865},
    overlaps={"train": ("aflw",), "test": ("aflw",)},  # in a split of its own
    citation="Kumar et al., LUVLi Face Alignment, CVPR 2020",
    how_to_get="get AFLW, then run the script of the MERL-RAV repository that arranges pictures and labels",
)
def merl_rav(root: Path, split: str) -> pd.DataFrame:
    """MERL-RAV as its own script arranges it: ``{frontal,left,...}/{trainset,testset}/*.jpg`` with ``.pts`` beside."""
    rows = []
    for name, picture, annotation in progress(pairs(root, ".pts"), "reading .pts files"):
        folders = name.split("/")[:-1]
        if f"{split}set" not in folders:
            continue
        with tolerant():
            view = next((v for v in VIEWS if v in folders), "")
            landmarks, visible = parse_visibility(read_bytes(root, annotation), str(root / annotation))
            rows.append((f"{view}/{split}set/{name.rsplit('/', 1)[-1]}", picture, landmarks, visible, view))
    labels = pd.DataFrame(rows, columns=["id", "image", "landmarks", "visible", "view"])
    return index(
        labels, image="image", landmarks="landmarks", visible="visible", bbox=_box, id="id", split=split, tags=["view"]
    )


def parse_visibility(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """A ``.pts`` of MERL-RAV: landmarks float64 [68, 2], 0-based, and visibility bool [68].

    -1 -1 is a point that the head itself hides, with no place (NaN); other negative numbers are the negated place of a
    point that something else hides.
    """
    raw = parse_pts(data, where, 68) + 1.0
    nowhere = (raw == -1).all(axis=1)
    landmarks = np.abs(raw) - 1.0
    landmarks[nowhere] = np.nan
    if nowhere.all():
        raise UserError(f"{where}: not one point has a place; remove the face")
    return landmarks, (raw >= 0).all(axis=1) & ~nowhere


def _box(row: Any) -> np.ndarray:
    """The tight box of the points that have a place."""
    return np.concatenate([np.nanmin(row.landmarks, axis=0), np.nanmax(row.landmarks, axis=0)])
