"""One number a face, by the name given to ``--metric``: a metric, an error of a region or side or of a measure."""

from __future__ import annotations

import re
from typing import Any

import numpy as np

from parface_bench.clinical.scored import Scored
from parface_bench.faces import Schema
from parface_bench.registry import UserError, nearest
from parface_bench.scoring.face_errors import landmark_mean
from parface_bench.scoring.metrics import resolve_metric

AFFECTED, UNAFFECTED = "side:affected", "side:unaffected"
OWN = {"NME": "nme", "GTE": "gte"}


class ErrorsOnly:
    """What of :class:`parface_bench.scoring.face_errors.Faces` can be had of stored errors alone.

    Raises:
        UserError: at anything else, such as the landmarks.
    """

    visible = None
    has_depth = False

    def __init__(self, errors: np.ndarray, nme: np.ndarray, norm: np.ndarray | None, schema: Schema | None) -> None:
        self.errors, self.nme, self.norm, self.schema = errors, nme, norm, schema

    def __len__(self) -> int:
        return len(self.nme)

    @property
    def pixels(self) -> np.ndarray:
        """[N, L] errors in pixels."""
        if self.norm is None:
            raise UserError("the pixels of the errors are not known: this result was stored without its normaliser")
        return self.errors * self.norm[:, None] / 100

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        raise UserError(
            f"a metric that looks at the faces' {name!r} cannot be had of stored errors; score again with it"
        )


def numbers(faces: Scored, name: str, side_tag: str = "") -> np.ndarray:
    """One number for each scored face [N], NaN where it is undefined.

    Args:
        faces: of a result.
        name: a metric that is a mean over faces; ``region:NAME``; ``side:left``, ``right``, ``mid``, ``affected`` or
            ``unaffected`` (NaN for faces without an affected side); ``measure:KEY``, the absolute error of a clinical
            measure, percent of the outer-eye distance (or its own unit).
        side_tag: tag that tells the affected side.

    Raises:
        UserError: unknown, or not to be had of what is stored.
    """
    if name in OWN:
        if OWN[name] not in faces.errors:
            raise UserError(f"{faces.result.folder} has no {name}: its data or predictions have no depth")
        values: np.ndarray = faces.errors[OWN[name]].to_numpy(dtype=np.float64)
        return values
    kind, _, what = name.partition(":")
    if kind == "measure":
        true, predicted = faces.measured(what)
        return np.abs(predicted - true)
    if kind in ("region", "side"):
        return _part(faces, kind, what, side_tag)
    metric = resolve_metric(name)
    if not metric.linear:
        raise UserError(
            f"metric {name!r} is no mean over faces, which gap compares: take NME, FR@10, AUC@10, region:mouth, ..."
        )
    norm = faces.errors["norm"].to_numpy(dtype=np.float64) if "norm" in faces.errors else None
    nme = faces.errors["nme"].to_numpy(dtype=np.float64)
    stored: Any = ErrorsOnly(landmark_errors(faces), nme, norm, faces.schema)
    return metric(stored)[:, 0]


def landmark_errors(faces: Scored) -> np.ndarray:
    """[N, L] errors of the landmarks, percent of the normalising distance."""
    names = sorted((c for c in faces.errors if re.fullmatch(r"e\d+", c)), key=lambda c: int(c[1:]))
    found: np.ndarray = faces.errors[names].to_numpy(dtype=np.float64)
    return found


def sides(faces: Scored, side_tag: str = "") -> tuple[np.ndarray, np.ndarray]:
    """[N] errors of the affected and of the other side; NaN for faces without an affected side.

    Raises:
        UserError: the layout has no sides, or no tag tells the side.
    """
    errors, schema = landmark_errors(faces), faces.schema
    which = faces.side(side_tag)
    if which is None:
        raise UserError(
            f"no tag of data set {faces.result.document['dataset']!r} tells the affected side (values 'left' and "
            f"'right'); its tags: {', '.join(sorted(faces.tags)) or 'none'}"
        )
    right, left = (landmark_mean(errors[:, _side_of(schema, side)]) for side in ("right", "left"))
    affected = np.where(which > 0, right, np.where(which < 0, left, np.nan))
    other = np.where(which > 0, left, np.where(which < 0, right, np.nan))
    return affected, other


def _part(faces: Scored, kind: str, what: str, side_tag: str) -> np.ndarray:
    schema = faces.schema
    if kind == "side" and what in ("affected", "unaffected"):
        return sides(faces, side_tag)[what == "unaffected"]
    if kind == "side":
        return landmark_mean(landmark_errors(faces)[:, _side_of(schema, what)])
    if schema is None:
        raise UserError("the landmarks have no layout, so no regions: take NME")
    return landmark_mean(landmark_errors(faces)[:, schema.region(what)])


def _side_of(schema: Schema | None, side: str) -> np.ndarray:
    if side not in ("left", "right", "mid"):
        raise UserError(f"side {side!r}{nearest(side, ('left', 'right', 'mid', 'affected', 'unaffected'))}")
    found = np.flatnonzero(schema.side == side) if schema is not None else np.zeros(0, dtype=int)
    if not len(found):
        raise UserError(f"schema {schema.name if schema else 'none'!r} has no landmarks of the side {side!r}")
    return found
