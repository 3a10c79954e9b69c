"""LS3D-W: 68 landmarks of the 3D kind, seen in 2D, made by a network of Bulat and Tzimiropoulos."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from parface_bench import dataset
from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import read_bytes, walk
from parface_bench.data.index import index
from parface_bench.data.readers.beside import pairs
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.mat import load_mat, variable
from parface_bench.data.readers.sidecar import find
from parface_bench.data.readers.tables import parse_json_table, points
from parface_bench.progress import progress
from parface_bench.registry.errors import UserError

NAMES = ("pts_3d", "pts_2d", "pt2d")


@dataset(
    "ls3d",
    summary="LS3D-W: 230,000 faces with 68 landmarks of the 3D kind, seen in 2D",
    reference="https://www.adrianbulat.com/face-alignment",
    licence="research only",
    schema="ibug68",
    splits=("all",),
    train_splits=("all",),
    test_splits=("all",),
    protocol="300w",
    subsets={"source=...": "the source set, by its folder"},
    overlaps={"all": ("300w", "300w-lp", "menpo2d", "lapa", "aflw2000-3d", "aflw", "merl-rav")},
    citation="Bulat and Tzimiropoulos, How far are we from solving the 2D & 3D Face Alignment problem?, ICCV 2017",
    how_to_get="ask for it on its page; ParFace's ls3d.ljson goes to csv/, LS3D.tar to the root; .t7 has no reader",
)
def ls3d(root: Path, split: str) -> pd.DataFrame:
    """LS3D-W from ParFace's ``ls3d.ljson`` and pictures or tar (0-based), or ``.mat`` files beside the pictures."""
    table = find(root, "ls3d.ljson")
    labels = _from_table(root, table) if table else _from_mats(root)
    return index(labels, image="image", landmarks="landmarks", split=split, tags=["source"])


def _from_table(root: Path, table: Path) -> pd.DataFrame:
    faces = parse_json_table(read_bytes(table.parent, table.name), str(table), ["img_path", "landmarks"])
    pictures = Pictures(root)
    rows = []
    for row, (name, value) in enumerate(zip(faces["img_path"], faces["landmarks"], strict=True)):
        with tolerant():
            where = f"{table}: row {row}"
            landmarks = points(value, where, 68)[:, :2]
            rows.append((pictures.find(str(name), where), _source(str(name)), landmarks))
    return pd.DataFrame(rows, columns=["image", "source", "landmarks"])


def _from_mats(root: Path) -> pd.DataFrame:
    rows = []
    for name, picture, annotation in progress(pairs(root, ".mat", lone=True), "reading .mat files"):
        with tolerant():
            rows.append((picture, _source(name), parse_face(read_bytes(root, annotation), str(root / annotation))))
    if not rows and next(walk(root, {".t7"}), None):
        raise UserError(f"{root}: Torch 7 files (.t7) have no kept reader; convert them to .mat (pts_3d) or ls3d.ljson")
    return pd.DataFrame(rows, columns=["image", "source", "landmarks"])


def parse_face(data: bytes, where: str) -> np.ndarray:
    """One face's ``.mat``: float64 [68, 2], 0-based (1-based in the file)."""
    mat = load_mat(data, where, NAMES)
    name = next((n for n in NAMES if n in mat), NAMES[0])
    shape = np.shape(mat.get(name, ()))
    landmarks = variable(mat, name, where, (2, 68)).T if shape == (2, 68) else variable(mat, name, where, (68, 2))
    return points(landmarks - 1.0, where, 68)


def _source(name: str) -> str:
    """The outermost folder, which names the source set."""
    parts = [p for p in name.split("::")[-1].split("/") if p]
    return parts[0] if len(parts) > 1 else ""
