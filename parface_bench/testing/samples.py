"""Small made-up inputs for plugins: scored faces, photographs with boxes, a training batch. Always the same ones."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from parface_bench.faces import get_schema

if TYPE_CHECKING:
    from parface_bench.clinical.frames import Shapes
    from parface_bench.data.batches.batch import Batch
    from parface_bench.data.heatmaps.codecs import HeatmapCodec
    from parface_bench.scoring.face_errors import Faces


def _points(schema: str, n: int, dims: int, size: float) -> np.ndarray:
    """[n, L, dims] points spread over the middle of a square of ``size`` pixels, no two of a face alike."""
    rng = np.random.default_rng(0)
    points = rng.uniform(0.25 * size, 0.75 * size, (n, len(get_schema(schema)), 3))
    points[..., 2] -= points[..., 2].mean(axis=1, keepdims=True)
    return points[..., :dims]


def sample_faces(schema: str = "ibug68", n: int = 6, dims: int = 2, error: float = 2.0, sure: float = 1.0) -> Faces:
    """Scored faces, as a metric sees them.

    Args:
        schema: landmark schema.
        n: faces.
        dims: 3 for truths and predictions with depth.
        error: standard deviation of the predictions' error, pixels; 0 for a perfect method. The normalising distance
            is 100 px, so 1 px is 1 %; most landmarks are visible, some of each face are not.
        sure: 1 for a confidence that falls with the error and is less for hidden landmarks, -1 for the reverse.
    """
    from parface_bench.scoring.face_errors import Faces

    truth = _points(schema, n, dims, 200.0)
    noise = np.random.default_rng(1).normal(size=truth.shape)
    norm = np.full(n, 100.0)
    visible = np.arange(truth.shape[1])[None] % 7 != np.arange(n)[:, None]
    return Faces(
        ids=np.array([f"face{i}" for i in range(n)]),
        schema=get_schema(schema),
        landmarks=truth,
        predicted=truth + error * noise,
        norm=norm,
        depth_norm=norm if dims == 3 else None,
        visible=visible,
        confidence=sure * (visible - np.linalg.norm(noise[..., :2], axis=-1)),
    )


# Right half and midline of a symmetric face of 68 points, x and y in percent of the outer-eye distance.
_HALF = (
    "-75,0 -74,25 -70,48 -64,68 -54,84 -42,97 -28,107 -13,113 0,115",  # jaw, 0-8
    "-65,-22 -55,-30 -43,-32 -31,-29 -18,-24",  # brow, 17-21
    "0,0 0,14 0,28 0,40 -17,50 -8,53 0,55",  # nose, 27-33
    "-50,0 -41,-6 -29,-7 -17,1 -28,6 -40,6",  # eye, 36-41
    "-32,78 -20,72 -8,69 0,71",  # mouth, 48-51
    "0,93 -9,92 -20,88",  # 57-59
    "-28,78 -10,75 0,76 0,83 -10,82",  # 60-62, 66, 67
)
_WHERE = "0-8,17-21,27-33,36-41,48-51,57-59,60-62,66-67"


def sample_shapes(
    n: int = 6, dims: int = 2, pupils: bool = False, size: float = 100.0, mirrored: bool = False
) -> Shapes:
    """Faces as a clinical measure sees them, none quite symmetric, with open eyes and mouths.

    Args:
        n: faces.
        dims: 3 for the head's own frame.
        pupils: they have pupils of their own.
        size: outer-eye distance, about, pixels.
        mirrored: the same faces mirrored, right and left exchanged.
    """
    from dataclasses import replace

    from parface_bench.clinical.frames import lay
    from parface_bench.faces.layout import indices

    schema, where = get_schema("ibug68"), np.array(indices(_WHERE))
    face = np.zeros((68, 3))
    face[where, :2] = [[float(v) for v in pair.split(",")] for run in _HALF for pair in run.split()]
    other = where[schema.side[where] == "right"]
    face[schema.flip[other]] = face[other] * [-1, 1, 1]
    face[:, 2] = 40 - 0.008 * (face[:, 0] ** 2 + 0.5 * (face[:, 1] - 40) ** 2)
    points = (face + np.random.default_rng(3).normal(0, 0.8, size=(n, 68, 3))) * size / 100
    if mirrored:
        points = points[:, schema.flip] * [-1, 1, 1]
    shapes = lay(points[..., :dims], schema, "head" if dims == 3 else "canthi")
    return replace(shapes, frame="given") if pupils else shapes


def sample_photographs(n: int = 3) -> tuple[list[np.ndarray], np.ndarray]:
    """``n`` uint8 RGB pictures of different sizes, and one face box [n, 4] (x1, y1, x2, y2) in each."""
    rng = np.random.default_rng(2)
    pictures, boxes = [], []
    for i in range(n):
        height, width = 120 + 37 * i, 160 + 11 * i
        shade = np.linspace(0, 200, width)[None, :, None] + rng.uniform(0, 55, (height, 1, 3))
        pictures.append(shade.astype(np.uint8))
        boxes.append([0.2 * width, 0.1 * height, 0.8 * width, 0.95 * height])
    return pictures, np.array(boxes)


def sample_batch(
    schema: str = "ibug68", size: int = 64, n: int = 2, dims: int = 2, codec: HeatmapCodec | None = None
) -> Batch:
    """A training batch of ``n`` crops of ``size`` pixels with landmarks (and depth where ``dims`` is 3).

    Its heatmaps are made by ``codec``, by default those of :class:`parface_bench.data.heatmaps.codecs.HeatmapCodec`.
    """
    import torch

    from parface_bench.data.batches.batch import Batch
    from parface_bench.data.heatmaps.codecs import HeatmapCodec

    points = torch.from_numpy(_points(schema, n, 3, float(size))).float()
    grid = torch.linspace(0, 6, size)
    waves = torch.stack([torch.sin(grid[None] * (i + 1) + grid[:, None]) for i in range(3 * n)])
    return Batch(
        images=(0.5 + 0.4 * waves).reshape(n, 3, size, size),
        landmarks=points[..., :2],
        depth=points[..., 2] if dims == 3 else None,
        visible=None,
        matrices=torch.eye(2, 3, dtype=torch.float64).repeat(n, 1, 1),
        ids=[f"face{i}" for i in range(n)],
        codec=codec or HeatmapCodec(),
    )
