"""MTCNN (Zhang et al., 2016): faces and five points by three small networks, with the weights of facenet-pytorch."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import nms

from parface_bench import method
from parface_bench.data.images.crop import warp
from parface_bench.faces.geometry import box_to_square
from parface_bench.methods.base import Method
from parface_bench.methods.checkpoint import load_safely
from parface_bench.plugins.methods.weights import Published
from parface_bench.registry.errors import UserError

GET = "pip install --no-deps facenet-pytorch, or give the folder of its data: --set {}.weights=FOLDER"
CHECKSUMS = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}
# Its boxes are WIDER FACE's (forehead to chin, narrow); these make them this toolkit's face boxes: medians over every
# 25th of 300W's training faces.
SCALE, SHIFT = 0.874, 0.156
CELL, STRIDE, STEP = (
    12,
    2,
    0.709,
)  # side and stride of the first network's window; from one size of the picture to the next
LEAST = (0.6, 0.7, 0.7)  # confidence that each network asks for


class Proposal(nn.Module):
    """The first network: any picture, a face or not in each window of 12 pixels, and where in it."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 10, 3), nn.PReLU(10)
        self.conv2, self.prelu2 = nn.Conv2d(10, 16, 3), nn.PReLU(16)
        self.conv3, self.prelu3 = nn.Conv2d(16, 32, 3), nn.PReLU(32)
        self.conv4_1, self.conv4_2 = nn.Conv2d(32, 2, 1), nn.Conv2d(32, 4, 1)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, H, W] -> chance of a face [B, h, w] and moves of the window's corners [B, 4, h, w]."""
        x = F.max_pool2d(self.prelu1(self.conv1(x)), 2, 2, ceil_mode=True)
        x = self.prelu3(self.conv3(self.prelu2(self.conv2(x))))
        return self.conv4_1(x).softmax(dim=1)[:, 1], self.conv4_2(x)


class Refinement(nn.Module):
    """The second network: squares of 24 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 28, 3), nn.PReLU(28)
        self.conv2, self.prelu2 = nn.Conv2d(28, 48, 3), nn.PReLU(48)
        self.conv3, self.prelu3 = nn.Conv2d(48, 64, 2), nn.PReLU(64)
        self.dense4, self.prelu4 = nn.Linear(576, 128), nn.PReLU(128)
        self.dense5_1, self.dense5_2 = nn.Linear(128, 2), nn.Linear(128, 4)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """[B, 3, 24, 24] -> chance of a face [B] and moves of the square's corners [B, 4]."""
        x = F.max_pool2d(self.prelu1(self.conv1(x)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = self.prelu4(self.dense4(_flat(self.prelu3(self.conv3(x)))))
        return self.dense5_1(x).softmax(dim=1)[:, 1], self.dense5_2(x)


class Output(nn.Module):
    """The third network: squares of 48 pixels."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1, self.prelu1 = nn.Conv2d(3, 32, 3), nn.PReLU(32)
        self.conv2, self.prelu2 = nn.Conv2d(32, 64, 3), nn.PReLU(64)
        self.conv3, self.prelu3 = nn.Conv2d(64, 64, 3), nn.PReLU(64)
        self.conv4, self.prelu4 = nn.Conv2d(64, 128, 2), nn.PReLU(128)
        self.dense5, self.prelu5 = nn.Linear(1152, 256), nn.PReLU(256)
        self.dense6_1, self.dense6_2, self.dense6_3 = nn.Linear(256, 2), nn.Linear(256, 4), nn.Linear(256, 10)

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """[B, 3, 48, 48] -> chance of a face [B], moves of the corners [B, 4], five points [B, 5, 2] in shares."""
        x = F.max_pool2d(self.prelu1(self.conv1(x)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.prelu2(self.conv2(x)), 3, 2, ceil_mode=True)
        x = F.max_pool2d(self.prelu3(self.conv3(x)), 2, 2, ceil_mode=True)
        x = self.prelu5(self.dense5(_flat(self.prelu4(self.conv4(x)))))
        points = self.dense6_3(x).view(-1, 2, 5).transpose(1, 2)
        return self.dense6_1(x).softmax(dim=1)[:, 1], self.dense6_2(x), points


def _flat(x: Tensor) -> Tensor:
    """Features as vectors in the order of the weights, which were trained on pictures whose axes were exchanged."""
    return x.permute(0, 3, 2, 1).reshape(len(x), -1)


class Networks:
    """The three networks with their published weights.

    Args:
        weights: folder of the user's own copies; '' = where the package put them.
        check: hold them to their checksums.
        who: ``method`` or ``detector``, for messages.

    Raises:
        UserError: a file is missing, another version or damaged.
    """

    def __init__(self, weights: str, check: bool, who: str) -> None:
        self.proposal, self.refinement, self.output = Proposal(), Refinement(), Output()
        for network, file in zip((self.proposal, self.refinement, self.output), CHECKSUMS, strict=True):
            path = published(file, who).locate(Path(weights) / file if weights else "", check)
            try:
                network.load_state_dict(load_safely(path))
            except RuntimeError:
                raise UserError(f"{path}: no weights of MTCNN; {GET.format(who)}") from None
            network.eval()

    @torch.inference_mode()
    def propose(self, image: np.ndarray, smallest: float) -> Tensor:
        """Rough boxes [N, 5] (corners, score) of faces of at least so many pixels."""
        found, scale = [torch.zeros(0, 5)], CELL / smallest
        whole = _normal(torch.from_numpy(image).permute(2, 0, 1)[None])
        while min(image.shape[:2]) * scale >= CELL:
            size = (int(image.shape[0] * scale + 1), int(image.shape[1] * scale + 1))
            chance, moves = self.proposal(F.interpolate(whole, size, mode="area"))
            y, x = (chance[0] >= LEAST[0]).nonzero(as_tuple=True)
            corner = torch.stack([x, y], dim=1) * STRIDE
            boxes = torch.cat([corner + 1, corner + CELL], dim=1) / scale
            boxes = torch.cat([moved(boxes, moves[0, :, y, x].T), chance[0, y, x, None]], dim=1)
            found.append(boxes[nms(boxes[:, :4], boxes[:, 4], 0.5)])
            scale *= STEP
        boxes = torch.cat(found)
        return boxes[nms(boxes[:, :4], boxes[:, 4], 0.7)]

    @torch.inference_mode()
    def refine(self, image: np.ndarray, boxes: Tensor) -> Tensor:
        """Those of rough boxes [N, 4] that the second network takes for faces, moved: [M, 5]."""
        if not len(boxes):
            return torch.zeros(0, 5)
        squares = square(boxes)
        chance, moves = self.refinement(cut(image, squares, 24))
        kept = chance >= LEAST[1]
        boxes = torch.cat([moved(squares, moves), chance[:, None]], dim=1)[kept]
        return boxes[nms(boxes[:, :4], boxes[:, 4], 0.7)]

    @torch.inference_mode()
    def look(self, image: np.ndarray, boxes: Tensor) -> tuple[Tensor, Tensor]:
        """Boxes [N, 4] as the third network moves them, with their scores [N, 5], and five points [N, 5, 2]."""
        squares = square(boxes)
        chance, moves, points = self.output(cut(image, squares, 48))
        sides = squares[:, None, 2:] - squares[:, None, :2]
        return torch.cat([moved(squares, moves), chance[:, None]], dim=1), squares[:, None, :2] + points * sides


def _normal(pixels: Tensor) -> Tensor:
    return (pixels.float() - 127.5) / 128


def moved(boxes: Tensor, moves: Tensor) -> Tensor:
    """Corners [N, 4] moved by shares [N, 4] of the boxes' sides."""
    return boxes + moves * (boxes[:, 2:] - boxes[:, :2]).repeat(1, 2)


def square(boxes: Tensor) -> Tensor:
    """Squares [N, 4] of the longer sides, about the same middles."""
    half = (boxes[:, 2:4] - boxes[:, :2]).amax(dim=1, keepdim=True) / 2
    middle = (boxes[:, :2] + boxes[:, 2:4]) / 2
    return torch.cat([middle - half, middle + half], dim=1)


def cut(image: np.ndarray, squares: Tensor, side: int) -> Tensor:
    """Squares [N, 4] of a picture as a batch [N, 3, side, side]."""
    crops = [warp(image, box_to_square(box, side), side) for box in squares.double().numpy()]
    return _normal(torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2))


def published(file: str, who: str) -> Published:
    """One of the three files."""
    return Published(file, CHECKSUMS[file], "facenet-pytorch", GET.format(who))


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
