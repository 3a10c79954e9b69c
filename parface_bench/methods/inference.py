"""Predictions of a method: for crops of a loader, for rows of an index table, for photographs with boxes."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np
import pandas as pd
import torch

from parface_bench.data.batches.loader import FaceLoader
from parface_bench.data.images.crop import Crop, restore, warp
from parface_bench.data.images.reading import read_image
from parface_bench.faces.geometry import extend_box, tight_box
from parface_bench.methods.base import Method
from parface_bench.methods.out_of_memory import out_of_memory
from parface_bench.registry import METHODS, UserError

if TYPE_CHECKING:
    from parface_bench.faces import Schema

# What a tight landmark box grows by, in shares of its height, to stand for a face detector's box.
_ABOVE, _BELOW = 0.05, 0.10
Tick = Callable[[int], Any]


class CropPredictor(Protocol):
    """What predicting needs of a trained method; see :class:`parface_bench.methods.trainable.TrainableMethod`."""

    schema: Schema
    dims: int
    crop: Crop
    flip_test: bool

    def predict_crops(self, images: torch.Tensor) -> torch.Tensor:
        """Landmarks [B, L, 2|3] in crop pixels, of crops float [B, 3, S, S]."""

    def parameters(self) -> Iterator[torch.nn.Parameter]:
        """As of a torch module, like the following two."""

    def buffers(self) -> Iterator[torch.Tensor]: ...

    def modules(self) -> Iterator[torch.nn.Module]: ...

    def eval(self) -> Any: ...


def predict_photographs(
    method: CropPredictor, images: Sequence[np.ndarray], boxes: np.ndarray | None = None, batch_size: int = 32
) -> np.ndarray:
    """Landmarks [B, L, 2|3] in pixels of each photograph, from face boxes; see :meth:`Method.predict`.

    Face boxes give nearly the squares that the method's crop made of landmarks in training. Without boxes a face
    detector looks for the largest face of each photograph; where it finds none the row is NaN.
    """
    if boxes is None:
        boxes = largest_faces(images)
        there = np.isfinite(boxes).all(axis=1)
        points = np.full((len(images), len(method.schema), method.dims), np.nan)
        if there.any():
            seen = [image for image, known in zip(images, there, strict=True) if known]
            points[there] = predict_photographs(method, seen, boxes[there], batch_size)
        return points
    boxes = np.asarray(boxes, dtype=np.float64).reshape(-1, 4)
    if len(boxes) != len(images):
        raise UserError(f"{len(images)} photographs need as many boxes, found {len(boxes)}")
    crop = method.crop.for_boxes()
    rows = [{"id": str(i), "bbox": box} for i, box in enumerate(boxes)]
    out = []
    for at in range(0, len(rows), batch_size):
        part = list(zip(rows[at : at + batch_size], images[at : at + batch_size], strict=True))
        crops = np.stack([_cut(crop, image, row) for row, image in part])
        matrices = np.stack([crop.matrix(row) for row, _ in part])
        out.append(restore(predict_crops(method, crops, method.flip_test), matrices))
    return np.concatenate(out) if out else np.zeros((0, len(method.schema), method.dims))


def largest_faces(images: Sequence[np.ndarray]) -> np.ndarray:
    """Box [B, 4] of the largest face in each photograph, NaN where the face detector finds none.

    Raises:
        UserError: no face detector is installed.
    """
    names = [spec.name for spec in METHODS if spec.task == "detection"]
    if not names:
        raise UserError("no face detector is installed: give the face boxes, [x1, y1, x2, y2] for each photograph")
    detector = METHODS.build(names[0])
    out = np.full((len(images), 4), np.nan)
    for box, image in zip(out, images, strict=True):
        faces = np.asarray(detector.detect(image))
        if len(faces):
            area = (faces[:, 2] - faces[:, 0]) * (faces[:, 3] - faces[:, 1])
            box[:] = faces[area.argmax(), :4]
    return out


def predict_crops(method: CropPredictor, crops: np.ndarray, flip_test: bool = False) -> np.ndarray:
    """Landmarks in crop pixels, float64 [B, L, 2|3], of crops uint8 [B, S, S, 3]."""
    return predict_tensor(method, torch.from_numpy(np.ascontiguousarray(crops)).permute(0, 3, 1, 2), flip_test)


def predict_tensor(method: CropPredictor, crops: torch.Tensor, flip_test: bool = False) -> np.ndarray:
    """As :func:`predict_crops`, of crops uint8 [B, 3, S, S].

    With ``flip_test`` the mean of those found in the crop and in its mirror image.
    """
    device = next((t.device for t in (*method.parameters(), *method.buffers())), torch.device("cpu"))
    images = crops.to(device).float().div_(255.0).contiguous(memory_format=torch.channels_last)
    with evaluating(method), torch.inference_mode():
        points = method.predict_crops(images).double()
        if flip_test:
            mirrored = method.predict_crops(images.flip(-1)).double()
            mirrored[..., 0] = images.shape[-1] - 1 - mirrored[..., 0]
            points = (points + mirrored[:, torch.tensor(method.schema.flip)]) / 2
    return points.cpu().numpy()


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
    method: CropPredictor, loader: FaceLoader, *, flip_test: bool = False, tick: Tick = lambda faces: None
) -> np.ndarray:
    """Landmarks float64 [N, L, 2|3], in pixels of the pictures, of the faces of this process's loader, in order.

    ``tick`` is called with the number of faces done since the last call.
    """
    out = []
    for batch in loader:
        remedy = f"--set predict.batch_size={max(1, len(batch) // 2)}"
        with out_of_memory("predicting", len(batch), remedy):
            found = predict_tensor(method, batch.images, flip_test)
        out.append(restore(found, batch.matrices.numpy()))
        tick(len(batch))
    return np.concatenate(out)


def predict_rows(
    method: Method, frame: pd.DataFrame, rows: Sequence[int], *, batch_size: int, tick: Tick = lambda faces: None
) -> np.ndarray:
    """Landmarks [N, L, 2|3] that a detector finds in the pictures of some rows of an index table, given its boxes."""
    out: list[np.ndarray] = []
    faces = frame.iloc[list(rows)]
    for at in range(0, len(faces), batch_size):
        part = list(faces.iloc[at : at + batch_size].itertuples(index=False))
        images = [read_image(frame.attrs["root"], row.image) for row in part]
        out.append(_checked(method.predict(images, np.stack([face_box(row) for row in part])), method, len(part)))
        tick(len(part))
    return np.concatenate(out)


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
