"""300W: 68 landmarks on photographs found in the wild, the field's standard test."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from parface_bench import dataset
from parface_bench.data.index import index
from parface_bench.data.readers import ibug
from parface_bench.faces.hub import IBUG68

PUBLIC = ("300w:train", "300w:common", "300w:challenging", "300w:full")


@dataset(
    "300w",
    summary="300 Faces in the Wild: 68 landmarks, common, challenging and private test sets",
    reference="https://ibug.doc.ic.ac.uk/resources/300-W/",
    licence="research only",
    layout=IBUG68,
    splits=("train", "common", "challenging", "full", "private"),
    test_splits=("full",),
    protocol="300w",
    subsets={
        "common": "HELEN test (330) and LFPW test (224)",
        "challenging": "iBUG (135)",
        "full": "common and challenging (689)",
        "private": "the 300-W challenge's own test set: 300 indoor and 300 outdoor faces",
    },
    counts={"train": 3148, "common": 554, "challenging": 135, "full": 689, "private": 600},
    overlaps={"full": ("300w:common", "300w:challenging")},
    citation="Sagonas et al., 300 Faces In-The-Wild Challenge: database and results, IMAVIS 2016",
    how_to_get="download all parts of https://ibug.doc.ic.ac.uk/resources/300-W/ and unpack them into one folder",
    config_key="w300",
)
def w300(root: Path, split: str) -> pd.DataFrame:
    """300W from its ``.pts`` files beside the pictures, in folders named as distributed or repackaged, or in tars."""
    sources = ibug.SPLITS[split]
    labels = ibug.faces(root, sources)
    labels["common"] = labels["source"].isin(ibug.COMMON)
    labels["challenging"] = labels["source"].isin(ibug.CHALLENGING)
    tags = ["source"]
    if split == "full":
        tags += [tag for tag in ("common", "challenging") if labels[tag].any()]
    frame = index(
        labels,
        image="image",
        landmarks="landmarks",
        bbox="bbox",
        id="id",
        split=split,
        tags=tags,
        bbox_detector="bbox_detector",
    )
    frame.attrs["notes"] = ibug.absent(labels, sources)
    return frame
