"""Menpo 2D: the Menpo challenge's faces (68 points, profiles 39) together with 300W, as ParFace uses them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import read_bytes
from parface_bench.data.index import index
from parface_bench.data.progress_bar import progress
from parface_bench.data.readers import ibug
from parface_bench.data.readers.beside import pairs
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.pts import parse_pts
from parface_bench.data.readers.sidecar import find
from parface_bench.data.readers.tables import parse_json_table, points
from parface_bench.registry.errors import UserError

TABLES = {split: f"menpo_{split}.ljson" for split in ("train", "common", "challenging", "full")} | {
    "private": "300W.ljson"
}
PROFILE = {"profile": "menpo39", "test-profile": "menpo39"}


def menpo2d(root: Path, split: str) -> pd.DataFrame:
    """Menpo 2D from ParFace's ``.ljson`` tables and tars (0-based), or ``.pts`` files beside the pictures."""
    table = find(root, TABLES[split]) if split in TABLES else None
    labels = _from_table(root, table) if table else _from_pts(root, split)
    frame = index(labels, image="image", landmarks="landmarks", id="id", split=split, tags=["source"])
    frame.attrs["schema"] = PROFILE.get(split, "ibug68")
    return frame


def _from_table(root: Path, table: Path) -> pd.DataFrame:
    faces = parse_json_table(read_bytes(table.parent, table.name), str(table), ["img_path", "landmarks_2d"])
    pictures = Pictures(root)
    rows = []
    for row, (name, value) in enumerate(zip(faces["img_path"], faces["landmarks_2d"], strict=True)):
        with tolerant():
            where = f"{table}: row {row}"
            landmarks = points(value, where, 68, (2,))
            rows.append((str(name), pictures.find(str(name), where), ibug.source_of(str(name)) or "menpo", landmarks))
    return pd.DataFrame(rows, columns=["id", "image", "source", "landmarks"])


def _from_pts(root: Path, split: str) -> pd.DataFrame:
    """300W's sets by their folders; every other face is Menpo's, for testing where a folder says test."""
    sources = ibug.SPLITS.get(split, ())
    rows = []
    for name, picture, annotation in progress(pairs(root, ".pts"), "reading .pts files"):
        source = ibug.source_of(name)
        own = not source and split in ("train", "profile", "test", "test-profile") and _tests(name) == ("test" in split)
        if not own and source not in sources:
            continue
        with tolerant():
            landmarks = parse_pts(read_bytes(root, annotation), str(root / annotation))
            if len(landmarks) not in (68, 39):
                raise UserError(f"{root / annotation}: 68 or 39 points expected, found {len(landmarks)}; get it again")
            if len(landmarks) == (39 if "profile" in split else 68):
                stem = name.rsplit("/", 1)[-1]
                rows.append((f"{source or 'menpo'}/{stem}", picture, source or "menpo", landmarks))
    return pd.DataFrame(rows, columns=["id", "image", "source", "landmarks"])


def _tests(name: str) -> bool:
    return "test" in name.rsplit("/", 1)[0].lower()
