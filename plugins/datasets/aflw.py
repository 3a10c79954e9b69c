"""AFLW: 19 landmarks on 24,386 faces at all yaws."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pandas as pd

from parface_bench import dataset
from parface_bench.data.images.archive import read_bytes, walk
from parface_bench.data.index import index
from parface_bench.data.readers.aflw import parse_release, read_sqlite
from parface_bench.data.readers.lookup import Pictures
from parface_bench.faces.layouts import AFLW19, AFLW21
from parface_bench.registry.errors import UserError


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
