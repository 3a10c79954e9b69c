"""Menpo 2D: the Menpo challenge's faces (68 points, profiles 39) together with 300W, as ParFace uses them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from parface_bench import dataset
from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import read_bytes
from parface_bench.data.index import index
from parface_bench.data.progress_bar import progress
from parface_bench.data.readers.beside import pairs
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.pts import parse_pts
from parface_bench.data.readers.sidecar import find
from parface_bench.data.readers.tables import parse_json_table, points
from parface_bench.faces.layouts import MENPO39, MENPO84
from parface_bench.plugins.datasets.w300 import SPLITS, source_of
from parface_bench.registry.errors import UserError

TABLES = {split: f"menpo_{split}.ljson" for split in ("train", "common", "challenging", "full")} | {
    "private": "300W.ljson"
}
PUBLIC = ("menpo2d:train", "menpo2d:common", "menpo2d:challenging", "menpo2d:full")
PROFILE = {"profile": "menpo39", "test-profile": "menpo39"}


@dataset(
    "menpo2d",
    summary="Menpo 2D and 300W together: 68 landmarks, profiles with 39",
    reference="https://ibug.doc.ic.ac.uk/resources/2nd-facial-landmark-tracking-competition-menpo-ben/",
    licence="research only",
    schema="ibug68",
    layout=[MENPO39, MENPO84],
    splits=("train", "common", "challenging", "full", "private", "test", "profile", "test-profile"),
    test_splits=("full",),
    protocol="300w",
    subsets={"source=...": "the source set: menpo, helen/testset, ibug, ..."},
    counts={"common": 554, "challenging": 135, "full": 689, "private": 600},
    # 300W's sets, and for the challenge's own faces photographs of AFLW and FDDB
    overlaps={
        "train": ("300w:train", "aflw"),
        "common": ("300w:common", "300w:full"),
        "challenging": ("300w:challenging", "300w:full"),
        "full": ("300w:common", "300w:challenging", "300w:full", "menpo2d:common", "menpo2d:challenging"),
        "private": ("300w:private",),
        "test": ("aflw",),
        "profile": ("aflw",),
        "test-profile": ("aflw",),
    },
    citation="Deng et al., The Menpo Benchmark for Multi-pose 2D and 3D Facial Landmark Localisation, IJCV 2019",
    how_to_get="ask the iBUG group for Menpo; 300W as for '300w'; ParFace's tables menpo_*.ljson go to csv/",
)
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
            rows.append((str(name), pictures.find(str(name), where), source_of(str(name)) or "menpo", landmarks))
    return pd.DataFrame(rows, columns=["id", "image", "source", "landmarks"])


def _from_pts(root: Path, split: str) -> pd.DataFrame:
    """300W's sets by their folders; every other face is Menpo's, for testing where a folder says test."""
    sources = SPLITS.get(split, ())
    rows = []
    for name, picture, annotation in progress(pairs(root, ".pts"), "reading .pts files"):
        source = source_of(name)
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
