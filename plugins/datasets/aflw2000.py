"""AFLW2000-3D and 300W-LP: 68 landmarks in 3D fitted by a morphable model, over all yaws."""

from __future__ import annotations

import hashlib
import re
from pathlib import Path
from typing import Any

import pandas as pd

from parface_bench import dataset
from parface_bench.data.index import index
from parface_bench.data.readers import pose3d
from parface_bench.data.readers.sidecar import find
from parface_bench.plugins.datasets.menpo2d import PUBLIC as MENPO
from parface_bench.plugins.datasets.w300 import PUBLIC as W300


@dataset(
    "aflw2000-3d",
    summary="AFLW2000-3D: 2,000 faces at all yaws with 68 landmarks in 3D",
    reference="http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm",
    licence="research only",
    schema="ibug68",
    dims=3,
    splits=("test",),
    train_splits=(),
    protocol="aflw2000-3d",
    subsets={"yaw-0-30": "absolute yaw up to 30", "yaw-30-60": "above 30, up to 60", "yaw-60-90": "above 60"},
    counts={"test": 2000},
    overlaps={"test": ("aflw", "merl-rav", "menpo2d:train")},  # AFLW's first 2,000 photographs
    citation="Zhu et al., Face Alignment Across Large Poses: A 3D Solution, CVPR 2016",
    how_to_get="download AFLW2000-3D.zip from its page and unpack it",
    config_key="aflw20003d",
)
def aflw2000_3d(root: Path, split: str, base: int = 1) -> pd.DataFrame:
    """AFLW2000-3D from its ``.mat`` files, or from ParFace's JSON and yaws; ``base`` 0: the ``.mat`` are 0-based."""
    table = find(root, "aflw2000_3D_anno_vd.json")
    if table is None:
        return _index(pose3d.from_mats(root, base, pose=True), split)
    yaws = find(root, "aflw2000_3D_yaw.npy")
    frame = _index(pose3d.from_json(root, table, yaws), split)
    if yaws is None:
        frame.attrs["notes"] = ["AFLW2000-3D without aflw2000_3D_yaw.npy: no yaw, so no subsets by yaw"]
    return frame


@dataset(
    "300w-lp",
    summary="300W across large poses: 61,225 renderings with 68 landmarks in 3D",
    reference="http://www.cbsr.ia.ac.cn/users/xiangyuzhu/projects/3DDFA/main.htm",
    licence="research only",
    schema="ibug68",
    dims=3,
    splits=("train", "val", "all"),
    test_splits=("val",),
    protocol="parface",
    subsets={"source=...": "afw, helen, ibug, lfpw; 300W's test photographs are in it"},
    counts={"all": 122450},
    overlaps={
        "train": (*W300, *MENPO),
        "val": (*W300, *MENPO),
        "all": ("300w-lp:train", "300w-lp:val", *W300, *MENPO),
    },
    citation="Zhu et al., Face Alignment Across Large Poses: A 3D Solution, CVPR 2016",
    how_to_get="download 300W-LP.zip from its page and unpack it; ParFace's 300wLP_anno_tr.json goes to csv/",
    config_key="wlp300",
)
def w300_lp(root: Path, split: str, base: int = 1) -> pd.DataFrame:
    """300W-LP from its ``.mat`` files or ParFace's JSON, split by photograph: one in ten is for validation.

    All renderings and mirrored copies of one photograph, with all of its faces, are on the same side.
    """
    table = find(root, "300wLP_anno_tr.json")
    faces = pose3d.from_json(root, table) if table else pose3d.from_mats(root, base)
    faces["source"] = [photograph(ref).split("_")[0].lower() for ref in faces["image"]]
    held_back = pd.Series([_share(photograph(ref)) < 0.1 for ref in faces["image"]], dtype=bool)
    keep = {"train": ~held_back, "val": held_back, "all": held_back | True}[split]
    return _index(faces[keep].reset_index(drop=True), split, ["source"])


def photograph(ref: str) -> str:
    """The photograph that a picture of 300W-LP was rendered from: ``HELEN_100040721`` of ``HELEN_100040721_1_7.jpg``.

    The last number is the rendering; before it AFW, HELEN and IBUG have the number of the face in the photograph.
    """
    name = re.sub(r"\.\w+$", "", ref.rsplit("/", 1)[-1])
    name = re.sub(r"_\d+$", "", name)
    return re.sub(r"(?<=\d)_\d+$", "", name)


def _share(key: str) -> float:
    """A number in [0, 1) that depends on the key alone."""
    return int.from_bytes(hashlib.sha256(key.encode()).digest()[:6], "big") / 2**48


def _index(faces: pd.DataFrame, split: str, tags: tuple[str, ...] | list[str] = ()) -> pd.DataFrame:
    columns = {"yaw": "yaw"} if faces["yaw"].notna().any() else {}
    if faces["landmarks_2d"].notna().any():
        columns["landmarks_2d"] = "landmarks_2d"
    return index(faces, image="image", landmarks="landmarks", bbox="bbox", id=_name, split=split, tags=tags, **columns)


def _name(row: Any) -> str:
    """The picture's own name, without the folders that depend on where the set was unpacked."""
    folder, _, name = str(row.image).rpartition("/")
    return re.sub(r"\.\w+$", "", name) + ("_flip" if folder.lower().endswith("flip") else "")
