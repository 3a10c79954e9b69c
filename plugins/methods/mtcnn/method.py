"""MTCNN (Zhang et al., 2016) as a face detector, and as a method of five landmarks."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torchvision.ops import nms

from parface_bench import method
from parface_bench.data.images.crop import warp
from parface_bench.methods.base import Method
from parface_bench.plugins.methods.mtcnn.networks import CELL, LEAST, Networks, published
from parface_bench.registry.errors import UserError

# Its boxes are WIDER FACE's (forehead to chin, narrow); these make them this toolkit's face boxes: medians over every
# 25th of 300W's training faces.
SCALE, SHIFT = 0.874, 0.156


@method(
    "mtcnn-faces",
    task="detection",
    summary="MTCNN: finds faces for 'pfbench predict', on any system; slower than yuface",
    reference="Zhang et al., Joint Face Detection and Alignment using MTCNN, IEEE SPL 2016, arXiv:1604.02878",
    licence="MIT (weights as facenet-pytorch distributes them); trained on WIDER FACE and CelebA",
)
class MtcnnFaces:
    """A face detector for photographs of any size."""

    def __init__(self, score: float = 0.9, side: int = 640, smallest: int = 24, weights: str = "", check: bool = True):
        """Set it up.

        Args:
            score: least confidence, 0 to 1.
            side: larger photographs are scaled so that their longer side has so many pixels.
            smallest: side in pixels of the smallest face, after that.
            weights: folder of the user's own ``pnet.pt``, ``rnet.pt`` and ``onet.pt``.
            check: hold them to their checksums.
        """
        if not 0 <= score <= 1 or not 64 <= side <= 4096 or not CELL <= smallest <= side:
            raise UserError(
                f"mtcnn-faces: score {score} must be from 0 to 1, side {side} from 64 to 4096 and smallest {smallest} "
                f"from {CELL} to the side"
            )
        self._networks = Networks(weights, check, "detector")
        self._score, self._side, self._smallest = score, side, smallest

    @staticmethod
    def lacks() -> str:
        """What is missing besides packages: the weights."""
        return published("onet.pt", "detector").lacks()

    def detect(self, image: np.ndarray) -> np.ndarray:
        """All faces of a photograph uint8 RGB [H, W, 3]: float [N, 5], x1, y1, x2, y2, score; the surest first."""
        scale = min(1.0, self._side / max(image.shape[:2]))
        size = [max(round(n * scale), 1) for n in image.shape[:2]]
        matrix = np.array([[scale, 0, scale / 2 - 0.5], [0, scale, scale / 2 - 0.5]])
        small = warp(np.ascontiguousarray(image), matrix, max(size))[: size[0], : size[1]] if scale < 1 else image
        small = np.ascontiguousarray(small)
        boxes = self._networks.refine(small, self._networks.propose(small, self._smallest))
        if not len(boxes):
            return np.zeros((0, 5))
        boxes, _ = self._networks.look(small, boxes)
        boxes = boxes[boxes[:, 4] >= max(self._score, LEAST[2])]
        kept = boxes[nms(boxes[:, :4], boxes[:, 4], 0.4)].double().numpy()
        x1, y1, x2, y2 = kept[:, :4].T
        long = np.maximum(x2 - x1, y2 - y1)
        x, y, half = (x1 + x2) / 2, (y1 + y2) / 2 + SHIFT * long, SCALE * long / 2
        found = np.stack([x - half, y - half, x + half, y + half], axis=1)
        return np.column_stack([(found + 0.5) / scale - 0.5, kept[:, 4]])


@method(
    "mtcnn",
    schema="points5",
    summary="MTCNN's third network: five points (eyes, nose, corners of the mouth)",
    reference="Zhang et al., Joint Face Detection and Alignment using MTCNN, IEEE SPL 2016, arXiv:1604.02878",
    licence="MIT (weights as facenet-pytorch distributes them); trained on WIDER FACE and CelebA",
    trained_on=("celeba",),
)
class Mtcnn(Method):
    """The third network alone: it moves the given box, then finds the points in the moved one."""

    schema = "points5"

    def __init__(self, weights: str = "", check: bool = True, passes: int = 2) -> None:
        """Load the networks.

        Args:
            weights: folder of the user's own ``pnet.pt``, ``rnet.pt`` and ``onet.pt``.
            check: hold them to their checksums.
            passes: how often the network looks at a face.
        """
        if passes < 1:
            raise UserError(f"mtcnn: passes {passes} must be at least 1")
        self._networks = Networks(weights, check, "method")
        self._passes = passes

    @staticmethod
    def lacks() -> str:
        """What is missing besides packages: the weights."""
        return published("onet.pt", "method").lacks()

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """See :meth:`Method.predict`."""
        found = np.full((len(images), 5, 2), np.nan)
        self.confidence = np.zeros(len(images))
        for i, (image, box) in enumerate(zip(images, np.asarray(boxes, dtype=np.float64), strict=True)):
            if not np.isfinite(box).all():
                continue
            # from this toolkit's face box to WIDER FACE's
            long = (box[2:] - box[:2]).max() / SCALE
            middle = (box[:2] + box[2:]) / 2 - [0, SHIFT * long]
            given = torch.tensor(np.concatenate([middle - long / 2, middle + long / 2])[None], dtype=torch.float32)
            for _ in range(self._passes):
                looked, points = self._networks.look(np.ascontiguousarray(image), given)
                given = looked[:, :4]
            found[i] = points[0].double().numpy()
            self.confidence[i] = float(looked[0, 4])
        return found
