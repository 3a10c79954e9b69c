"""A batch of crops with their truth, as every method sees it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from typing import Any

import torch
from torch import Tensor

from parface_bench.data.heatmaps.codecs import HeatmapCodec


@dataclass(eq=False)
class Batch:
    """Crops of B faces, S pixels wide, and what is known of them.

    Attributes:
        images: float [B, 3, S, S], RGB in 0..1; uint8 as it comes from the loader's workers, until :meth:`to`.
        landmarks: float [B, L, 2], crop pixels (0-based pixel centres), or None for faces without landmarks. NaN
            where ``visible`` is False and the data set gives no place.
        depth: float [B, L], scaled like the crop, or None.
        visible: bool [B, L], or None.
        matrices: float64 [B, 2, 3], picture pixels to crop pixels, augmentation included.
        ids: the faces' ids.
        codec: how ``heatmaps`` are made.
        margin: pixels on every side of the images beyond the crop proper, for the augmentation to draw on;
            ``landmarks`` and ``matrices`` count from the corner of the images.
    """

    images: Tensor
    landmarks: Tensor | None
    depth: Tensor | None
    visible: Tensor | None
    matrices: Tensor
    ids: list[str]
    codec: HeatmapCodec = field(default_factory=HeatmapCodec)
    margin: int = 0

    def __len__(self) -> int:
        return len(self.images)

    @property
    def size(self) -> int:
        """S, the side of the crops in pixels."""
        return self.images.shape[-1]

    @property
    def device(self) -> torch.device:
        """Where the tensors are."""
        return self.images.device

    @cached_property
    def heatmaps(self) -> Tensor:
        """Target heatmaps [B, L, s, s] of ``landmarks`` in front of ``codec``, made on the device at first use.

        Raises:
            ValueError: the faces have no landmarks.
        """
        if self.landmarks is None:
            raise ValueError("this batch has no landmarks, so it has no heatmaps")
        return self.codec.encode(self.landmarks, self.size)

    @cached_property
    def points(self) -> Tensor:
        """Landmarks with depth as the third coordinate, [B, L, 3], or [B, L, 2] where there is none."""
        if self.landmarks is None:
            raise ValueError("this batch has no landmarks")
        return self.landmarks if self.depth is None else torch.cat([self.landmarks, self.depth[..., None]], dim=-1)

    def to(self, device: torch.device | str, *, channels_last: bool = False) -> Batch:
        """The batch on a device, without waiting for the copy; uint8 images become float in 0..1 there."""
        memory = torch.channels_last if channels_last else torch.preserve_format
        images = self.images.to(device, non_blocking=True, memory_format=memory)
        if images.dtype == torch.uint8:
            images = images.to(torch.float32) / 255.0
        return self._map(lambda t: t.to(device, non_blocking=True), images=images)

    def without_margin(self) -> Batch:
        """The batch cut down to the crops proper."""
        m = self.margin
        if m == 0:
            return self
        shift = torch.zeros_like(self.matrices)
        shift[:, :, 2] = m
        return replace(
            self,
            images=self.images[:, :, m:-m, m:-m],
            landmarks=None if self.landmarks is None else self.landmarks - m,
            matrices=self.matrices - shift,
            margin=0,
        )

    def pin_memory(self) -> Batch:
        """The batch in page-locked memory (called by torch's DataLoader)."""
        return self._map(Tensor.pin_memory, images=self.images.pin_memory())

    def __getitem__(self, rows: slice) -> Batch:
        """A part of the batch."""
        if not isinstance(rows, slice):
            raise TypeError("take a slice of a batch, for example batch[0:1]")
        cut: dict[str, Any] = {k: t[rows] for k, t in self._tensors()}
        return replace(self, ids=self.ids[rows], **cut)

    def _tensors(self) -> Iterator[tuple[str, Tensor]]:
        for f in fields(self):
            value: Any = getattr(self, f.name)
            if isinstance(value, Tensor):
                yield f.name, value

    def _map(self, how: Any, images: Tensor) -> Batch:
        moved: dict[str, Any] = {k: how(t) for k, t in self._tensors() if k != "images"}
        return replace(self, images=images, **moved)
