"""What frozen parts give for a batch: made without a graph and, where the data are not augmented, once for a face."""

from __future__ import annotations

from typing import TYPE_CHECKING

import torch
from torch import Tensor

from parface_bench.plugins.methods.parface.inference import prepared
from parface_bench.plugins.methods.parface.network import ParFaceNetwork

if TYPE_CHECKING:
    from parface_bench.data.batches.batch import Batch

MOST_BYTES = 1 << 30  # of kept features


class FrozenFeatures:
    """Codes and the decoder's first features of a frozen autoencoder.

    Args:
        network: its ``Q`` and ``P`` must not learn while this is in use.
        keep: the same face always comes with the same picture, so that its features can be kept.
    """

    def __init__(self, network: ParFaceNetwork, keep: bool = False) -> None:
        self.network, self.keep = network, keep
        self._kept: dict[tuple[str, bytes], tuple[Tensor, Tensor]] = {}
        self._bytes = 0

    @torch.no_grad()
    def __call__(self, images: Tensor, batch: Batch) -> tuple[Tensor, Tensor]:
        """Normalised images [B, 3, S, S] -> code [B, code_size], first features [B, C, 8, 8]."""
        if not self.keep:
            return self._make(images)
        # ids of several data sets may coincide; their crops do not
        keys = [(name, m.numpy().tobytes()) for name, m in zip(batch.ids, batch.matrices.cpu(), strict=True)]
        if all(key in self._kept for key in keys):
            kept = [self._kept[key] for key in keys]
            return torch.stack([z for z, _ in kept]), torch.stack([x1 for _, x1 in kept])
        z, x1 = self._make(images)
        for key, code, features in zip(keys, z, x1, strict=True):
            size = code.nbytes + features.nbytes
            if key not in self._kept and self._bytes + size <= MOST_BYTES:
                self._kept[key] = code.clone(), features.clone()
                self._bytes += size
        return z, x1

    def _make(self, images: Tensor) -> tuple[Tensor, Tensor]:
        z = self.network.encode(images, prepared(self.network.Q))
        return z, prepared(self.network.P).first(z)
