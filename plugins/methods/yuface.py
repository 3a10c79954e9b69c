"""libfacedetection (Wu et al., YuNet, MIR 2023) through the package yuface, whose library holds the weights."""

from __future__ import annotations

import warnings

import cv2
import numpy as np
from yuface import detect as find_faces

from parface_bench import method
from parface_bench.registry.errors import UserError

# Its boxes are WIDER FACE's (forehead to chin, narrow); these make them this toolkit's face boxes: medians over the 330
# faces of 300W's HELEN test set.
SCALE, SHIFT = 0.876, 0.14


@method(
    "yuface",
    task="detection",
    summary="libfacedetection: finds faces for 'pfbench predict' and 'pfbench data prepare'",
    reference="Wu, Peng & Yu, YuNet: A Tiny Millisecond-level Face Detector, Machine Intelligence Research 2023",
    licence="BSD-3-Clause; trained on WIDER FACE",
    needs="faces",
    default=True,
)
class YuFace:
    """A face detector for photographs of any size."""

    def __init__(self, score: float = 0.5, side: int = 640) -> None:
        """Set it up.

        Args:
            score: least confidence, 0 to 1.
            side: larger photographs are scaled so that their longer side has so many pixels; more finds smaller faces.
        """
        if not 0 <= score <= 1 or not 64 <= side <= 4096:
            raise UserError(f"yuface: score {score} must be from 0 to 1 and side {side} from 64 to 4096")
        self._score, self._side = score, side

    def detect(self, image: np.ndarray) -> np.ndarray:
        """All faces of a photograph uint8 RGB [H, W, 3]: float [N, 5], x1, y1, x2, y2, score; the surest first."""
        scale = min(1.0, self._side / max(image.shape[:2]))
        size = (max(round(image.shape[1] * scale), 1), max(round(image.shape[0] * scale), 1))
        small = cv2.cvtColor(image, cv2.COLOR_RGB2BGR)
        if scale < 1:
            small = cv2.resize(small, size, interpolation=cv2.INTER_AREA)
        # thinner pictures than its coarsest stride crash the library
        small = cv2.copyMakeBorder(small, 0, max(64 - size[1], 0), 0, max(64 - size[0], 0), cv2.BORDER_CONSTANT)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scores, boxes, _ = find_faces(np.ascontiguousarray(small), self._score)
        x, y, w, h = boxes.astype(np.float64).reshape(-1, 4).T
        long = np.maximum(w, h)
        half = SCALE * long / 2
        cx, cy = x + w / 2, y + h / 2 + SHIFT * long
        ratio = np.array([size[0] / image.shape[1], size[1] / image.shape[0]] * 2)
        found = np.stack([cx - half, cy - half, cx + half, cy + half], axis=1) / ratio
        order = np.argsort(-scores, kind="stable")
        return np.column_stack([found, np.asarray(scores, dtype=np.float64) / 100.0])[order]
