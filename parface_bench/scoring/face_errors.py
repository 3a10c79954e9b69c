"""What a metric sees: scored faces with their errors, computed when asked for."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from functools import cached_property

import numpy as np

from parface_bench.faces import Schema


@dataclass(frozen=True, eq=False)
class Faces:
    """Faces with truth, prediction and normalising distance. Arrays are read-only.

    Attributes:
        ids: [N] names.
        schema: landmark schema, or None for landmarks without one.
        landmarks: true landmarks, float64 [N, L, 2|3], pixels.
        predicted: predicted landmarks, float64 [N, L, 2|3], pixels.
        norm: [N] normalising distance, pixels, positive.
        depth_norm: [N] normalising distance of the 3D errors, or None where depth is not compared.
        visible: bool [N, L], or None where the data do not tell.
        confidence: [N, L] how sure the method was of each landmark, higher is surer; None where it did not say.

    A landmark that the annotators left out is NaN in ``landmarks``, and so in all errors.
    """

    ids: np.ndarray
    schema: Schema | None
    landmarks: np.ndarray
    predicted: np.ndarray
    norm: np.ndarray
    depth_norm: np.ndarray | None = None
    visible: np.ndarray | None = None
    confidence: np.ndarray | None = None

    def __post_init__(self) -> None:
        for f in fields(self):  # views, so that the arrays of whoever made them stay writable
            value = getattr(self, f.name)
            if isinstance(value, np.ndarray):
                object.__setattr__(self, f.name, _read_only(value.view()))

    def __len__(self) -> int:
        return len(self.ids)

    @cached_property
    def pixels(self) -> np.ndarray:
        """[N, L] distance of predicted and true landmark in x and y, pixels."""
        dx = self.predicted[..., 0] - self.landmarks[..., 0]
        dy = self.predicted[..., 1] - self.landmarks[..., 1]
        return _read_only(np.sqrt(dx * dx + dy * dy))

    @cached_property
    def errors(self) -> np.ndarray:
        """[N, L] the same in percent of the normalising distance."""
        return _read_only(100.0 * self.pixels / self.norm[:, None])

    @cached_property
    def nme(self) -> np.ndarray:
        """[N] mean of :attr:`errors` over the landmarks of a face."""
        return _read_only(landmark_mean(self.errors))

    @property
    def has_depth(self) -> bool:
        """Whether depth is compared."""
        return self.depth_norm is not None

    @cached_property
    def errors_3d(self) -> np.ndarray:
        """[N, L] 3D distances once the mean depths are made equal, in percent of :attr:`depth_norm`."""
        if self.depth_norm is None:
            raise ValueError("these faces have no depth to compare")
        true, predicted = self.landmarks[..., 2], self.predicted[..., 2]
        shift = landmark_mean(true) - landmark_mean(np.where(np.isnan(true), np.nan, predicted))
        dz = predicted + shift[:, None] - true
        return _read_only(100.0 * np.sqrt(self.pixels**2 + dz * dz) / self.depth_norm[:, None])

    @cached_property
    def gte(self) -> np.ndarray:
        """[N] mean of :attr:`errors_3d` over the landmarks of a face."""
        return _read_only(landmark_mean(self.errors_3d))

    def take(self, rows: np.ndarray) -> Faces:
        """These rows (indices or a mask), as new faces."""
        arrays = {
            f.name: getattr(self, f.name)[rows]
            for f in fields(self)
            if f.name != "schema" and getattr(self, f.name) is not None
        }
        return replace(self, **arrays)


def _read_only(array: np.ndarray) -> np.ndarray:
    array.flags.writeable = False
    return array


def landmark_mean(values: np.ndarray) -> np.ndarray:
    """Mean of [N, L] over the landmarks that were annotated (not NaN); NaN where there are none."""
    means = values.mean(axis=1)
    gaps = np.isnan(means)
    if gaps.any():
        part = values[gaps]
        known = ~np.isnan(part)
        with np.errstate(invalid="ignore"):
            means[gaps] = np.where(known, part, 0.0).sum(axis=1) / known.sum(axis=1)
    return means


def landmark_variance(values: np.ndarray) -> np.ndarray:
    """Variance (ddof 0) of [N, L] over the landmarks that were annotated."""
    deviations = values - landmark_mean(values)[:, None]
    return landmark_mean(deviations * deviations)
