"""Pictures that show one face each and of which nothing else is known: the picture itself says where the face is."""

from __future__ import annotations

import numpy as np
import pandas as pd

from parface_bench.data.images.crop import BOX_TO_LANDMARK_SQUARE
from parface_bench.data.images.reading import image_size
from parface_bench.data.source import say


def whole_pictures(frame: pd.DataFrame) -> pd.DataFrame:
    """The index table with a box for the faces that have neither landmarks nor box, and a note of how many they are.

    The box [4] is the one for whose face :meth:`parface_bench.data.images.crop.Crop.for_boxes` of the standard crop
    cuts out the picture's middle square.

    Raises:
        UserError: one of their pictures cannot be read; names the file.
    """
    bare = [marks is None and box is None for marks, box in zip(frame["landmarks"], frame["bbox"], strict=True)]
    if not any(bare):
        return frame
    boxes = list(frame["bbox"])
    for row in np.flatnonzero(bare):
        boxes[row] = _middle(*image_size(frame.attrs["root"], frame["image"].iloc[row]))
    name = frame.attrs.get("dataset", "the data set")
    say(
        f"{sum(bare)} pictures of {name} have neither landmarks nor box and are taken whole; if they show more than "
        f"one face each, run 'pfbench data prepare {name}' first"
    )
    out = frame.copy()
    out["bbox"] = pd.Series(boxes, index=frame.index, dtype=object)
    out.attrs = dict(frame.attrs)
    return out


def _middle(width: int, height: int) -> np.ndarray:
    scale, shift = BOX_TO_LANDMARK_SQUARE
    side = min(width, height) / scale
    x, y = (width - 1) / 2, (height - 1) / 2 - shift * side
    return np.array([x - side / 2, y - side / 2, x + side / 2, y + side / 2])
