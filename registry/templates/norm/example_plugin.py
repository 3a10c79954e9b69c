"""The normalising distance example-plugin: here the width of the mouth, for a start."""

from __future__ import annotations

import numpy as np

from parface_bench import norm
from parface_bench.scoring.norms import Truth


@norm("example-plugin", reference="where it is defined: paper, equation")
def example_plugin(truth: Truth) -> np.ndarray:
    """Distance of the mouth corners.

    Args:
        truth: N faces; ``truth.landmarks`` is float [N, L, 2|3], pixels, ``truth.schema`` their layout or None.

    Returns:
        One distance a face, float [N], pixels. A protocol file uses it by name: ``norm: example-plugin``.
    """
    assert truth.schema is not None
    assert truth.schema.mouth_corners is not None
    right, left = truth.schema.mouth_corners
    return truth.between([right], [left])
