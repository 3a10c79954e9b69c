"""The model in the package: 68 landmarks of photographs, learned from rendered faces alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from parface_bench import method
from parface_bench.data.images.crop import restore, warp
from parface_bench.methods.base import Method
from parface_bench.methods.checkpoint import load_method
from parface_bench.methods.inference import find_tensor, largest_faces
from parface_bench.registry.errors import UserError

WEIGHTS = Path(__file__).with_name("twin68.safetensors")


@method(
    "twin68",
    schema="ibug68",
    summary="the model in the package: soft-argmax of heatmaps, trained on rendered faces (palsy-twin) alone",
    reference="docs/reference/methods/twin68.md",
    licence="MIT, code and weights; trained on the palsy twin, on no photograph",
    trained_on=("palsy-twin:train", "palsy-twin-v1:train"),
    default=True,
)
class Twin68(Method):
    """Looks at each face again in the upright square of the landmarks that it found, so that boxes matter little."""

    schema = "ibug68"

    def __init__(self, passes: int = 2, flip: bool = True, device: str = "cpu") -> None:
        """Load the network.

        Args:
            passes: looks at a face: the first in the given box, each further one in the last one's landmarks.
            flip: the last look is the mean of the face and its mirror image.
            device: where to compute.
        """
        if passes < 1:
            raise UserError(f"twin68: passes {passes} must be at least 1")
        self._network, self.card = load_method(WEIGHTS)
        self._network.to(device)
        self._passes, self._flip = passes, flip
        self._boxes = self._network.crop.for_boxes()
        self._again = replace(self._network.crop, mode="lm_ground_truth", points="landmarks", align=True)

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray | None = None) -> np.ndarray:
        """See :meth:`Method.predict`; without boxes the largest face of each photograph, NaN where there is none."""
        boxes = largest_faces(images) if boxes is None else np.asarray(boxes, dtype=np.float64)
        found, sure = np.full((len(images), 68, 2), np.nan), np.zeros((len(images), 68))
        known = np.flatnonzero(np.isfinite(boxes).all(axis=1)).tolist()
        shown = [np.ascontiguousarray(images[i]) for i in known]
        maps = [self._boxes.matrix({"id": f"picture {i + 1}", "bbox": boxes[i]}) for i in known]
        for turn in range(self._passes if len(known) else 0):
            found[known], sure[known] = self._look(shown, maps, self._flip and turn == self._passes - 1)
            maps = [self._next(points, last) for points, last in zip(found[known], maps, strict=True)]
        self.confidence = sure
        return found

    def _next(self, points: np.ndarray, last: np.ndarray) -> np.ndarray:
        """The map [2, 3] to the upright square of landmarks; the last one where they span none."""
        try:
            return self._again.matrix({"landmarks": points})
        except UserError:
            return last

    def _look(self, images: Sequence[np.ndarray], maps: Sequence[np.ndarray], flip: bool) -> tuple[np.ndarray, Any]:
        """Landmarks [B, 68, 2] in pixels of the pictures, and confidences [B, 68], by one look at each."""
        crops = [warp(image, m, self._again.size) for image, m in zip(images, maps, strict=True)]
        device = next(self._network.parameters()).device
        seen = find_tensor(self._network, torch.from_numpy(np.stack(crops)).permute(0, 3, 1, 2).to(device), flip)
        return restore(seen.points, np.stack(maps)), seen.confidence
