"""LaPa: 106 landmarks, with a parsing of the face that is not read here."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from parface_bench import Layout, dataset
from parface_bench.data.faults import Absent, tolerant
from parface_bench.data.images.archive import PICTURES, read_bytes, walk
from parface_bench.data.index import index
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.tables import lines, text_numbers
from parface_bench.plugins.datasets.menpo2d import PUBLIC as MENPO
from parface_bench.plugins.datasets.w300 import PUBLIC as W300
from parface_bench.progress import progress
from parface_bench.registry.errors import UserError

# its photographs are 300W-LP's, and so 300W's, and MegaFace's
SOURCES = ("300w-lp", *W300, *MENPO)


LAPA106 = Layout(
    "lapa106",
    points=106,
    flip="32-0,46-42,50-47,37-33,41-38,51-54,65-55,79-75,82-80,83,70-66,73-71,74,90-84,95-91,100-96,103-101,105-104",
    regions={
        "jaw": "0-32",
        "brows": "33-50",
        "nose": "51-65",
        "eyes": "66-83",
        "mouth": "84-103",
        "pupils": "104-105",
    },
    edges=["0-32", "33-41,33", "42-50,42", "51-54", "55-65", "66-73,66", "75-82,75", "84-95,84", "96-103,96"],
    right="0-15,33-41,55-59,66-74,84-86,94-95,96-97,103,104",
    outer=(66, 79),
    inner=(70, 75),
    eyes=("66-73", "75-82"),
    nose_tip=54,
    mouth_corners=(84, 90),
    to={
        "ibug68": "0,2,4,6,8,10,12,14,16,18,20,22,24,26,28,30,32,33-37,42-46,51-54,58-62,"
        "66,67,69,70,71,73,75,76,78,79,80,82,84-103"
    },
    reference="Liu et al., A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing (LaPa), 2020",
)


@dataset(
    "lapa",
    summary="LaPa: 106 landmarks on more than 22,000 faces",
    reference="https://github.com/jd-opensource/lapa-dataset",
    licence="non-commercial research",
    layout=LAPA106,
    splits=("train", "val", "test"),
    protocol="lapa",
    counts={"train": 18176, "val": 2000, "test": 2000},
    overlaps={"train": SOURCES, "val": SOURCES, "test": SOURCES},
    citation="Liu et al., A New Dataset and Boundary-Attention Semantic Segmentation for Face Parsing, AAAI 2020",
    how_to_get="download LaPa.tar.gz as its page says and unpack it",
)
def lapa(root: Path, split: str) -> pd.DataFrame:
    """LaPa from ``{train,val,test}/landmarks/*.txt`` and ``{train,val,test}/images/*.jpg``; 0-based there."""
    folder = next((f for f in (root / split, root / "LaPa" / split) if (f / "landmarks").is_dir()), None)
    if folder is None:
        raise Absent(f"{root}: the folder {split}/landmarks is not there; unpack LaPa.tar.gz below it")
    pictures = Pictures(folder, "images")
    named = {ref.rsplit("/", 1)[-1].rsplit(".", 1)[0]: ref for ref in walk(folder / "images", PICTURES)}
    inside = folder.relative_to(root).as_posix()
    rows = []
    for ref in progress(list(walk(folder / "landmarks", {".txt"})), "reading landmarks"):
        with tolerant():
            stem = ref.rsplit(".", 1)[0]
            picture = pictures.find(named.pop(stem, f"{stem}.jpg"))
            file = folder / "landmarks" / ref
            rows.append(
                (
                    f"{split}/{stem}",
                    f"{inside}/{picture}",
                    parse_landmarks(read_bytes(file.parent, file.name), str(file)),
                )
            )
    for name in named.values():
        with tolerant():
            raise UserError(f"{folder / 'images' / name}: has no file in landmarks; copy it or remove the picture")
    labels = pd.DataFrame(rows, columns=["id", "image", "landmarks"])
    return index(labels, image="image", landmarks="landmarks", id="id", split=split)


def parse_landmarks(data: bytes, where: str) -> np.ndarray:
    """A file of LaPa: the number of points, then x and y per line; float64 [106, 2]."""
    rows = lines(data)
    if not rows or rows[0][1] != "106" or len(rows) != 107:
        raise UserError(f"{where}: expected the line 106 and 106 lines of x y, found {len(rows)} lines; get it again")
    return np.stack([text_numbers(line, f"{where}:{number}", 2) for number, line in rows[1:]])
