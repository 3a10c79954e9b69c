"""The data set ``palsy-twin``: made on first use, then read like any other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench import dataset
from parface_bench.data.index import index
from parface_bench.plugins.datasets.palsy_twin import storage
from parface_bench.plugins.datasets.palsy_twin.covering import HIDING
from parface_bench.plugins.datasets.palsy_twin.generate import HEALTHY, SIZES, ensure, make_root, make_root_v1
from parface_bench.plugins.datasets.palsy_twin.versions import LATEST, V1, Version

CATEGORIES = ["palsy_side", "palsy_grade", "palsy_kind", "expression", "skin_tone", "occlusion", "lighting"]
SUBSETS = {
    "healthy": "no palsy, natural asymmetry",
    "mild": "House-Brackmann II and III",
    "moderate": "House-Brackmann IV",
    "severe": "House-Brackmann V and VI",
    "flaccid": "palsy without synkinesis",
    "synkinetic": "palsy with synkinesis and contracture",
    "occluded": "a hand, scarf, mask, object or dark glasses hide part of the face",
    "clean": "nothing before the face, a fair photograph, light from the front or above",
    "clinic": "clean, and yaw, pitch and roll to 30 degrees, as a clinic photographs",
}


# facts of both versions
TWIN = {
    "reference": "docs/explanation/palsy-twin.md",
    "licence": "CC0 1.0 (MakeHuman head data); no real person, no clinical evidence",
    "schema": "ibug68",
    "dims": 3,
    "splits": ("train", "val", "test", "paired"),
    "pairs": "healthy",
    "pairs_within": "clinic",
    "protocol": "parface",
    "subsets": SUBSETS,
    "citation": "parface-bench, its palsy twin (docs, palsy-twin.md); head: MakeHuman, http://www.makehumancommunity.org",
    "how_to_get": "made on first use",
    "images_shareable": True,
}


@dataset(
    "palsy-twin",
    make_root=make_root,
    summary="Synthetic faces with exact 3D truth and dialled facial palsy, rendered on first use (v2)",
    counts={"train": 4000, "val": 500, "test": 1000, "paired": 2000},
    **TWIN,
)
def palsy_twin(
    root: Path,
    split: str,
    train: int = SIZES["train"],
    val: int = SIZES["val"],
    test: int = SIZES["test"],
    paired: int = 2000,
    seed: int = 0,
    image_size: int = 256,
    palsy: bool = True,
) -> pd.DataFrame:
    """The first faces of a split (as many as its size says), making those that are missing.

    ``landmarks`` are the 3D truth (fixed surface points, z in pixels toward the viewer), ``landmarks_2d`` the 2D
    annotators' truth, ``visible`` tells which 3D points are seen. In the split ``paired`` rows 2k and 2k + 1 (column
    ``pair`` = k) are the same identity, look, pose, light and camera without and with palsy.

    ``palsy`` False takes every palsy away from the faces of ``train`` (the same people, poses and light, as many
    faces): training on healthy faces only. The other splits are what they always are, to be scored on.
    """
    sizes = {"train": train, "val": val, "test": test, "paired": paired, f"train{HEALTHY}": train}
    made = f"train{HEALTHY}" if split == "train" and not palsy else split
    return _table(root, split, sizes, seed, image_size, LATEST, made)


@dataset(
    "palsy-twin-v1",
    make_root=make_root_v1,
    summary="The twin's first version, with milder palsies: for results that were recorded on it",
    counts={"train": 4000, "val": 500, "test": 1000, "paired": 500},
    formerly={"palsy-twin": ("af10f5a3ed22bbae",)},
    **TWIN,
)
def palsy_twin_v1(
    root: Path,
    split: str,
    train: int = SIZES["train"],
    val: int = SIZES["val"],
    test: int = SIZES["test"],
    paired: int = SIZES["paired"],
    seed: int = 0,
    image_size: int = 256,
) -> pd.DataFrame:
    """The same of the first version, whose palsies are milder."""
    return _table(root, split, {"train": train, "val": val, "test": test, "paired": paired}, seed, image_size, V1)


def _table(
    root: Path, split: str, sizes: dict[str, int], seed: int, image_size: int, version: Version, made: str = ""
) -> pd.DataFrame:
    """The faces of a split, which lie under the name ``made`` (default: its own)."""
    made = made or split
    size = sizes[made]
    ensure(root, {made: size}, seed=seed, image_size=image_size, version=version)
    labels = pd.DataFrame(storage.read_records(storage.label_file(root, made))[:size])
    grade = labels["palsy_grade"]
    labels["healthy"], labels["flaccid"], labels["synkinetic"] = (
        labels["palsy_kind"] == kind for kind in ("healthy", "flaccid", "synkinetic")
    )
    labels["mild"] = grade.isin(["II", "III"])
    labels["moderate"] = grade == "IV"
    labels["severe"] = grade.isin(["V", "VI"])
    labels["occluded"] = labels["occlusion"].isin(HIDING)
    labels["clinic"] = labels["clean"] & (labels[["yaw", "pitch", "roll"]].abs().max(axis=1) <= 30)
    more: dict[str, Any] = {"pair": "pair"} if "pair" in labels else {}
    if version is not V1:  # whose recorded runs validated without regard to persons
        more["identity"] = lambda row: f"{split}-{row.person}"
    return index(
        labels,
        image="img_path",
        landmarks="landmarks_MAL3D",
        bbox=_box,
        split=split,
        tags=[*CATEGORIES, *SUBSETS],
        landmarks_2d="landmarks_2d",
        visible="visible",
        yaw="yaw",
        pitch="pitch",
        roll="roll",
        palsy_severity="palsy_severity",
        person="person",
        **more,
    )


def _box(row: Any) -> np.ndarray:
    """Tight box of the 2D landmarks."""
    marks = np.asarray(row.landmarks_2d)
    return np.concatenate([marks.min(axis=0), marks.max(axis=0)])
