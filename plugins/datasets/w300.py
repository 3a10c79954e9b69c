"""300W: 68 landmarks on photographs found in the wild, the field's standard test."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from parface_bench.data.index import index
from parface_bench.data.readers import ibug


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
