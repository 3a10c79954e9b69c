"""Menpo 2D: the Menpo challenge's faces (68 points, profiles 39) together with 300W, as ParFace uses them."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from parface_bench import Layout, dataset
from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import read_bytes
from parface_bench.data.index import index
from parface_bench.data.readers.beside import pairs
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.pts import parse_pts
from parface_bench.data.readers.sidecar import find
from parface_bench.data.readers.tables import parse_json_table, points
from parface_bench.plugins.datasets.w300 import SPLITS, source_of
from parface_bench.progress import progress
from parface_bench.registry.errors import UserError

TABLES = {split: f"menpo_{split}.ljson" for split in ("train", "common", "challenging", "full")} | {
    "private": "300W.ljson"
}
PUBLIC = ("menpo2d:train", "menpo2d:common", "menpo2d:challenging", "menpo2d:full")
PROFILE = {"profile": "menpo39", "test-profile": "menpo39"}


# A profile shows one half of the face; a mirrored left profile is a right profile with the same order of points,
# so that every point mirrors onto itself and none is the subject's left or right as such.
MENPO39 = Layout(
    "menpo39",
    points=39,
    flip="0-38",
    regions={"jaw": "0-11", "brows": "12-15", "nose": "16-21", "eyes": "22-26", "mouth": "27-38"},
    edges=["0-11", "12-15", "16-21", "22-26", "27-33", "34-38"],
    reference="Deng et al., The Menpo Benchmark for Multi-pose 2D and 3D Facial Landmark Localisation, 2019 (profile)",
)

MENPO84 = Layout(
    "menpo84",
    points=84,
    flip="32-0,42-33,43-46,51-47,61-58,63-62,55-52,57-56,70-64,75-71,80-76,83-81",
    regions={"jaw": "0-32", "brows": "33-42", "nose": "43-51", "eyes": "52-63", "mouth": "64-83"},
    edges=["0-32", "33-37", "38-42", "43-46", "47-51", "52-57,52", "58-63,58", "64-75,64", "76-83,76"],
    right="0-15,33-37,47-48,52-57,64-66,74-75,76-77,83",
    outer=(52, 61),
    inner=(55, 58),
    eyes=("52-57", "58-63"),
    nose_tip=46,
    mouth_corners=(64, 70),
    to={"ibug68": "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,33-83"},
    reference="Zafeiriou et al., The 3D Menpo Facial Landmark Tracking Challenge, 2017",
)


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
