"""Normalising distances by a box or a fixed size. Each takes the ground truth and returns pixels, one number a face."""

from __future__ import annotations

import numpy as np

from parface_bench import norm
from parface_bench.registry.errors import UserError
from parface_bench.scoring.norms import Truth


@norm(
    "bbox",
    summary="sqrt(w * h) of the tight box of the true landmarks, in x and y",
    reference="Zhu et al., Face Alignment in Full Pose Range, 2017",
)
def bbox(truth: Truth) -> np.ndarray:
    """sqrt(w * h) of the tight box of the true landmarks, in x and y. [N]."""
    w, h = _tight(truth)
    return np.sqrt(w * h)


@norm(
    "bbox-max",
    summary="max(w, h) of the tight box of the true landmarks, in x and y",
    reference="Zhu et al., Face Alignment in Full Pose Range, 2017",
)
def bbox_max(truth: Truth) -> np.ndarray:
    """max(w, h) of the tight box of the true landmarks, in x and y. [N]."""
    return np.maximum(*_tight(truth))


@norm(
    "bbox-diag",
    summary="Diagonal of the tight box of the true landmarks, in x and y",
    reference="Deng et al., The Menpo Benchmark, 2019",
)
def bbox_diag(truth: Truth) -> np.ndarray:
    """Diagonal of the tight box of the true landmarks, in x and y. [N]."""
    return np.hypot(*_tight(truth))


@norm(
    "face-size",
    summary="sqrt(w * h) of the annotated face box, or its column box_size",
    reference="Zhu et al., Unconstrained Face Alignment via Cascaded Compositional Learning, 2016",
)
def face_size(truth: Truth) -> np.ndarray:
    """sqrt(w * h) of the annotated face box, or what the data themselves give as its size. [N]."""
    if truth.box_size is not None:
        return np.asarray(truth.box_size, dtype=np.float64)
    if truth.bbox is None:
        raise UserError(
            "the normalising distance 'face-size' needs the annotated face boxes: columns bbox_x1, bbox_y1, "
            "bbox_x2, bbox_y2 or box_size"
        )
    w, h = truth.bbox[:, 2] - truth.bbox[:, 0], truth.bbox[:, 3] - truth.bbox[:, 1]
    return np.sqrt(np.maximum(w, 0.0) * np.maximum(h, 0.0))


@norm(
    "image",
    summary="Side of the square crop in pixels",
    reference="ParFace, src/train_aae_landmarks_3d.py",
)
def image(truth: Truth) -> np.ndarray:
    """Side of the square crop. [N]."""
    if truth.image_size is None:
        raise UserError("the normalising distance 'image' needs the crop's side in pixels: a column image_size")
    return np.broadcast_to(np.asarray(truth.image_size, dtype=np.float64), (len(truth),))


@norm(
    "none",
    summary="100, so that the percentage is pixels",
    reference="this project",
)
def none(truth: Truth) -> np.ndarray:
    """100, so that the percentage is pixels. [N]."""
    return np.full(len(truth), 100.0)


def _tight(truth: Truth) -> tuple[np.ndarray, np.ndarray]:
    """Width and height [N] of the tight boxes."""
    points = truth.landmarks
    # one axis after the other: numpy reduces a strided [N, L, 2] ten times slower
    w, h = (np.fmax.reduce(points[..., k], axis=1) - np.fmin.reduce(points[..., k], axis=1) for k in (0, 1))
    return w, h
