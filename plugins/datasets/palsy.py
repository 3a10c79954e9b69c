"""ParFace: faces of people with facial palsy, with 68 landmarks in 3D."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

import pandas as pd

from parface_bench import dataset
from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import read_bytes
from parface_bench.data.index import index
from parface_bench.data.readers.lookup import Pictures, last_parts
from parface_bench.data.readers.sidecar import find, need
from parface_bench.data.readers.tables import parse_json_table, points
from parface_bench.registry.errors import UserError

LABELED = ("labeled_1", "labeled_2", "labeled_3", "labeled_4", "labeled_5", "labeled_6")
FILES = {"full": "palsy_annotations.ljson", "parface": "palsy_test.ljson", "unlabeled": "palsy_unlabeled.ljson"}
FILES = FILES | {split: f"palsy_{split}.ljson" for split in LABELED}

_LABELED = (
    "palsy:labeled_1",
    "palsy:labeled_2",
    "palsy:labeled_3",
    "palsy:labeled_4",
    "palsy:labeled_5",
    "palsy:labeled_6",
)


@dataset(
    "palsy",
    summary="ParFace: faces with facial palsy from videos, 68 landmarks in 3D",
    reference="https://github.com/jilliam/ParFace",
    licence="on request, for research",
    schema="ibug68",
    dims=3,
    splits=("train", "full", "parface", *LABELED, "unlabeled"),
    test_splits=("parface",),
    protocol="parface",
    subsets={"full": "all faces of the split; further subsets as far as the annotation has columns for them"},
    overlaps={"full": ("palsy:train", "palsy:parface", *_LABELED), "train": _LABELED},
    citation="Díaz Barros et al., In-Domain Inversion for 3D Face Alignment on Asymmetrical Expressions, FG 2024",
    how_to_get="write to the authors (address in the README of the ParFace repository); it is given for research",
    fallback="palsy-twin",
)
def palsy(root: Path, split: str) -> pd.DataFrame:
    """ParFace from its ``.ljson`` tables; the picture is the last two parts of ``img_path``.

    They are looked for below the root, as a file or in a tar named as the folder (a tar per sequence).
    """
    pictures = Pictures(root)
    labels = _train(root, pictures) if split == "train" else _table(need(root, FILES[split]), pictures)
    tags = [c for c in labels if c not in ("name", "image", "landmarks", "yaw") and _is_tag(labels[c])]
    yaw = {"yaw": "yaw"} if "yaw" in labels else {}
    return index(labels, image="image", landmarks="landmarks", id="name", split=split, tags=tags, **yaw)


def _train(root: Path, pictures: Pictures) -> pd.DataFrame:
    """The labelled subsets together (all annotations where there are none), without the faces of the test table."""
    files = [f for f in (find(root, FILES[s]) for s in LABELED) if f] or [need(root, FILES["full"])]
    test = find(root, FILES["parface"])
    labels = pd.concat([_table(f, pictures) for f in files]).drop_duplicates("image", ignore_index=True)
    return labels[~labels["image"].isin(_table(test, pictures)["image"])] if test else labels


def _table(file: Path, pictures: Pictures) -> pd.DataFrame:
    labels = parse_json_table(read_bytes(file.parent, file.name), str(file), ["img_path"])
    column = next((c for c in ("landmarks_MAL3D", "landmarks_FAN") if c in labels), None)
    if column is None:
        raise UserError(f"{file}: lacks the column landmarks_MAL3D (or landmarks_FAN); is it a table of ParFace?")
    rows = []
    for row, (path, value) in enumerate(zip(labels["img_path"], labels[column], strict=True)):
        with tolerant():
            name = last_parts(str(path), 2)
            where = f"{file}: row {row}"
            found = pictures.find(name, where)
            rows.append((row, str(PurePosixPath(name).with_suffix("")), found, points(value, where, 68)))
    frame = pd.DataFrame(rows, columns=["row", "name", "image", "landmarks"]).set_index("row")
    others = labels.drop(columns=["img_path", column])
    return frame.join(others[[c for c in others if c not in frame]]).reset_index(drop=True)


def _is_tag(values: pd.Series) -> bool:
    """Words, yes or no, and small numbers in few kinds: what a subset can be made of."""
    if not all(isinstance(v, (str, bool, int)) or v is None for v in values):
        return False
    return values.nunique() <= 50
