"""COFW: occluded faces with 29 landmarks (``cofw``) or the 68 of its re-annotation (``cofw68``)."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench import Layout, dataset
from parface_bench.data.faults import Absent, tolerant
from parface_bench.data.images.archive import read_bytes, walk
from parface_bench.data.index import index
from parface_bench.data.readers import hdf
from parface_bench.data.readers.mat import load_mat, variable
from parface_bench.data.readers.pose3d import corners
from parface_bench.registry.errors import UserError

SUFFIX = {"train": "Tr", "test": "T"}


COFW29 = Layout(
    "cofw29",
    points=29,
    flip=[(0, 1), (4, 6), (2, 3), (5, 7), (8, 9), (12, 14), (10, 11), (13, 15), (16, 17), (18, 19), (22, 23)],
    regions={"brows": "0-7", "eyes": "8-15", "pupils": "16-17", "nose": "18-21", "mouth": "22-27", "jaw": "28"},
    edges=[
        "0,4,2,5,0",
        "1,6,3,7,1",
        "8,12,10,13,8",
        "9,14,11,15,9",
        "18,20,19,21,18",
        "22,24,23,27,22",
        "22,25,23,26,22",
    ],
    right="0,2,4,5,8,10,12,13,16,18,22",
    outer=(8, 9),
    inner=(10, 11),
    eyes=("16", "17"),
    nose_tip=20,
    mouth_corners=(22, 23),
    reference="Burgos-Artizzu et al., Robust face landmark estimation under occlusion, 2013",
)


@dataset(
    "cofw",
    summary="Caltech Occluded Faces in the Wild: 29 landmarks with occlusion",
    reference="https://data.caltech.edu/records/bc0bf-nc666",
    licence="research only",
    layout=COFW29,
    protocol="cofw",
    counts={"train": 1345, "test": 507},
    overlaps={"train": ("300w:train",)},  # 845 of them are LFPW's
    citation="Burgos-Artizzu et al., Robust face landmark estimation under occlusion, ICCV 2013",
    how_to_get="download COFW_color.zip from its page and unpack it",
)
def cofw(root: Path, split: str) -> pd.DataFrame:
    """COFW from ``COFW_{train,test}_color.mat``, which hold the pictures too; 1-based there."""
    ref, kind = _colour(root, split), SUFFIX[split]
    phis = hdf.matrix(root / ref, f"phis{kind}", 87)
    boxes = hdf.matrix(root / ref, f"bboxes{kind}", 4)
    _same(root / ref, len(phis), len(boxes), hdf.count(root / ref, f"Is{kind}"))
    labels = pd.DataFrame({"number": range(len(phis))})
    return index(
        labels,
        image=lambda row: f"{ref}::Is{kind}/{row.number}",
        landmarks=lambda row: np.stack([phis[row.number, :29], phis[row.number, 29:58]], axis=1) - 1,
        visible=lambda row: phis[row.number, 58:] == 0,
        bbox=lambda row: corners(boxes[row.number]) - 1,
        id=lambda row: f"{split}/{row.number + 1:06d}",
        split=split,
    )


@dataset(
    "cofw68",
    summary="COFW's test faces with 68 landmarks and occlusion",
    reference="https://github.com/golnazghiasi/cofw68-benchmark",
    licence="research only",
    schema="ibug68",
    splits=("test",),
    train_splits=(),
    protocol="300w",
    counts={"test": 507},
    overlaps={"test": ("cofw:test",)},
    citation="Ghiasi and Fowlkes, Occlusion Coherence: Detecting and Localizing Occluded Faces, 2015",
    how_to_get="clone cofw68-benchmark and put COFW_test_color.mat (see data set cofw) into the same folder",
)
def cofw68(root: Path, split: str) -> pd.DataFrame:
    """COFW's test pictures with the 68 points of ``test_annotations/N_points.mat``; 1-based there."""
    ref = _colour(root, "test")
    points = {Path(r).name: r for r in walk(root, {".mat"}) if r.endswith("_points.mat")}
    boxes = _boxes(root)
    rows = []
    for number in range(hdf.count(root / ref, "IsT")):
        with tolerant():
            name = f"{number + 1}_points.mat"
            if name not in points:
                raise UserError(f"{root}: {name} is not there; unpack cofw68-benchmark below it")
            rows.append((number, *parse_points(read_bytes(root, points[name]), str(root / points[name]))))
    if boxes is not None:
        _same(root, len(boxes), len(rows))

    def box(row: Any) -> np.ndarray | None:
        return None if boxes is None else corners(boxes[row.number]) - 1

    return index(
        pd.DataFrame(rows, columns=["number", "landmarks", "visible"]),
        image=lambda row: f"{ref}::IsT/{row.number}",
        landmarks="landmarks",
        visible="visible",
        bbox=box,
        id=lambda row: f"{split}/{row.number + 1:06d}",
        split=split,
    )


def parse_points(data: bytes, where: str) -> tuple[np.ndarray, np.ndarray]:
    """Landmarks float64 [68, 2], 0-based, and visibility bool [68] of one ``N_points.mat``."""
    mat = load_mat(data, where, ["Points", "Occ"])
    landmarks = variable(mat, "Points", where, (68, 2)) - 1
    occluded = mat.get("Occ")
    if not isinstance(occluded, np.ndarray) or occluded.size != 68 or occluded.dtype.kind not in "fiub":
        raise UserError(f"{where}: holds no 'Occ' of 68 points; is it a file of cofw68-benchmark?")
    if not np.isfinite(landmarks).all():
        raise UserError(f"{where}: 'Points' holds NaN or infinity; get it again")
    return landmarks, occluded.ravel() == 0


def _boxes(root: Path) -> np.ndarray | None:
    """x, y, width, height of every test picture, or None without ``cofw68_test_bboxes.mat``."""
    for ref in walk(root, {".mat"}):
        if ref.endswith("cofw68_test_bboxes.mat"):
            return variable(load_mat(read_bytes(root, ref), str(root / ref)), "bboxes", str(root / ref), (None, 4))
    return None


def _colour(root: Path, split: str) -> str:
    name = f"COFW_{split}_color.mat"
    found = [ref for ref in walk(root, {".mat"}) if ref.rsplit("/", 1)[-1] == name]
    if not found:
        raise Absent(f"{root}: {name} is not there; unpack COFW_color.zip below it")
    return found[0]


def _same(where: Path, *sizes: int) -> None:
    if len(set(sizes)) > 1:
        raise UserError(f"{where}: pictures, landmarks and boxes differ in number {sizes}; get the files again")
