"""Data sets without landmark truth, for self-supervision: FFHQ, VGGFace2, MEEI."""

from __future__ import annotations

import re
from pathlib import Path

import numpy as np
import pandas as pd

from parface_bench import dataset
from parface_bench.data.faults import Absent, tolerant
from parface_bench.data.images.archive import read_bytes, safe_name
from parface_bench.data.index import index
from parface_bench.data.readers.box_table import all_pictures, detected
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.pose3d import corners
from parface_bench.data.readers.sidecar import find
from parface_bench.data.readers.tables import numbers, parse_csv, parse_json, points
from parface_bench.registry.errors import UserError

MEEI_GRADES = ("near-normal", "mild", "moderate", "severe", "complete")


@dataset(
    "meei",
    summary="MEEI standard set: photographs and videos over the whole range of facial palsy, no landmarks",
    reference="https://doi.org/10.1002/lary.27986",
    licence="on request, for research",
    splits=("all",),
    train_splits=("all",),
    test_splits=(),
    subsets={
        "kind=...": "normal, flaccid, synkinetic",
        "grade=...": "near-normal, mild, moderate, severe, complete",
    },
    citation="Greene et al., The spectrum of facial palsy: the MEEI ... photo and video standard set, 2020",
    how_to_get="on request from the Sir Charles Bell Society; ParFace's MEEI_annotations.csv goes to csv/",
)
def meei(root: Path, split: str) -> pd.DataFrame:
    """MEEI's photographs and frames, with ParFace's boxes if they are there; kind and grade from the names."""
    labels = detected(root, "MEEI_annotations.csv", "meei_annotations.csv")
    labels = all_pictures(root) if labels is None else labels
    labels["kind"], labels["grade"] = zip(*map(meei_case, labels["image"]), strict=True) if len(labels) else ((), ())
    return index(labels, image="image", bbox="bbox", split=split, tags=["kind", "grade"])


def meei_case(name: str) -> tuple[str, str]:
    """Kind (``normal``, ``flaccid``, ``synkinetic``) and grade (``mild``, ...) that a path tells, else ''."""
    low = re.sub(r"[_ ]", "-", name.lower())
    kind = next((k for k in ("synkinetic", "flaccid") if k in low.replace("nonflaccid", "synkinetic")), "")
    grade = next((g for g in MEEI_GRADES if g in low or g.replace("-", "") in low), "")
    return kind or ("normal" if "normal" in low and not grade else ""), grade


@dataset(
    "ffhq",
    summary="Flickr-Faces-HQ: 70,000 aligned faces, no landmark truth",
    reference="https://github.com/NVlabs/ffhq-dataset",
    licence="CC BY-NC-SA 4.0; each picture its own",
    splits=("train", "val", "all"),
    test_splits=(),
    counts={"train": 60000, "val": 10000, "all": 70000},
    overlaps={"all": ("ffhq",)},
    citation="Karras et al., A Style-Based Generator Architecture for Generative Adversarial Networks, CVPR 2019",
    how_to_get="download images1024x1024 and ffhq-dataset-v2.json, or FFHQ_lite.tar and csv/FFHQ_annotations.csv",
)
def ffhq(root: Path, split: str) -> pd.DataFrame:
    """FFHQ: ParFace's boxes (``FFHQ_annotations.csv``), or ``ffhq-dataset-v2.json`` with pictures of 1024 pixels.

    Its landmarks come from a detector (dlib) and are no truth: only their tight box is kept.
    """
    labels = detected(root, "FFHQ_annotations.csv", "ffhq_annotations.csv")
    table = find(root, "ffhq-dataset-v2.json")
    if labels is not None or table is None:
        labels = all_pictures(root) if labels is None else labels
        return index(labels, image="image", bbox="bbox", split=split)
    faces = parse_ffhq(read_bytes(table.parent, table.name), str(table))
    pictures = Pictures(root)
    rows = []
    for category, name, box in faces:
        if split == "all" or category == {"train": "training", "val": "validation"}[split]:
            with tolerant():
                rows.append((pictures.find(name, str(table)), box))
    return index(pd.DataFrame(rows, columns=["image", "bbox"]), image="image", bbox="bbox", split=split)


def parse_ffhq(data: bytes, where: str) -> list[tuple[str, str, np.ndarray]]:
    """(category, picture, tight box float64 [4]) of the faces of ``ffhq-dataset-v2.json``."""
    content = parse_json(data, where)
    if not isinstance(content, dict):
        raise UserError(f"{where}: no object of number -> face; is it ffhq-dataset-v2.json?")
    faces = []
    for number, face in content.items():
        with tolerant():
            picture = face.get("image") if isinstance(face, dict) else None
            if not isinstance(picture, dict) or not {"file_path", "face_landmarks"} <= picture.keys():
                raise UserError(f"{where}: face {number!r} has no picture and landmarks; is it ffhq-dataset-v2.json?")
            marks = points(picture["face_landmarks"], f"{where}: face {number!r}", 68, (2,))
            box = np.concatenate([marks.min(axis=0), marks.max(axis=0)])
            faces.append((str(face.get("category", "")), str(picture["file_path"]), box))
    return faces


@dataset(
    "vggface2",
    summary="VGGFace2: 3.3 million faces of 9,131 people, boxes, no landmark truth",
    reference="https://github.com/ox-vgg/vgg_face2",
    licence="research only",
    test_splits=(),
    counts={"train": 3141890, "test": 169396},
    citation="Cao et al., VGGFace2: A dataset for recognising faces across pose and age, FG 2018",
    how_to_get="no longer given out by its authors; with a copy: train/, test/ and bb_landmark/ in one folder",
)
def vggface2(root: Path, split: str, min_height: float = 0.0) -> pd.DataFrame:
    """VGGFace2 from ``loose_bb_{train,test}.csv``; ``min_height`` leaves out boxes no higher (ParFace: 100)."""
    table = find(root / "bb_landmark", f"loose_bb_{split}.csv") or find(root, f"loose_bb_{split}.csv")
    if table is None:
        raise Absent(f"{root}: bb_landmark/loose_bb_{split}.csv is not there; unpack BB_Landmark.tar.gz below it")
    faces = parse_csv(read_bytes(table.parent, table.name), str(table), ["NAME_ID", "X", "Y", "W", "H"])
    boxes = numbers(faces, ["X", "Y", "W", "H"], str(table))
    names = faces["NAME_ID"].astype(str)
    for row in np.flatnonzero(names.str.startswith("/") | names.str.contains("..", regex=False)):
        safe_name(names.iloc[row], f"{table}: row {row + 2}")
    tall = boxes[:, 3] > min_height
    folder = next((f for f in (f"{split}/imgs", split, f"data/{split}") if (root / f).is_dir()), split)
    labels = pd.DataFrame({"image": folder + "/" + names[tall] + ".jpg", "id": names[tall]})
    labels["bbox"] = pd.Series([corners(b) for b in boxes[tall]], index=labels.index, dtype=object)
    return index(labels, image="image", bbox="bbox", id="id", split=split)
