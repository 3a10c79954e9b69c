"""The data set example-plugin: here photographs with .pts files, listed in a table, for a start.

ROOT/labels.csv        columns: image, pts, split (train or test), and any subset tags
ROOT/...               the photographs and .pts files that the table names, relative to ROOT
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from parface_bench import UserError, dataset, index
from parface_bench.data.readers.pts import parse_pts

TAGS = ["side", "grade"]


@dataset(
    "example-plugin",
    schema="ibug68",
    protocol="300w",
    licence="on request",
    how_to_get="write to ...",
    citation="whom to cite",
    reference="where it is described",
    subsets={"side": "the side that is paralysed", "grade": "how severe it is"},
)
def example_plugin(root: Path, split: str) -> pd.DataFrame:
    """Photographs with 68 landmarks each.

    Args:
        root: folder of the data set.
        split: 'train' or 'test'.

    Returns:
        The index table, one row a face (see :mod:`parface_bench.data.index`).

    Raises:
        UserError: the table or a file that it names is missing or broken.
    """
    table = root / "labels.csv"
    if not table.is_file():
        raise UserError(f"{table}: not found; is this the folder of the data set?")
    labels = pd.read_csv(table, dtype=str, keep_default_na=False)
    missing = [c for c in ("image", "pts", "split", *TAGS) if c not in labels]
    if missing:
        raise UserError(f"{table}: the columns {', '.join(missing)} are missing")

    def landmarks(row: tuple) -> object:
        path = root / row.pts  # type: ignore[attr-defined]
        if not path.is_file():
            raise UserError(f"{path}: not found, but named in {table}")
        return parse_pts(path.read_bytes(), str(path), count=68)

    return index(labels[labels["split"] == split], image="image", landmarks=landmarks, split=split, tags=TAGS)
