"""The metric example-plugin: here the error over the mouth, for a start."""

from __future__ import annotations

import numpy as np

from parface_bench import metric
from parface_bench.scoring.face_errors import Faces


@metric("example-plugin", unit="%", higher_is_better=False, reference="where it is defined: paper, equation")
def example_plugin(faces: Faces) -> np.ndarray:
    """Mean normalised error over the mouth.

    Args:
        faces: N scored faces; ``faces.errors`` is float [N, L], percent of the normalising distance.

    Returns:
        One number a face, float [N]. The toolkit averages, splits by subset and adds the bootstrap interval.
    """
    assert faces.schema is not None
    return faces.errors[:, faces.schema.region("mouth")].mean(axis=1)
