"""AffectNet: faces with expressions, valence and arousal; its 68 landmarks come from a detector."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench import dataset
from parface_bench.data.faults import Absent, tolerant
from parface_bench.data.images.archive import PICTURES, read_bytes, walk
from parface_bench.data.index import index
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.pose3d import load_npy
from parface_bench.data.readers.sidecar import find
from parface_bench.data.readers.tables import numbers, parse_csv, text_numbers
from parface_bench.progress import progress
from parface_bench.registry.errors import UserError

EXPRESSIONS = ("neutral", "happy", "sad", "surprise", "fear", "disgust", "anger", "contempt")
FOLDERS = {"train": "train_set", "val": "val_set"}
BOX = ["face_x", "face_y", "face_width", "face_height"]


@dataset(
    "affectnet",
    summary="AffectNet: faces with eight expressions; its 68 landmarks are a detector's, no truth",
    reference="http://mohammadmahoor.com/affectnet/",
    licence="on request, for research",
    schema="ibug68",
    splits=("train", "val"),
    test_splits=(),
    subsets={"expression=...": "neutral, happy, sad, surprise, fear, disgust, anger, contempt"},
    counts={"train": 287651, "val": 3999},
    citation="Mollahosseini et al., AffectNet: A Database for Facial Expression, Valence, and Arousal, 2017",
    how_to_get="on request from its authors (University of Denver)",
)
def affectnet(root: Path, split: str) -> pd.DataFrame:
    """AffectNet from ``{train,val}_set`` with ``.npy`` files, or from a CSV: the official one or ParFace's."""
    own = find(root, "affectnet_annotations.csv") if split == "train" else None
    official = find(root, {"train": "training.csv", "val": "validation.csv"}[split])
    if own or official:
        labels = _from_csv(root, own or official, official is not None and own is None)  # type: ignore[arg-type]
    else:
        labels = _from_npy(root, FOLDERS[split])
    return index(labels, image="image", landmarks="landmarks", bbox="bbox", split=split, tags=["expression"])


def _from_npy(root: Path, folder: str) -> pd.DataFrame:
    pictures = root / folder / "images"
    if not pictures.is_dir():
        raise Absent(f"{root}: neither {folder}/images nor a CSV of AffectNet is there; unpack it below")
    rows = []
    for ref in progress(list(walk(pictures, PICTURES)), "reading .npy files"):
        stem = f"{folder}/annotations/{ref.rsplit('.', 1)[0]}"
        with tolerant():
            landmarks = parse_landmarks(read_bytes(root, f"{stem}_lnd.npy"), str(root / f"{stem}_lnd.npy"))
            label = parse_expression(read_bytes(root, f"{stem}_exp.npy"), str(root / f"{stem}_exp.npy"))
            rows.append((f"{folder}/images/{ref}", landmarks, np.array([0.0, 0.0, 223.0, 223.0]), label))
    return pd.DataFrame(rows, columns=["image", "landmarks", "bbox", "expression"])


def parse_landmarks(data: bytes, where: str) -> np.ndarray:
    """``*_lnd.npy``: 136 numbers x, y, ...; float64 [68, 2]."""
    return _marks(load_npy(data, where), where)


def parse_expression(data: bytes, where: str) -> str:
    """``*_exp.npy``: a number, or text that is one, as the name of the expression."""
    value = load_npy(data, where)
    try:
        return EXPRESSIONS[_number(value)]
    except (ValueError, IndexError, TypeError, OverflowError, SystemError):  # numpy's text of impossible letters
        raise UserError(f"{where}: expected an expression from 0 to 7; get the file again") from None


def _number(value: np.ndarray) -> int:
    number = int(str(value.reshape(-1)[0]) if value.size == 1 else "")
    if number < 0:
        raise ValueError(number)
    return number


def _marks(value: Any, where: str) -> np.ndarray:
    try:
        array = np.asarray(value).astype(np.float64).reshape(68, 2)
    except (ValueError, TypeError):
        raise UserError(f"{where}: expected 68 landmarks as 136 numbers; get the file again") from None
    if not np.isfinite(array).all():
        raise UserError(f"{where}: the landmarks hold NaN or infinity; remove the face")
    return array


def _from_csv(root: Path, file: Path, official: bool) -> pd.DataFrame:
    """The official tables give a box's width and height and separate by ';', ParFace's gives its corners and a list."""
    name = "subDirectory_filePath" if official else "image_path"
    table = parse_csv(read_bytes(file.parent, file.name), str(file), [name, *BOX, "facial_landmarks", "expression"])
    boxes = numbers(table, [*BOX, "expression"], str(file))
    pictures = Pictures(root, "Manually_Annotated_Images", "Manually_Annotated/Manually_Annotated_Images")
    rows = []
    for row in progress(range(len(table)), "reading faces"):
        box, expression = boxes[row, :4], int(boxes[row, 4])
        # from 8 on: no expression, uncertain, no face; a width of 0 marks a picture that AffectNet does not have
        if not 0 <= expression < 8 or box[2] <= 0:
            continue
        with tolerant():
            text = (
                str(table["facial_landmarks"].iloc[row]).strip("[]").replace(";", ",").replace("[", "").replace("]", "")
            )
            marks = text_numbers(text, f"{file}: row {row + 2}", 136).reshape(68, 2)
            corners = np.concatenate([box[:2], box[:2] + box[2:]]) if official else box
            rows.append(
                (
                    pictures.find(str(table[name].iloc[row]), f"{file}: row {row + 2}"),
                    marks,
                    corners,
                    EXPRESSIONS[expression],
                )
            )
    return pd.DataFrame(rows, columns=["image", "landmarks", "bbox", "expression"])
