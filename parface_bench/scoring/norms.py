"""Normalising distances: what the errors of a face are divided by, always measured on the ground truth.

A norm is the name of a plugin (``outer``, ``bbox``, ...: ``pfbench list norm``), or a distance between two landmarks or
two sets of landmarks, each standing for its mean: ``points 36 45``, ``points 36-41 42-47``.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from parface_bench.faces import Schema
from parface_bench.faces.layout import indices
from parface_bench.registry import NORMS, PfError, UserError, WorkError, nearest

POINTS = "points"


@dataclass(frozen=True, eq=False)
class Truth:
    """What a norm sees of N faces: ground truth only.

    Attributes:
        landmarks: true landmarks [N, L, 2|3] in pixels, NaN where the annotators left one out.
        schema: their layout, or None where it is not known.
        bbox: annotated face boxes [N, 4] = x1, y1, x2, y2 in pixels, or None.
        box_size: [N] annotated face sizes in pixels, or None.
        image_size: side of the square crop in pixels, a number or [N], or None.
    """

    landmarks: np.ndarray
    schema: Schema | None = None
    bbox: np.ndarray | None = None
    box_size: np.ndarray | None = None
    image_size: np.ndarray | float | None = None

    def __len__(self) -> int:
        return len(self.landmarks)

    def centre(self, landmarks: Sequence[int] | np.ndarray) -> np.ndarray:
        """Mean of some landmarks [N, 2|3]; of a single one, the landmark itself."""
        if len(landmarks) == 1:
            return self.landmarks[:, landmarks[0]]
        return self.landmarks[:, np.asarray(landmarks)].mean(axis=1)

    def between(self, a: Sequence[int] | np.ndarray, b: Sequence[int] | np.ndarray) -> np.ndarray:
        """Distance [N] between two landmarks, or the means of two sets of landmarks."""
        return lengths(self.centre(a) - self.centre(b))


def lengths(vectors: np.ndarray) -> np.ndarray:
    """Euclidean lengths [N] of vectors [N, 2|3]."""
    return np.sqrt(np.einsum("...d,...d->...", vectors, vectors))


def parse_norm(norm: Any, where: str) -> str:
    """A norm as it is stored: a plugin's name, or ``points A B``.

    Args:
        norm: a name, ``"points A B"``, or a list ``[points, A, B]``; A and B are landmarks (0-based), lists or runs.
        where: what to name in errors.

    Raises:
        UserError: no such norm; the sentence suggests the nearest.
    """
    parts = norm.split() if isinstance(norm, str) else list(norm) if isinstance(norm, list | tuple) else []
    if parts and parts[0] == POINTS:
        sets = [",".join(map(str, p)) if isinstance(p, list | tuple) else str(p).replace(" ", "") for p in parts[1:]]
        try:
            whole = len(sets) == 2 and all(indices(one) for one in sets)
        except ValueError:
            whole = False
        if not whole:
            raise UserError(
                f"{where}: the norm {norm!r} needs two landmarks or sets of landmarks, as in [points, 36, 45] or "
                "[points, 36-41, 42-47]"
            )
        return " ".join([POINTS, *sets])
    if not isinstance(norm, str) or norm not in NORMS:
        raise UserError(
            f"{where}: unknown normalising distance {norm!r}{nearest(str(norm), NORMS.names())}; 'pfbench list norm' "
            "names all, and two landmarks are written [points, A, B]"
        )
    return norm


def normalising_distance(
    norm: str,
    landmarks: np.ndarray,
    schema: Schema | None = None,
    *,
    bbox: np.ndarray | None = None,
    box_size: np.ndarray | None = None,
    image_size: np.ndarray | float | None = None,
) -> np.ndarray:
    """The normalising distance of each face.

    Args:
        norm: as :func:`parse_norm` gives it.
        landmarks: true landmarks [N, L, 2|3] in pixels; distances between landmarks are 3D where these are.
        schema, bbox, box_size, image_size: see :class:`Truth`.

    Returns:
        float64 [N] in pixels, NaN where a needed landmark is NaN. Not checked for being positive.

    Raises:
        UserError: the layout has no such landmarks, or something that the norm needs is missing.
        WorkError: the norm's own function failed, or gave something else than a number a face.
    """
    truth = Truth(landmarks, schema, bbox, box_size, image_size)
    if norm.startswith(f"{POINTS} "):
        return _between_points(norm, truth)
    spec = NORMS.spec(norm)
    who = f"norm {norm!r} (from {spec.owner})"
    try:
        values = np.asarray(spec.load()(truth), dtype=np.float64)
    except PfError:
        raise
    except Exception as error:
        raise WorkError(f"{who} failed: {type(error).__name__}: {' '.join(str(error).split())}") from error
    if values.shape != (len(truth),):
        raise WorkError(f"{who} must return one number a face, shape ({len(truth)},); it returned {values.shape}")
    return values


def _between_points(norm: str, truth: Truth) -> np.ndarray:
    a, b = (indices(run) for run in norm.split()[1:])
    points = truth.landmarks.shape[1]
    for index in (*a, *b):
        if index >= points:
            raise UserError(
                f"the norm {norm!r} names landmark {index}, but these faces have {points}, 0 to {points - 1}"
            )
    return truth.between(a, b)
