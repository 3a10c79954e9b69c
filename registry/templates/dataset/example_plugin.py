"""The data set example-plugin: here photographs with .pts files, listed in a table, for a start.

ROOT/labels.csv        columns: image, pts, split (train or test), and any subset tags
ROOT/...               the photographs and .pts files that the table names, relative to ROOT
"""

from pathlib import Path

import pandas as pd

from parface_bench import dataset, index
from parface_bench.data.readers.pts import read_pts
from parface_bench.data.readers.tables import read_csv

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

    Returns one row a face, as :mod:`parface_bench.data.index` has it.
    """
    labels = read_csv(root / "labels.csv", ["image", "pts", "split", *TAGS], dtype=str)
    labels = labels[labels["split"] == split]
    return index(labels, image="image", landmarks=lambda face: read_pts(root / face.pts, 68), split=split, tags=TAGS)
