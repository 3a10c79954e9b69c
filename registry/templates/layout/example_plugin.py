"""The landmark layout example-plugin and a data set of it: here five points on dogs, listed in one table, for a start.

ROOT/labels.csv        columns: image, split (train or test), x0, y0, ..., x4, y4 (pixels, 0-based)
ROOT/...               the photographs that the table names, relative to ROOT
"""

from __future__ import annotations

from pathlib import Path

import pandas as pd

from parface_bench import Layout, UserError, dataset, index

LAYOUT = Layout(
    "example-plugin",
    points=5,
    names=["right eye", "left eye", "nose", "right ear", "left ear"],  # left and right are the animal's own
    flip=[(0, 1), (3, 4)],  # the pairs that change places in a mirror
    right=[0, 3],
    regions={"eyes": [0, 1], "nose": [2], "ears": [3, 4]},
    edges=[(0, 2), (1, 2), (0, 3), (1, 4)],
    outer=(0, 1),
    eyes=(0, 1),
    reference="where it is defined",
)


@dataset(
    "example-plugin",
    layout=LAYOUT,
    norm=("points", 0, 1),  # errors are divided by the distance of landmarks 0 and 1
    licence="on request",
    how_to_get="write to ...",
    citation="whom to cite",
    reference="where it is described",
)
def example_plugin(root: Path, split: str) -> pd.DataFrame:
    """Photographs with five landmarks each.

    Raises:
        UserError: the table is missing.
    """
    table = root / "labels.csv"
    if not table.is_file():
        raise UserError(f"{table}: not found; is this the folder of the data set?")
    labels = pd.read_csv(table)
    points = labels[[f"{axis}{i}" for i in range(len(LAYOUT)) for axis in "xy"]].to_numpy(float)
    labels["landmarks"] = list(points.reshape(-1, len(LAYOUT), 2))
    return index(labels[labels["split"] == split], image="image", landmarks="landmarks", split=split)
