"""AFLW: 19 landmarks on 24,386 faces at all yaws."""

from __future__ import annotations

import hashlib
import sqlite3
from contextlib import closing
from pathlib import Path

import numpy as np
import pandas as pd

from parface_bench import Layout, dataset
from parface_bench.data.images.archive import read_bytes, walk
from parface_bench.data.index import index
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.mat import load_mat, variable
from parface_bench.registry.errors import UserError

# Of the 21 points of the database the 13th and 17th, the ears, are left out by everybody.
EARS = (12, 16)
TRAIN = 20000

_FACES = """
    SELECT f.face_id AS face, i.filepath AS image, r.x, r.y, r.w, r.h, p.yaw AS yaw, m.sex, m.occluded, m.glasses
    FROM Faces f JOIN FaceImages i ON i.file_id = f.file_id JOIN FaceRect r ON r.face_id = f.face_id
    LEFT JOIN FacePose p ON p.face_id = f.face_id LEFT JOIN FaceMetaData m ON m.face_id = f.face_id
    GROUP BY f.face_id ORDER BY f.face_id
"""


AFLW19 = Layout(
    "aflw19",
    points=19,
    flip="5-0,11-6,14-12,17-15,18",
    regions={"brows": "0-5", "eyes": "6-11", "nose": "12-14", "mouth": "15-17", "jaw": "18"},
    edges=["0-2", "3-5", "6-8", "9-11", "12-14", "15-17"],
    right="0-2,6-8,12,15",
    outer=(6, 11),
    inner=(8, 9),
    eyes=("6-8", "9-11"),
    nose_tip=13,
    mouth_corners=(15, 17),
    reference="Köstinger et al., Annotated Facial Landmarks in the Wild, 2011, without the two ears",
)

AFLW21 = Layout(
    "aflw21",
    points=21,
    flip="5-0,11-6,16,15-13,12,19-17,20",
    regions={"brows": "0-5", "eyes": "6-11", "ears": "12,16", "nose": "13-15", "mouth": "17-19", "jaw": "20"},
    edges=["0-2", "3-5", "6-8", "9-11", "13-15", "17-19"],
    right="0-2,6-8,12,13,17",
    outer=(6, 11),
    inner=(8, 9),
    eyes=("6-8", "9-11"),
    nose_tip=14,
    mouth_corners=(17, 19),
    to={"aflw19": "0-11,13-15,17-20"},
    reference="Köstinger et al., Annotated Facial Landmarks in the Wild, 2011",
)


@dataset(
    "aflw",
    summary="Annotated Facial Landmarks in the Wild: 19 landmarks at all yaws",
    reference="https://www.tugraz.at/institute/icg/research/team-bischof/lrs/downloads/aflw/",
    licence="on request, research only",
    layout=[AFLW19, AFLW21],
    splits=("train", "full", "frontal"),
    test_splits=("full",),
    protocol="aflw",
    subsets={"frontal": "test faces with all 19 landmarks visible (1,165)"},
    counts={"train": 20000, "full": 4386, "frontal": 1165},
    overlaps={"full": ("aflw:frontal",)},
    citation="Köstinger et al., Annotated Facial Landmarks in the Wild, 2011; split of Zhu et al., CVPR 2016",
    how_to_get="ask TU Graz for AFLW; AFLWinfo_release.mat is on the CUHK page of Zhu et al. (compositional)",
)
def aflw(root: Path, split: str) -> pd.DataFrame:
    """AFLW from ``AFLWinfo_release.mat`` (the split of the literature), or else from ``aflw.sqlite``.

    The database has points only where they are seen and knows no split: one picture in five is then for testing.
    """
    files = {ref.rsplit("/", 1)[-1].lower(): ref for ref in walk(root, {".mat", ".sqlite"})}
    release, base = files.get("aflwinfo_release.mat"), files.get("aflw.sqlite")
    notes = []
    if release:
        labels = parse_release(read_bytes(root, release), str(root / release))
        tags = ["frontal"]
    elif base:
        labels = read_sqlite(root / base)
        labels["train"] = [_share(name) >= 0.2 for name in labels["image"]]
        labels["frontal"] = [bool(v.all()) for v in labels["visible"]]
        tags = ["frontal", "occluded", "glasses"]
        notes = ["AFLW without AFLWinfo_release.mat: visible points only, and a split of pfbench's own"]
    else:
        raise UserError(f"{root}: neither AFLWinfo_release.mat nor aflw.sqlite is there; put one of them below it")
    labels = labels[labels["train"] == (split == "train")]
    if split == "frontal":
        labels = labels[labels["frontal"].astype(bool)]
    pictures = Pictures(root, "data/flickr", "flickr", "aflw/data/flickr")
    labels = pictures.resolve(labels, lambda row: f"{root}, AFLW's face {row.face}")
    frame = index(
        labels,
        image="picture",
        landmarks="landmarks",
        visible="visible",
        bbox="bbox",
        box_size=lambda row: float(np.sqrt(np.prod(row.bbox[2:] - row.bbox[:2]))),
        id=lambda row: f"{row.image.rsplit('.', 1)[0]}#{row.face}",
        split=split,
        tags=tags if split != "train" else [],
        **({"yaw": "yaw"} if "yaw" in labels else {}),
    )
    frame.attrs["notes"] = notes
    return frame


def _share(key: str) -> float:
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48


def read_sqlite(path: Path) -> pd.DataFrame:
    """Faces of the database.

    Returns:
        Columns ``face``, ``image``, ``landmarks`` float64 [19, 2] (NaN where not seen), ``visible`` bool [19],
        ``bbox``, ``yaw`` (degrees), ``sex``, ``occluded``, ``glasses``.

    Raises:
        UserError: no such database.
    """
    try:
        with closing(sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)) as base:
            faces = pd.read_sql_query(_FACES, base)
            marks = pd.read_sql_query("SELECT face_id, feature_id, x, y FROM FeatureCoords ORDER BY face_id", base)
    except (sqlite3.Error, pd.errors.DatabaseError, ValueError, OverflowError) as error:
        reason = str(error).splitlines()[-1].lstrip("': ")[:120]
        raise UserError(f"{path}: no readable AFLW database ({reason}); copy it again") from None
    if faces.empty:
        raise UserError(f"{path}: holds no face with a picture and a rectangle; copy it again")
    try:
        numeric = marks.astype({"face_id": int, "feature_id": int, "x": float, "y": float})
        rectangles = faces[["x", "y", "w", "h"]].to_numpy(dtype=np.float64)
        yaw = np.degrees(pd.to_numeric(faces["yaw"]).to_numpy(dtype=np.float64))
    except (TypeError, ValueError) as error:
        raise UserError(f"{path}: holds text where numbers are due ({error}); copy it again") from None
    places = np.full((len(faces), 21, 2), np.nan)
    rows = pd.Series(range(len(faces)), index=faces["face"])
    numeric = numeric[numeric["feature_id"].between(1, 21) & numeric["face_id"].isin(rows.index)]
    places[rows[numeric["face_id"]].to_numpy(), numeric["feature_id"].to_numpy() - 1] = numeric[["x", "y"]].to_numpy()
    places = np.delete(places, EARS, axis=1)
    result = faces[["face", "image", "sex", "occluded", "glasses"]].copy()
    result["landmarks"] = pd.Series(list(places), dtype=object)
    result["visible"] = pd.Series(list(np.isfinite(places).all(axis=2)), dtype=object)
    boxes = np.concatenate([rectangles[:, :2], rectangles[:, :2] + rectangles[:, 2:]], axis=1)
    result["bbox"] = pd.Series(list(boxes), dtype=object)
    result["yaw"] = yaw
    return result


def parse_release(data: bytes, where: str) -> pd.DataFrame:
    """``AFLWinfo_release.mat``: all 24,386 faces in the order of its permutation, the first 20,000 for training.

    Returns:
        Columns ``face`` (0-based row of the file), ``image``, ``landmarks`` float64 [19, 2], ``visible`` bool [19],
        ``bbox`` float64 [4], ``train`` (bool), ``frontal`` (bool: all 19 points are visible).

    Raises:
        UserError: no such file.
    """
    mat = load_mat(data, where, ["bbox", "data", "mask_new", "nameList", "ra"])
    points = variable(mat, "data", where, (None, 38))
    boxes = variable(mat, "bbox", where, (len(points), 4))
    seen = variable(mat, "mask_new", where, (len(points), 19)) == 1
    order = variable(mat, "ra", where, (1, len(points)))[0]
    if sorted(order) != list(range(1, len(points) + 1)):
        raise UserError(f"{where}: 'ra' is no permutation of the {len(points)} faces; get the file again")
    try:
        names = [str(n[0][0]) for n in mat["nameList"].reshape(len(points), -1)]
    except (KeyError, IndexError, ValueError, AttributeError, TypeError):
        raise UserError(f"{where}: 'nameList' does not name {len(points)} pictures; get the file again") from None
    if not (np.isfinite(points).all() and np.isfinite(boxes).all()):
        raise UserError(f"{where}: 'data' or 'bbox' holds NaN or infinity; get the file again")
    faces = order.astype(int) - 1
    return pd.DataFrame(
        {
            "face": faces,
            "image": [names[f] for f in faces],
            "landmarks": pd.Series([np.stack([points[f, :19], points[f, 19:]], axis=1) for f in faces], dtype=object),
            "visible": pd.Series([seen[f] for f in faces], dtype=object),
            "bbox": pd.Series([boxes[f][[0, 2, 1, 3]] for f in faces], dtype=object),
            "train": np.arange(len(faces)) < TRAIN,
            "frontal": seen[faces].all(axis=1),
        }
    )
