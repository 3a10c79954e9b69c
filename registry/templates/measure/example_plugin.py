"""The clinical measure example-plugin: here the width of the mouth, for a start."""

from __future__ import annotations

import numpy as np

from parface_bench import measure
from parface_bench.clinical.frames import Shapes


@measure("example-plugin", unit="length", reference="where it is defined: paper, equation")
def example_plugin(shapes: Shapes) -> np.ndarray:
    """Width of the mouth.

    Args:
        shapes: N faces in the frame of measurement; ``shapes.points`` is float [N, L, 2]: X in pixels to the patient's
            left, Y down; ``shapes.anatomy`` says which landmark is what.

    Returns:
        One number a face, float [N], NaN where it is undefined. A ``length`` is in pixels; the toolkit makes it percent
        of the outer-eye distance.
    """
    right, left = shapes.anatomy.right.commissure, shapes.anatomy.left.commissure
    return np.linalg.norm(shapes.points[:, left] - shapes.points[:, right], axis=1)
