"""The metric example-plugin: here the error over the mouth, for a start."""

import numpy as np

from parface_bench import metric
from parface_bench.scoring.face_errors import Faces


@metric("example-plugin", unit="%", higher_is_better=False, reference="where it is defined: paper, equation")
def example_plugin(faces: Faces) -> np.ndarray:
    """Mean error over the mouth, float [N]; ``faces.errors`` is [N, L], percent of the normalising distance."""
    assert faces.schema is not None
    return faces.errors[:, faces.schema.region("mouth")].mean(axis=1)
