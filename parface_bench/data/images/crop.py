"""From a face in a picture to a square crop: one affine map per face, exactly invertible.

``Crop(...).matrix(row)`` is the map of coordinates from picture pixels to crop pixels, ``warp`` (or ``Crop.pixels``)
makes the crop, and ``apply`` and ``restore`` carry landmarks there and back. Conventions and modes: docs, crops.md.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

import cv2
import numpy as np
from numpy.typing import ArrayLike

from parface_bench.data.images import parface_geometry
from parface_bench.faces.geometry import (
    Array,
    apply,
    box_to_square,
    compose,
    depth_scale,
    extend_box,
    invert,
    locate,
    order_box,
    restore,
    roll,
    rotation,
    square_box,
    tight_box,
)
from parface_bench.registry.errors import UserError, check_known

__all__ = ["GEOMETRIES", "MODES", "Crop", "apply", "depth_scale", "face_box", "invert", "restore", "warp"]

MODES = ("lm_ground_truth", "bb_ground_truth", "bb_detector", "given", "auto")
_BY_LANDMARKS = ("lm_ground_truth", "auto")
GEOMETRIES = ("half-pixel", "parface")
POINTS = ("landmarks", "landmarks_2d")

# Share of the brow-to-chin height kept above and below, and the side of the square relative to the kept height.
ABOVE, BELOW = parface_geometry.TOP, parface_geometry.BOTTOM
# A tight landmark box grows by these shares of its height to stand for a face box.
BOX_TOP, BOX_BOTTOM = 0.05, 0.10
# Scale and shift from a face box's square to the landmarks' square: medians over 300W's training faces (crops.md).
BOX_TO_LANDMARK_SQUARE = (1.214, -0.065)
INTERPOLATION = {"linear": cv2.INTER_LINEAR, "cubic": cv2.INTER_CUBIC}


@dataclass(frozen=True)
class Crop:
    """How faces are cut out; part of a protocol or recipe, and stored with every result.

    Attributes:
        mode: where the square comes from. ``lm_ground_truth``: the true landmarks (eyes, brows to chin);
            ``bb_ground_truth``: the annotated box, or the tight box of the true landmarks grown by 5 % above and 10 %
            below where there is none; ``bb_detector``: the ``bbox_detector`` column; ``given``: the ``bbox`` column;
            ``auto``: as ``lm_ground_truth``, and nearly the same square from ``bbox`` for faces without landmarks.
        size: side of the crop in pixels.
        scale: the square's side is multiplied by this.
        geometry: ``half-pixel`` (pixel centres treated right) or ``parface`` (the original code's).
        shift: the square moves down by this share of its unscaled side (``half-pixel`` boxes only).
        align: turn the face so that the eyes are level (where the square comes from landmarks).
        points: column of the landmarks that ``lm_ground_truth`` and ``auto`` look at: 'landmarks', or 'landmarks_2d' (a
            second, 2D convention) where a face has them.
        margin: pixels added on every side, beyond the crop's own square, for augmentation to draw on. The picture is
            then ``size + 2 * margin`` wide; the square itself fills the middle ``size`` pixels.
    """

    mode: str = "lm_ground_truth"
    size: int = 256
    scale: float = 1.0
    shift: float = 0.0
    geometry: str = "half-pixel"
    align: bool = False
    margin: int = 0
    points: str = "landmarks"

    def __post_init__(self) -> None:
        check_known([self.mode], MODES, "crop mode", "does not exist")
        check_known([self.geometry], GEOMETRIES, "crop geometry", "does not exist")
        check_known([self.points], POINTS, "crop points", "do not exist")
        numbers = (self.size, self.margin, self.scale, self.shift)
        if any(isinstance(v, bool) or not isinstance(v, (int, float)) for v in numbers):
            raise UserError(f"crop size, margin, scale and shift {numbers}: must be numbers")
        if not (
            8 <= self.size <= 8192 and 0 <= self.margin <= 8192 and 0 < self.scale <= 100 and abs(self.shift) < 100
        ):
            raise UserError(
                f"crop size {self.size}, margin {self.margin}, scale {self.scale}, shift {self.shift}: "
                "the size must be at least 8, the margin at least 0 and the scale above 0, none far beyond"
            )
        if self.align and self.mode not in _BY_LANDMARKS:
            raise UserError(f"crop mode {self.mode!r} cannot align the eyes: only {' and '.join(_BY_LANDMARKS)} can")
        if self.geometry == "parface" and (self.scale != 1.0 or self.shift != 0.0):
            raise UserError("crop geometry 'parface' has a fixed scale and place: leave them out or use 'half-pixel'")

    @classmethod
    def from_config(cls, config: Crop | Mapping[str, Any] | None, **changes: Any) -> Crop:
        """A crop from a config mapping (or a crop), with some fields changed.

        Raises:
            UserError: a key that does not exist, or a value that cannot be.
        """
        values = asdict(config) if isinstance(config, Crop) else dict(config or {})
        values.update(changes)
        known = [f.name for f in fields(cls)]
        check_known(values, known, "crop setting", "does not exist")
        try:
            return cls(**values)
        except TypeError as error:
            raise UserError(f"crop settings {values} cannot be used: {error}") from None

    def config(self) -> dict[str, Any]:
        """The fields as plain values, for a config file or a fingerprint."""
        return asdict(self)

    def with_margin(self, margin: int) -> Crop:
        """The same crop with room around it."""
        return replace(self, margin=margin)

    def for_boxes(self) -> Crop:
        """The crop that takes face boxes (the ``bbox`` column) to nearly the squares that this crop makes of landmarks.

        For faces that have no landmarks yet: photographs, detectors' boxes. Crops of boxes only change their mode.
        """
        if self.mode not in _BY_LANDMARKS:
            return replace(self, mode="given", align=False)
        scale, shift = BOX_TO_LANDMARK_SQUARE
        return replace(
            self, mode="given", align=False, geometry="half-pixel", scale=self.scale * scale, shift=shift + self.shift
        )

    def for_any(self) -> Crop:
        """The same crop for faces of any data set, annotated or not: by landmarks or box, whichever a face has."""
        any_face = {"lm_ground_truth": "auto", "given": "bb_ground_truth"}
        return replace(self, mode=any_face.get(self.mode, self.mode))

    @property
    def full_size(self) -> int:
        """Side of the picture that ``pixels`` makes: size and both margins."""
        return self.size + 2 * self.margin

    def square(self, row: Any) -> Array:
        """Corners [4, 2] of the crop's square in the picture (without margin), clockwise from the top left one.

        They are pixel edges: half a pixel outside the centres of the crop's corner pixels in the half-pixel geometry.
        """
        inner = replace(self, margin=0)
        low, high = (-0.5, self.size - 0.5) if self.geometry == "half-pixel" else (0.0, float(self.size))
        corners = np.array([[low, low], [high, low], [high, high], [low, high]])
        return apply(corners, invert(inner.matrix(row)))

    def matrix(self, row: Any) -> Array:
        """The map [2, 3] of coordinates from picture pixels to crop pixels, float64.

        Args:
            row: a face of an index table (named tuple, Series or mapping) with what the mode needs: ``landmarks``,
                ``bbox`` or ``bbox_detector``, and its ``id`` for messages.

        Raises:
            UserError: the face has not what the mode needs, or its box or landmarks have no extent; names the face.
        """
        try:
            m = self._parface(row) if self.geometry == "parface" else self._half_pixel(row)
        except ValueError as error:
            raise UserError(f"face {_get(row, 'id', '?')!r}: no crop {self.mode!r} can be made: {error}") from None
        m[:, 2] += self.margin
        return m

    def pixel_matrix(self, row: Any) -> Array:
        """The map [2, 3] that moves pixels: as ``matrix``, but for the parface geometry's half-pixel inconsistency."""
        m = self.matrix(row)
        return parface_geometry.for_pixels(m) if self.geometry == "parface" else m

    def pixels(self, image: np.ndarray, row: Any) -> np.ndarray:
        """The crop, uint8 [full_size, full_size, 3], of a picture uint8 [H, W, 3]."""
        return warp(image, self.pixel_matrix(row), self.full_size, interpolation=self.interpolation)

    @property
    def interpolation(self) -> str:
        """``linear`` after area averaging, or the original's plain ``cubic``."""
        return "cubic" if self.geometry == "parface" else "linear"

    def _half_pixel(self, row: Any) -> Array:
        if not self._by_landmarks(row):
            boxes = self.for_boxes() if self.mode == "auto" else self
            return boxes._from_box(self._box(row))
        points = self._landmarks(row)
        pose = locate(points)
        if pose is None:
            return self.for_boxes()._from_box(face_box(points))
        center = pose.eyes + parface_geometry.FACE_CENTER * (pose.chin - pose.eyes)
        turn = rotation(center, roll(pose)) if self.align else None
        seen = np.vstack([points[:, :2], pose.chin, pose.brow])
        top, bottom = tight_box(seen if turn is None else apply(seen, turn))[[1, 3]]
        height = (bottom - top) * (1 + ABOVE + BELOW)
        middle = (top + bottom + (BELOW - ABOVE) * (bottom - top)) / 2
        half = height * np.sqrt(2.0) * self.size / parface_geometry.roi_size(self.size) * self.scale / 2
        box = np.array([center[0] - half, middle - half, center[0] + half, middle + half])
        m = box_to_square(_checked(box), self.size)
        return m if turn is None else compose(m, turn)

    def _from_box(self, box: Array) -> Array:
        box = square_box(box)
        box[[1, 3]] += self.shift * (box[3] - box[1])
        return box_to_square(_checked(square_box(box, self.scale)), self.size)

    def _parface(self, row: Any) -> Array:
        if self._by_landmarks(row):
            roi = parface_geometry.roi_from_landmarks(self._landmarks(row), self.align)
        else:
            roi = parface_geometry.roi_from_box(self._box(row), self.size)
        _checked(np.concatenate([roi.tl, roi.br]))
        return parface_geometry.crop_matrix(roi, self.size)

    def _landmarks(self, row: Any) -> Array:
        points = _get(row, self.points)
        points = _get(row, "landmarks") if points is None else points
        if points is None:
            raise ValueError("it has no landmarks; use a mode that takes boxes")
        return np.asarray(points, dtype=np.float64)

    def _by_landmarks(self, row: Any) -> bool:
        return self.mode == "lm_ground_truth" or (self.mode == "auto" and _get(row, "landmarks") is not None)

    def _box(self, row: Any) -> Array:
        if self.mode == "bb_detector":
            return _need_box(row, "bbox_detector", "run a face detector first ('pfbench data prepare')")
        if self.mode == "given":
            return _need_box(row, "bbox", "use crop mode 'lm_ground_truth' or 'bb_ground_truth'")
        if self.mode == "auto":
            return _need_box(row, "bbox", "and no landmarks; run a face detector first ('pfbench data prepare')")
        box = _get(row, "bbox")
        if box is not None:
            return _checked(order_box(box))
        grown = face_box(self._landmarks(row))
        return np.trunc(grown) if self.geometry == "parface" else grown


def face_box(points: ArrayLike) -> Array:
    """What this toolkit calls a face box [4]: the tight box of the landmarks, 5 % higher above and 10 % below.

    Raises:
        ValueError: no finite landmark.
    """
    return extend_box(tight_box(points), top=BOX_TOP, bottom=BOX_BOTTOM)


def warp(
    image: np.ndarray, matrix: ArrayLike, size: int, *, interpolation: str = "linear", out: np.ndarray | None = None
) -> np.ndarray:
    """Cut a square out of a picture; what lies outside the picture is black.

    With ``linear``, strong reductions (a picture pixel less than half a crop pixel) are first averaged over whole
    blocks (INTER_AREA), so that fine texture does not alias. Only the part that is needed is touched, so that the
    picture may be of any size.

    Args:
        image: uint8 [H, W, 3] (or [H, W]).
        matrix: [2, 3], picture pixels to crop pixels, pixel centres at integers in both.
        size: side of the crop.
        interpolation: ``linear``, or ``cubic`` (no averaging, as the original code).
        out: where to put the crop; a contiguous array of the result's shape.

    Returns:
        uint8 [size, size, 3] (or [size, size]), contiguous.
    """
    m = np.array(matrix, dtype=np.float64)
    height, width = image.shape[:2]
    # plain numbers here: for small crops the arithmetic would take longer in numpy than the warp
    (a, b, c), (d, e, f) = m.tolist()
    det = a * e - b * d
    xs, ys = [], []
    for u, v in ((-1 - c, -1 - f), (size - c, -1 - f), (size - c, size - f), (-1 - c, size - f)):
        xs.append((e * u - b * v) / det)
        ys.append((a * v - d * u) / det)
    x1, y1 = max(math.floor(max(min(xs), 0)) - 2, 0), max(math.floor(max(min(ys), 0)) - 2, 0)
    x2, y2 = min(math.ceil(min(max(xs), width)) + 3, width), min(math.ceil(min(max(ys), height)) + 3, height)
    if x2 <= x1 or y2 <= y1:
        out = np.empty((size, size, *image.shape[2:]), dtype=np.uint8) if out is None else out
        out[:] = 0
        return out
    part = image[y1:y2, x1:x2]
    m[0, 2] += a * x1 + b * y1
    m[1, 2] += d * x1 + e * y1
    block = int(1.0 / max(math.sqrt(abs(det)), 1e-9) + 1e-9) if interpolation == "linear" else 1
    if block > 1:
        part, m = _reduce(part, m, block)
    return cv2.warpAffine(part, m, (size, size), dst=out, flags=INTERPOLATION[interpolation])


def _reduce(part: np.ndarray, m: Array, block: int) -> tuple[np.ndarray, Array]:
    """Average blocks of pixels, padding to whole blocks with the edge, and correct the map for it."""
    down, right = -part.shape[0] % block, -part.shape[1] % block
    if down or right:
        part = cv2.copyMakeBorder(part, 0, down, 0, right, cv2.BORDER_REPLICATE)
    small = cv2.resize(part, (part.shape[1] // block, part.shape[0] // block), interpolation=cv2.INTER_AREA)
    m = m.copy()
    m[:, 2] += m[:, :2] @ np.full(2, (block - 1) / 2)
    m[:, :2] *= block
    return small, m


def _get(row: Any, name: str, default: Any = None) -> Any:
    value = row.get(name, default) if hasattr(row, "get") else getattr(row, name, default)
    # pandas fills missing cells of an object column with NaN
    return default if isinstance(value, float) and np.isnan(value) else value


def _need_box(row: Any, column: str, remedy: str) -> Array:
    box = _get(row, column)
    if box is None:
        raise ValueError(f"it has no {column}; {remedy}")
    return _checked(order_box(box))


def _checked(box: Array) -> Array:
    """The box itself if it is finite and has an extent."""
    if not np.isfinite(box).all():
        raise ValueError(f"box {np.round(box, 2).tolist()} is not finite")
    if box[2] - box[0] < 1e-6 or box[3] - box[1] < 1e-6:
        raise ValueError(f"box {np.round(box, 2).tolist()} has no extent")
    return box
