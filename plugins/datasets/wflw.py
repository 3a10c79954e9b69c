"""WFLW: 98 landmarks and six attributes on faces of the WIDER collection."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench import Layout, dataset
from parface_bench.data.faults import Absent, tolerant
from parface_bench.data.images.archive import read_bytes, walk
from parface_bench.data.index import index
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.tables import lines, text_numbers
from parface_bench.registry.errors import UserError

ATTRIBUTES = ("pose", "expression", "illumination", "make-up", "occlusion", "blur")
LISTS = dict(zip(("largepose", "expression", "illumination", "makeup", "occlusion", "blur"), ATTRIBUTES, strict=True))


WFLW98 = Layout(
    "wflw98",
    points=98,
    flip="32-0,46-42,50-47,37-33,41-38,51-54,59-55,72-68,75-73,64-60,67-65,82-76,87-83,92-88,95-93,97-96",
    regions={
        "jaw": "0-32",
        "brows": "33-50",
        "nose": "51-59",
        "eyes": "60-75",
        "mouth": "76-95",
        "pupils": "96-97",
    },
    edges=["0-32", "33-41,33", "42-50,42", "51-54", "55-59", "60-67,60", "68-75,68", "76-87,76", "88-95,88"],
    right="0-15,33-41,55-56,60-67,76-78,86-87,88-89,95,96",
    outer=(60, 72),
    inner=(64, 68),
    eyes=("60-67", "68-75"),
    nose_tip=54,
    mouth_corners=(76, 82),
    anatomy={
        "brow": ("33-37", "42-46"),
        "upper_lid": ("60-64", "72-68"),
        "lower_lid": ("60,67-64", "72-75,68"),
        "cubic_upper": ("60,61,63,64", "72,71,69,68"),
        "cubic_lower": ("60,67,65,64", "72,73,75,68"),
        "eye": ("60-67", "68-75"),
        "ears": ("0,2,4,6", "32,30,28,26"),
        "upper_lip": "76-82",
        "lower_lip": "76,87-82",
        "inner_upper_lip": "88-92",
        "inner_lower_lip": "88,95-92",
        "inner_lips": "88-95",
        "lower_lip_middle": 85,
        "upper_lip_middle": 79,
        "nose_base": 57,
        "chin": 16,
        "pupils": "96-97",
    },
    to={
        "ibug68": "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,33-37,42-46,51-59,"
        "60,61,63,64,65,67,68,69,71,72,73,75,76-95"
    },
    reference="Wu et al., Look at Boundary, 2018; https://wywu.github.io/projects/LAB/WFLW.html",
)


@dataset(
    "wflw",
    summary="Wider Facial Landmarks in the Wild: 98 landmarks, six attributes",
    reference="https://wywu.github.io/projects/LAB/WFLW.html",
    licence="research only",
    layout=WFLW98,
    protocol="wflw",
    subsets={
        "pose": "large pose (326)",
        "expression": "exaggerated expression (314)",
        "illumination": "hard light (698)",
        "make-up": "make-up (206)",
        "occlusion": "part of the face is hidden (736)",
        "blur": "blurred (773)",
    },
    counts={"train": 7500, "test": 2500},
    citation="Wu et al., Look at Boundary: A Boundary-Aware Face Alignment Algorithm, CVPR 2018",
    how_to_get="download WFLW_images and WFLW_annotations from its page and unpack both into one folder",
)
def wflw(root: Path, split: str) -> pd.DataFrame:
    """WFLW from its lists; several faces of one picture are told apart by ``#2``, ``#3`` in the order of the list."""
    texts = {ref.rsplit("/", 1)[-1]: ref for ref in walk(root, {".txt"})}
    name = f"list_98pt_rect_attr_{split}.txt"
    if name not in texts:
        raise Absent(f"{root}: {name} is not there; unpack WFLW_annotations below it")
    labels = parse_list(read_bytes(root, texts[name]), str(root / texts[name]))
    if split == "test":
        for part, attribute in LISTS.items():
            with tolerant():
                _compare(root, texts.get(f"list_98pt_test_{part}.txt"), labels, attribute)
    labels["face"] = labels.groupby("image").cumcount() + 1
    labels = Pictures(root, "WFLW_images").resolve(labels, lambda row: f"{root / texts[name]}:{row.line}")

    def face_id(row: Any) -> str:
        stem = row.image.rsplit(".", 1)[0]
        return stem if row.face == 1 else f"{stem}#{row.face}"

    return index(
        labels,
        image="picture",
        landmarks="landmarks",
        bbox="bbox",
        id=face_id,
        split=split,
        tags=ATTRIBUTES,
    )


def _compare(root: Path, ref: str | None, labels: pd.DataFrame, attribute: str) -> None:
    """The subset's own list must name the faces that have the attribute."""
    if ref is None:
        return
    listed = {(p, np.round(m, 3).tobytes()) for p, m in parse_subset(read_bytes(root, ref), str(root / ref))}
    chosen = labels[labels[attribute].astype(bool)]
    tagged = {(p, np.round(m, 3).tobytes()) for p, m in zip(chosen["image"], chosen["landmarks"], strict=True)}
    odd = sorted(p for p, _ in listed ^ tagged)
    if odd:
        raise UserError(
            f"{root / ref}: {len(odd)} faces disagree with attribute {attribute!r}, first {odd[0]}; get it again"
        )


def parse_list(data: bytes, where: str) -> pd.DataFrame:
    """``list_98pt_rect_attr_*.txt``: 196 coordinates, x1 y1 x2 y2, six 0/1 attributes, picture; all 0-based.

    Returns:
        Columns ``image``, ``landmarks`` float64 [98, 2], ``bbox`` float64 [4], one bool column per attribute, and
        ``line``, its number in the file.

    Raises:
        UserError: no line, or one of another shape (named by its number).
    """
    rows = []
    found = lines(data)
    if not found:
        raise UserError(f"{where}: is empty; copy it again")
    for number, line in found:
        with tolerant():
            numbers, picture = _split(line, 206, f"{where}:{number}")
            flags = numbers[200:]
            if not np.isin(flags, (0, 1)).all():
                raise UserError(
                    f"{where}:{number}: the six attributes are 0 or 1, found {line.split()[200:206]}; correct it"
                )
            rows.append((picture, numbers[:196].reshape(98, 2), numbers[196:200], *(f == 1 for f in flags), number))
    return pd.DataFrame(rows, columns=["image", "landmarks", "bbox", *ATTRIBUTES, "line"])


def parse_subset(data: bytes, where: str) -> list[tuple[str, np.ndarray]]:
    """``list_98pt_test_*.txt``: (picture, landmarks float64 [98, 2]) of each line.

    Raises:
        UserError: a line of another shape.
    """
    faces = []
    for number, line in lines(data):
        with tolerant():
            numbers, picture = _split(line, 196, f"{where}:{number}")
            faces.append((picture, numbers.reshape(98, 2)))
    return faces


def _split(line: str, count: int, where: str) -> tuple[np.ndarray, str]:
    fields = line.split(None, count)
    if len(fields) != count + 1:
        raise UserError(f"{where}: expected {count} numbers and a picture, found {len(fields)} fields; correct it")
    return text_numbers(" ".join(fields[:-1]), where, count), fields[-1]
