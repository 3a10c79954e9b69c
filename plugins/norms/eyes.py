"""Normalising distances between the eyes. Each takes the ground truth and returns pixels, one number a face."""

from __future__ import annotations

import numpy as np

from parface_bench import norm
from parface_bench.faces import Schema
from parface_bench.registry.errors import UserError
from parface_bench.scoring.norms import Truth


@norm(
    "outer",
    summary="Distance of the outer eye corners (inter-ocular)",
    reference="Sagonas et al., 300 Faces in-the-Wild Challenge, 2013",
)
def outer(truth: Truth) -> np.ndarray:
    """Distance of the outer eye corners. [N]."""
    schema = _known(truth, "outer")
    return _between(truth, schema.outer, schema, "outer eye corners")


@norm(
    "inner",
    summary="Distance of the inner eye corners",
    reference="Sagonas et al., 300 Faces in-the-Wild Challenge, 2013",
)
def inner(truth: Truth) -> np.ndarray:
    """Distance of the inner eye corners. [N]."""
    schema = _known(truth, "inner")
    return _between(truth, schema.inner, schema, "inner eye corners")


@norm(
    "pupil",
    summary="Distance of the eye centres, each the mean of the eye's landmarks (inter-pupil)",
    reference="Sagonas et al., 300 Faces in-the-Wild Challenge, 2013",
)
def pupil(truth: Truth) -> np.ndarray:
    """Distance of the eye centres, each the mean of the eye's landmarks. [N]."""
    schema = _known(truth, "pupil")
    if schema.eyes is None:
        raise UserError(_lacks(schema, "two eyes"))
    return truth.between(*schema.eyes)


@norm(
    "parface-pupil",
    summary="Mean of the inner-corner and the outer-corner distance",
    reference="ParFace, src/train_aae_landmarks_3d.py",
)
def parface_pupil(truth: Truth) -> np.ndarray:
    """Mean of the inner-corner and the outer-corner distance. [N]."""
    return (inner(truth) + outer(truth)) / 2


def _between(truth: Truth, pair: tuple[int, int] | None, schema: Schema, what: str) -> np.ndarray:
    if pair is None:
        raise UserError(_lacks(schema, what))
    return truth.between(pair[:1], pair[1:])


def _known(truth: Truth, norm: str) -> Schema:
    if truth.schema is None:
        raise UserError(
            f"the norm {norm!r} needs a landmark layout, and these {truth.landmarks.shape[1]} points have none: score "
            "them under the protocol 'any', or name the two points in a protocol of your own (norm: [points, A, B])"
        )
    return truth.schema


def _lacks(schema: Schema, what: str) -> str:
    return (
        f"the landmark layout {schema.name!r} has no {what}: choose a protocol that normalises by a box, as 'any', or "
        "name two points in a protocol of your own (norm: [points, A, B])"
    )
