"""The three networks of MTCNN (Zhang et al., 2016), with the weights that facenet-pytorch distributes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchvision.ops import nms

from parface_bench.data.images.crop import warp
from parface_bench.faces.geometry import box_to_square
from parface_bench.methods.checkpoint import load_safely
from parface_bench.plugins.methods.weights import Published
from parface_bench.registry.errors import UserError

GET = "pip install --no-deps facenet-pytorch, or give the folder of its data: --set {}.weights=FOLDER"
CHECKSUMS = {
    "pnet.pt": "a2a71925e0b9996a42f63e47efc1ca19043e69558b5c523b978d611dfae49c8f",
    "rnet.pt": "bbb937de72efc9ef83b186c49f5f558467a1d7e3453a8ece0d71a886633f6a86",
    "onet.pt": "165bfbe42940416ccfb977545cf0e976d5bf321f67083ae2aaaa5c764280118d",
}
# Side and stride of the first network's window, and from one size of the picture to the next.
CELL, STRIDE, STEP = 12, 2, 0.709
# Confidence that each network asks for.
LEAST = (0.6, 0.7, 0.7)


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
