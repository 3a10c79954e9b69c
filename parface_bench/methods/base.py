"""What a method is: photographs and face boxes in, landmarks out. Imports no torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from parface_bench.faces import Schema


class Method:
    """A landmark detector. Subclass it and write :meth:`predict`; declare it with ``@method("name", ...)``.

    Attributes:
        schema: landmark layout that ``predict`` gives (its name; once built, the layout itself), or '' when the method
            takes the data set's own.
        dims: coordinates a landmark, 2 or 3.
        confidence: after ``predict``, float [B], or [B, L] for each landmark, in 0..1 for the faces just seen; None
            where the method has none.
        notes: what whoever uses it should know of its weights; told by ``predict``, kept in results.
    """

    schema: str | Schema = ""
    dims: int = 2
    confidence: np.ndarray | None = None
    notes: Sequence[str] = ()

    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """Find the landmarks of one face in each picture.

        Args:
            images: B photographs, uint8 RGB [H, W, 3], each of any size (the same array may occur more than once).
            boxes: float [B, 4], the face boxes x1, y1, x2, y2 in pixels of each photograph, as the data set, the
                protocol or a face detector gives them.

        Returns:
            float [B, L, 2] or [B, L, 3] in pixels of each photograph (0-based pixel centres, x right, y down); a
            face that was not found is a row of NaN and counts as missing.
        """
        raise NotImplementedError
