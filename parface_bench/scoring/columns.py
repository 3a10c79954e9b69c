"""Per-face numbers of all metrics and parts of the face, made a chunk of faces at a time to bound the memory."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from parface_bench.faces import Schema
from parface_bench.registry import PfError, UserError, WorkError
from parface_bench.scoring.face_errors import Faces, landmark_mean
from parface_bench.scoring.metrics import Metric
from parface_bench.scoring.norms import normalising_distance
from parface_bench.scoring.protocol import Protocol
from parface_bench.scoring.row_file import Rows

CHUNK = 4096
FARTHEST = 1e9  # pixels; beyond it squares lose all meaning, so that such a coordinate is no number either
SMALLEST = 1e-6  # pixels; a normalising distance below it is a zero that was rounded


@dataclass(frozen=True)
class Inputs:
    """What is scored: truth and predictions of N faces, row by row. See :func:`parface_bench.scoring.evaluate`."""

    ids: np.ndarray
    landmarks: Rows
    predicted: Rows
    protocol: Protocol
    schema: Schema | None
    with_depth: bool
    visible: np.ndarray | None = None
    bbox: np.ndarray | None = None
    box_size: np.ndarray | None = None
    image_size: np.ndarray | float | None = None
    confidence: Rows | None = None

    def faces(self, rows: slice | np.ndarray) -> tuple[Faces, np.ndarray, list[str]]:
        """Scorable faces of some rows, a mask of them, and why each of the others is not.

        Raises:
            UserError: a prediction is not a number.
        """
        truth = np.asarray(self.landmarks[rows], dtype=np.float64)
        predicted = np.asarray(self.predicted[rows], dtype=np.float64)
        dims = 3 if self.with_depth else 2
        truth, predicted = truth[..., :dims], predicted[..., :dims]
        ids = self.ids[rows]
        near = np.abs(predicted) <= FARTHEST  # False for NaN, too
        if not near.all():
            row, landmark, axis = np.argwhere(~near)[0]
            value = predicted[row, landmark, axis]
            what = f"is at {value:g} pixels" if np.isfinite(value) else "is not a finite number"
            raise UserError(f"face {str(ids[row])!r}: predicted landmark {landmark} {what}; correct the prediction")
        visible = None if self.visible is None else np.asarray(self.visible[rows], dtype=bool)
        reasons = np.full(len(truth), "", dtype=object)
        usable = np.abs(truth) <= FARTHEST
        if not usable.all():
            unknown = np.logical_not(usable.all(axis=-1))
            # a landmark that the annotators left out counts for nothing; one that should be there spoils the face
            truth = np.where(unknown[..., None], np.nan, truth)
            spoilt = unknown if visible is None else unknown & visible
            for row in np.flatnonzero(spoilt.any(axis=1)):
                reasons[row] = f"true landmark {int(np.argmax(spoilt[row]))} is not a finite number"
            reasons[unknown.all(axis=1) & (reasons == "")] = "no landmark is annotated"

        def distance(norm: str, points: np.ndarray) -> np.ndarray:
            size = self.image_size
            values = normalising_distance(
                norm,
                points,
                self.schema,
                bbox=None if self.bbox is None else self.bbox[rows],
                box_size=None if self.box_size is None else self.box_size[rows],
                image_size=size[rows] if isinstance(size, np.ndarray) and size.ndim else size,
            )
            for row in np.flatnonzero(~(np.isfinite(values) & (values >= SMALLEST)) & (reasons == "")):
                value = values[row]
                what = "is not a finite number" if not np.isfinite(value) else f"is {value:g}"
                reasons[row] = f"normalising distance {norm!r} {what}"
            return values

        norm = distance(self.protocol.norm, truth[..., :2])
        depth_norm = distance(self.protocol.depth_norm, truth) if self.with_depth else None
        good = reasons == ""
        sure = None if self.confidence is None else np.asarray(self.confidence[rows], dtype=np.float64)
        faces = Faces(ids, self.schema, truth, predicted, norm, depth_norm, visible, sure)
        return (faces if good.all() else faces.take(good)), good, [str(r) for r in reasons[~good]]


@dataclass
class Columns:
    """Per-face numbers of the M scored faces, and sums over the faces of each subset.

    Attributes:
        kept: [N] mask of the scored faces.
        excluded: id and reason of the others.
        values: [M, K] all columns side by side.
        where: name of a metric, ``region:NAME`` or ``side:NAME`` -> its columns in ``values``.
        nme, gte, norm: [M]; ``gte`` is None without depth.
        landmark_errors: float32 [M, L] percent of the normalising distance.
        landmark_means: [S, L] mean error of each landmark over each subset, subsets in the order given.
        undefined: metric -> number of faces for which it is not defined (NaN), where there are any.
        failed: metrics that were left out, with the reason.
    """

    kept: np.ndarray
    excluded: list[dict[str, str]]
    values: np.ndarray
    where: dict[str, slice]
    nme: np.ndarray
    gte: np.ndarray | None
    norm: np.ndarray
    landmark_errors: np.ndarray
    landmark_means: np.ndarray
    undefined: dict[str, int] = field(default_factory=dict)
    failed: dict[str, str] = field(default_factory=dict)


def compute_columns(
    inputs: Inputs, metrics: list[Metric], subsets: Mapping[str, np.ndarray], optional: set[str]
) -> Columns:
    """All per-face numbers of these metrics (those over 'face' and 'quantile') and of the parts of the face.

    Args:
        inputs: the faces.
        metrics: what to compute.
        subsets: masks [N] for the means of the single landmarks.
        optional: metrics that are left out, rather than ending the work, where they fail.
    """
    n, points = inputs.landmarks.shape[:2]
    parts = _parts(inputs.schema)
    masks = np.stack([np.asarray(m, dtype=bool) for m in subsets.values()])
    sums, counts = np.zeros((len(masks), points)), np.zeros((len(masks), points))
    kept = np.zeros(n, dtype=bool)
    excluded: list[dict[str, str]] = []
    chunks: list[np.ndarray] = []
    norms: list[np.ndarray] = []
    landmark_errors = np.empty((n, points), dtype=np.float32)
    failed: dict[str, str] = {}
    where: dict[str, slice] = {}
    filled = 0
    for start in range(0, n, CHUNK):
        rows = slice(start, min(start + CHUNK, n))
        faces, good, reasons = inputs.faces(rows)
        kept[rows] = good
        excluded += [{"id": str(i), "reason": r} for i, r in zip(inputs.ids[rows][~good], reasons, strict=True)]
        if not len(faces):
            continue
        landmark_errors[filled : filled + len(faces)] = faces.errors
        filled += len(faces)
        norms.append(faces.norm)
        member = masks[:, rows][:, good].astype(np.float64)
        known = ~np.isnan(faces.errors)
        # einsum's own loop: so small a product costs more in starting BLAS threads than it saves
        sums += np.einsum("sn,nl->sl", member, np.where(known, faces.errors, 0.0))
        counts += (
            np.einsum("sn,nl->sl", member, known.astype(np.float64)) if not known.all() else member.sum(1)[:, None]
        )
        blocks: dict[str, np.ndarray] = {}
        for metric in metrics:
            if metric.over in ("set", "weights") or metric.name in failed:
                continue
            try:
                blocks[metric.name] = metric(faces)
            except PfError as error:
                if metric.name not in optional:
                    raise
                failed[metric.name] = str(error)
        for part, landmarks in parts.items():
            blocks[part] = landmark_mean(faces.errors[:, landmarks])[:, None]
        blocks["#nme"] = faces.nme[:, None]
        if faces.has_depth:
            blocks["#gte"] = faces.gte[:, None]
        if not where:
            where = _places(blocks)
        chunks.append(
            np.concatenate([_sized(name, blocks, place, len(faces)) for name, place in where.items()], axis=1)
        )
    values = np.concatenate(chunks) if chunks else np.empty((0, 0))
    with np.errstate(invalid="ignore"):
        means = sums / counts
    gaps = {
        m.name: int(np.isnan(values[:, where[m.name]]).any(axis=1).sum())
        for m in metrics
        if m.name in where and m.name not in failed
    }
    return Columns(
        kept=kept,
        excluded=excluded,
        values=values,
        where={name: place for name, place in where.items() if not name.startswith("#") and name not in failed},
        nme=values[:, where["#nme"]].ravel() if where else np.empty(0),
        gte=values[:, where["#gte"]].ravel() if "#gte" in where else None,
        norm=np.concatenate(norms) if norms else np.empty(0),
        landmark_errors=landmark_errors[:filled],
        landmark_means=means,
        undefined={name: count for name, count in gaps.items() if count},
        failed=failed,
    )


def _parts(schema: Schema | None) -> dict[str, np.ndarray]:
    if schema is None:
        return {}
    parts = {f"region:{name}": landmarks for name, landmarks in schema.regions.items()}
    for side in ("left", "right", "mid"):
        landmarks = np.flatnonzero(schema.side == side)
        if len(landmarks):
            parts[f"side:{side}"] = landmarks
    return parts


def _places(blocks: Mapping[str, np.ndarray]) -> dict[str, slice]:
    places, at = {}, 0
    for name, block in blocks.items():
        places[name] = slice(at, at + block.shape[1])
        at += block.shape[1]
    return places


def _sized(name: str, blocks: Mapping[str, np.ndarray], place: slice, n: int) -> np.ndarray:
    """The block of a metric; NaN where it failed in this chunk."""
    width = place.stop - place.start
    block = blocks.get(name, np.full((n, width), np.nan))
    if block.shape[1] != width:
        raise WorkError(f"metric {name!r} returned {width} and then {block.shape[1]} numbers a face")
    return block
