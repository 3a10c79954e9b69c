"""Predictions of a method: for crops of a loader, for rows of an index table, for photographs with boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import torch

from parface_bench.data.batches.loader import FaceLoader
from parface_bench.data.images.crop import Crop, restore, warp
from parface_bench.data.images.reading import read_image
from parface_bench.faces import get_schema
from parface_bench.faces.geometry import extend_box, tight_box
from parface_bench.methods.base import Method
from parface_bench.methods.out_of_memory import out_of_memory
from parface_bench.registry import METHODS, UserError

if TYPE_CHECKING:
    from parface_bench.faces import Schema

# What a tight landmark box grows by, in shares of its height, to stand for a face detector's box.
_ABOVE, _BELOW = 0.05, 0.10
Tick = Callable[[int], Any]
# Where a confidence comes from: the method itself, or how well it agrees with itself on the mirrored face.
SOURCES = ("own", "flip", "none")
# The face detector that takes each picture for one face.
WHOLE = "none"


@dataclass
class Found:
    """Predictions of N faces.

    Attributes:
        points: float64 [N, L, 2|3].
        confidence: float64 [N, L] in 0..1, higher is surer; None where there is none.
        source: of the confidence, see :data:`SOURCES`.
    """

    points: np.ndarray
    confidence: np.ndarray | None = None
    source: str = "none"

    @classmethod
    def joined(cls, parts: Sequence[Found]) -> Found:
        """The faces of several parts, in order."""
        sure = [part.confidence for part in parts if part.confidence is not None]
        whole = np.concatenate(sure) if len(sure) == len(parts) else None
        return cls(
            np.concatenate([part.points for part in parts]), whole, parts[0].source if whole is not None else "none"
        )


class CropPredictor(Protocol):
    """What predicting needs of a trained method; see :class:`parface_bench.methods.trainable.TrainableMethod`."""

    schema: Schema
    dims: int
    crop: Crop
    flip_test: bool

    def find(self, images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor | None]:
        """Landmarks [B, L, 2|3] in crop pixels, of crops float [B, 3, S, S], and confidences [B, L] or None."""

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """As of a torch module, like the following two."""

    def buffers(self) -> Iterator[torch.Tensor]: ...

    confidence: np.ndarray | None

    def modules(self) -> Iterator[torch.nn.Module]: ...

    def eval(self) -> Any: ...


def predict_photographs(
    method: CropPredictor,
    images: Sequence[np.ndarray],
    boxes: np.ndarray | None = None,
    batch_size: int = 32,
    *,
    crop: Crop | None = None,
) -> np.ndarray:
    """Landmarks [B, L, 2|3] in pixels of each photograph, from face boxes; see :meth:`Method.predict`.

    The method's ``confidence`` [B, L] is that of these faces afterwards.

    Face boxes give nearly the squares that the method's crop made of landmarks in training. Without boxes a face
    detector looks for the largest face of each photograph; where it finds none the row is NaN. ``crop`` cuts the boxes
    out in another way than the method's own.
    """
    if boxes is None:
        boxes = largest_faces(images)
        there = np.isfinite(boxes).all(axis=1)
        points = np.full((len(images), len(method.schema), method.dims), np.nan)
        if there.any():
            seen = [image for image, known in zip(images, there, strict=True) if known]
            points[there] = predict_photographs(method, seen, boxes[there], batch_size)
            if method.confidence is not None:
                sure = np.full(points.shape[:2], np.nan)
                sure[there] = method.confidence
                method.confidence = sure
        return points
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    if len(boxes) != len(images):
        raise UserError(f"{len(images)} photographs need as many boxes, found {len(boxes)}")
    crop = crop or method.crop.for_boxes()
    rows = [{"id": str(i), "bbox": box} for i, box in enumerate(boxes)]
    out: list[np.ndarray] = []
    known: list[np.ndarray] = []
    for at in range(0, len(rows), batch_size):
        part = list(zip(rows[at : at + batch_size], images[at : at + batch_size], strict=True))
        crops = np.stack([_cut(crop, image, row) for row, image in part])
        matrices = np.stack([crop.matrix(row) for row, _ in part])
        found = find_tensor(method, _as_tensor(crops), method.flip_test)
        out.append(restore(found.points, matrices))
        known += [found.confidence] if found.source == "own" and found.confidence is not None else []
    method.confidence = np.concatenate(known) if known else None
    return np.concatenate(out) if out else np.zeros((0, len(method.schema), method.dims))


def largest_faces(images: Sequence[np.ndarray]) -> np.ndarray:
    """Box [B, 4] of the largest face in each photograph, NaN where the face detector finds none.

    Raises:
        UserError: no face detector is installed.
    """
    detector = face_detector()
    out = np.full((len(images), 4), np.nan)
    for box, image in zip(out, images, strict=True):
        faces = np.asarray(detector.detect(image))
        if len(faces):
            area = (faces[:, 2] - faces[:, 0]) * (faces[:, 3] - faces[:, 1])
            box[:] = faces[area.argmax(), :4]
    return out


def face_detector(name: str = "", **options: Any) -> Any:
    """The face detector of that name, or the first that is installed (those that are ``default`` before others).

    Args:
        name: registered name; ``none``: no detector, each picture is one face (gives None).
        options: of the detector.

    Raises:
        UserError: it is not one, or none is installed.
    """
    if name == WHOLE:
        return None
    known = [spec.name for spec in sorted(METHODS, key=lambda s: not s.default) if spec.task == "detection"]
    if name:
        spec = METHODS.spec(name)
        if spec.task != "detection":
            raise UserError(f"--detector {name}: finds landmarks, not faces; face detectors: {', '.join(known)}, none")
        return METHODS.build(name, **options)
    problems = []
    for candidate in known:
        try:
            return METHODS.build(candidate, **options)
        except UserError as error:
            problems.append(str(error))
    raise UserError(
        f"no face detector can be used ({'; '.join(problems) or 'none is registered'}); install one, "
        "or give pictures of single faces and --detector none"
    )


def predict_crops(method: CropPredictor, crops: np.ndarray, flip_test: bool = False) -> np.ndarray:
    """Landmarks in crop pixels, float64 [B, L, 2|3], of crops uint8 [B, S, S, 3]."""
    return find_tensor(method, _as_tensor(crops), flip_test).points


def find_tensor(method: CropPredictor, crops: torch.Tensor, flip_test: bool = False, confidence: str = "own") -> Found:
    """Landmarks in crop pixels, and how sure they are, of crops uint8 [B, 3, S, S].

    With ``flip_test`` the mean of those found in the crop and in its mirror image, landmarks and confidences alike.

    Args:
        method: a trained method.
        crops: on any device.
        flip_test: look at the mirror image too.
        confidence: ``own``: the method's, or where it has none the agreement of the two views, if there are two;
            ``flip``: that agreement, 1 / (1 + d) of a distance of d percent of the crop's side; ``none``.
    """
    device = next((t.device for t in (*method.parameters(), *method.buffers())), torch.device("cpu"))
    images = crops.to(device).float().div_(255.0).contiguous(memory_format=torch.channels_last)
    with evaluating(method), torch.inference_mode():
        found, sure = method.find(images)
        points, apart = found.double(), None
        if flip_test or confidence == "flip":
            flip = torch.tensor(method.schema.flip)
            other, other_sure = method.find(images.flip(-1))
            mirrored = other.double()
            mirrored[..., 0] = images.shape[-1] - 1 - mirrored[..., 0]
            mirrored = mirrored[:, flip]
            apart = (points - mirrored)[..., :2].norm(dim=-1)
            if flip_test:
                points = (points + mirrored) / 2
                sure = None if sure is None or other_sure is None else (sure + other_sure[:, flip]) / 2
    source = "flip" if apart is not None and (confidence == "flip" or sure is None) else "own"
    if source == "flip" and apart is not None:
        sure = agreement(apart, images.shape[-1])
    if sure is None or confidence == "none":
        return Found(points.cpu().numpy())
    return Found(points.cpu().numpy(), sure.double().cpu().numpy(), source)


def agreement(apart: Any, side: float) -> Any:
    """Confidence in 0..1 of landmarks found ``apart`` pixels from each other in two views of a crop of some side."""
    return 1 / (1 + 100 * apart / side)


def _as_tensor(crops: np.ndarray) -> torch.Tensor:
    """Crops uint8 [B, S, S, 3] as [B, 3, S, S]."""
    return torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2)


@contextmanager
def evaluating(method: CropPredictor | torch.nn.Module) -> Iterator[None]:
    """Evaluation mode, then the mode of each part as it was."""
    modes = [(m, m.training) for m in method.modules() if m.training]
    method.eval()
    try:
        yield
    finally:
        for module, mode in modes:
            module.training = mode


def predict_loader(
    method: CropPredictor,
    loader: FaceLoader,
    *,
    flip_test: bool = False,
    confidence: str = "own",
    tick: Tick = lambda faces: None,
) -> Found:
    """Landmarks in pixels of the pictures, and confidences, of the faces of this process's loader, in order.

    ``tick`` is called with the number of faces done since the last call.
    """
    out = []
    for batch in loader:
        remedy = f"--set predict.batch_size={max(1, len(batch) // 2)}"
        with out_of_memory("predicting", len(batch), remedy):
            found = find_tensor(method, batch.images, flip_test, confidence)
        out.append(replace(found, points=restore(found.points, batch.matrices.numpy())))
        tick(len(batch))
    return Found.joined(out)


def predict_rows(
    method: Method,
    frame: pd.DataFrame,
    rows: Sequence[int],
    *,
    batch_size: int,
    confidence: str = "own",
    tick: Tick = lambda faces: None,
) -> Found:
    """What a detector finds in the pictures of some rows of an index table, given its boxes."""
    out: list[Found] = []
    faces = frame.iloc[list(rows)]
    for at in range(0, len(faces), batch_size):
        part = list(faces.iloc[at : at + batch_size].itertuples(index=False))
        images = [read_image(frame.attrs["root"], row.image) for row in part]
        out.append(_detected(method, images, np.stack([face_box(row) for row in part]), confidence))
        tick(len(part))
    return Found.joined(out)


def _detected(method: Method, images: Sequence[np.ndarray], boxes: np.ndarray, confidence: str) -> Found:
    """Landmarks of a detector, with its own confidence or how well it agrees with itself on the mirrored pictures."""
    points = _checked(method.predict(images, boxes), method, len(images))
    if confidence == "own" and method.confidence is not None:
        own = np.asarray(method.confidence, dtype=np.float64).reshape(len(images), -1)
        return Found(points, np.broadcast_to(own, points.shape[:2]).copy(), "own")
    if confidence != "flip":
        return Found(points)
    last = np.array([image.shape[1] - 1 for image in images], dtype=np.float64)
    turned = np.stack([last - boxes[:, 2], boxes[:, 1], last - boxes[:, 0], boxes[:, 3]], axis=1)
    pictures = [np.ascontiguousarray(image[:, ::-1]) for image in images]
    mirrored = _checked(method.predict(pictures, turned), method, len(images))
    mirrored[..., 0] = last[:, None] - mirrored[..., 0]
    apart = np.linalg.norm((points - mirrored[:, get_schema(method.schema).flip])[..., :2], axis=-1)
    sides = np.maximum(boxes[:, 2] - boxes[:, 0], boxes[:, 3] - boxes[:, 1])
    return Found(points, agreement(apart, sides[:, None]), "flip")


def face_box(row: Any) -> np.ndarray:
    """The box [4] that a detector of landmarks gets: the annotated one, else the landmarks' own, grown to a face's."""
    box = getattr(row, "bbox", None)
    if isinstance(box, np.ndarray):
        return box.astype(np.float64)
    points = getattr(row, "landmarks", None)
    if points is None:
        raise UserError(f"face {row.id!r}: neither a box nor landmarks tell where it is; run 'pfbench data prepare'")
    return extend_box(tight_box(points), top=_ABOVE, bottom=_BELOW)


def _cut(crop: Crop, image: np.ndarray, row: Any) -> np.ndarray:
    return warp(image, crop.pixel_matrix(row), crop.full_size, interpolation=crop.interpolation)


def _checked(found: Any, method: Method, faces: int) -> np.ndarray:
    found = np.asarray(found, dtype=np.float64)
    if found.ndim != 3 or len(found) != faces or found.shape[2] not in (2, 3):
        raise UserError(
            f"method {type(method).__name__}: predict must return [{faces}, landmarks, 2 or 3] for {faces} faces, "
            f"it returned {list(found.shape)}"
        )
    return found
