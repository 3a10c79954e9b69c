"""From pictures to faces with landmarks: a face detector, then a landmark method."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from itertools import islice
from typing import Any

import numpy as np

from parface_bench.data.images.crop import Crop
from parface_bench.faces import Schema, get_schema
from parface_bench.methods.base import Method
from parface_bench.methods.inference import predict_photographs
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.predicting.shots import InputImage, plain

NO_FACE = "no face found"
NOT_FITTED = "the method found no landmarks"


@dataclass
class Face:
    """One face of one picture, or the reason why there is none.

    Attributes:
        id: the picture's name; ``NAME#2`` and so on for further faces.
        image: path of the file.
        frame, seconds: place in a video (-1 for photographs).
        box: float [4], stored pixels, or None.
        score: the face detector's.
        points: float [L, 2|3], stored pixels, or None.
        sure: confidence [L] in 0..1, or None where the method has none.
        reason: why there are no points.
        track: number of the face in its video, kept from frame to frame; -1 for photographs.
        upright: box [4] and points as they lie in the upright picture, for drawing.
    """

    id: str
    image: str
    frame: int = -1
    seconds: float = 0.0
    box: np.ndarray | None = None
    score: float = float("nan")
    points: np.ndarray | None = None
    sure: np.ndarray | None = None
    reason: str = ""
    track: int = -1
    upright: tuple[np.ndarray, np.ndarray] | None = field(default=None, repr=False)


class Predictor:
    """A landmark method behind a face detector."""

    def __init__(self, method: Method, detector: Any, faces: int = 0, batch_size: int = 16) -> None:
        """Put them together.

        Args:
            method: anything with ``predict(images, boxes)``.
            detector: has ``detect(image) -> [N, 5]``; None = each picture is one face.
            faces: at most so many a picture, the largest; 0 = all.
            batch_size: faces given to the method at a time.
        """
        self.method, self.detector, self._faces, self._batch = method, detector, faces, batch_size
        self.schema: Schema = get_schema(method.schema)

    def faces(self, shots: Iterable[InputImage]) -> Iterator[tuple[InputImage, list[Face]]]:
        """Each picture with its faces, at least one entry a picture."""
        waiting = iter(shots)
        while group := list(islice(waiting, max(self._batch // 2, 1))):
            entries = [(shot, self._boxes(shot)) for shot in group]
            known = [(shot, box) for shot, boxes in entries for box in boxes]
            found: list[tuple[np.ndarray, np.ndarray | None]] = []
            for at in range(0, len(known), self._batch):
                found += self._landmarks(known[at : at + self._batch])
            results = iter(found)
            for shot, boxes in entries:
                yield shot, self._entry(shot, boxes, results)

    def _boxes(self, shot: InputImage) -> np.ndarray:
        """Detections [N, 5] of a picture, from the largest to the smallest."""
        if shot.image is None:
            return np.zeros((0, 5))
        height, width = shot.image.shape[:2]
        if self.detector is None:
            return np.array([[-0.5, -0.5, width - 0.5, height - 0.5, 1.0]])
        boxes = np.asarray(self.detector.detect(shot.image), dtype=np.float64).reshape(-1, 5)
        boxes = boxes[np.isfinite(boxes).all(axis=1)]
        area = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
        return boxes[np.argsort(-area, kind="stable")][: self._faces or None]

    def _landmarks(self, known: list[tuple[InputImage, np.ndarray]]) -> list[tuple[np.ndarray, np.ndarray | None]]:
        """Points [L, 2|3] and confidences [L] of faces in upright pictures."""
        images = [shot.image for shot, _ in known if shot.image is not None]
        self.method.confidence = None
        boxes = np.stack([box[:4] for _, box in known])
        if self.detector is None and isinstance(self.method, TrainableMethod):
            # each picture is one face already cut out: the network sees all of it, and nothing around it
            whole = Crop(mode="given", size=self.method.image_size)
            points = predict_photographs(self.method, images, boxes, crop=whole)
        else:
            points = np.asarray(self.method.predict(images, boxes))
        sure = self.method.confidence
        if sure is not None:
            sure = np.broadcast_to(np.asarray(sure, dtype=np.float64).reshape(len(known), -1), points.shape[:2])
        return [(p, None if sure is None else sure[i]) for i, p in enumerate(points)]

    def _entry(self, shot: InputImage, boxes: np.ndarray, results: Iterator[Any]) -> list[Face]:
        base = Face(shot.name, plain(str(shot.source.path)), shot.frame, shot.seconds)
        if shot.image is None or not len(boxes):
            return [replace(base, reason=shot.reason or NO_FACE)]
        faces = []
        for number, box in enumerate(boxes, start=1):
            points, sure = next(results)
            corners = shot.stored(box[:4].reshape(2, 2))
            face = replace(
                base,
                id=shot.name if number == 1 else f"{shot.name}#{number}",
                box=np.concatenate([corners.min(axis=0), corners.max(axis=0)]),
                score=float(box[4]),
            )
            if np.isfinite(points[:, :2]).all():
                face = replace(face, points=shot.stored(points), sure=sure, upright=(box[:4], points))
            else:
                face = replace(face, reason=NOT_FITTED)
            faces.append(face)
        return faces
