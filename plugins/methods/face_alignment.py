"""FAN (Bulat & Tzimiropoulos, ICCV 2017) with the weights that its authors publish for the package face-alignment."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch

from parface_bench import method
from parface_bench.data.heatmaps.codecs import HeatmapCodec, confidence
from parface_bench.data.images.crop import Crop, restore
from parface_bench.faces import get_schema
from parface_bench.methods.base import Method
from parface_bench.plugins.methods.fan import StackedHourglass
from parface_bench.plugins.methods.weights import FAN_URL, fan_file, load_fan
from parface_bench.registry.errors import UserError

# FAN's crop is (w + h) / 195 * 200 pixels of the box of an SFD detector, its centre 12 % of the height up. A face box
# of ours relates to such boxes as to yuface's (both are WIDER FACE's, 0.755 times as wide as high).
SCALE, SHIFT = (1 + 0.755) / 195 * 200 / 0.876, (-0.12 - 0.14) / 0.876


@method(
    "face-alignment",
    schema="ibug68",
    summary="FAN, four stacked hourglasses, its published 2D or 3DA-2D weights (by path or torch hub)",
    reference="Bulat & Tzimiropoulos, How far are we from solving face alignment, ICCV 2017, arXiv:1703.07332",
    licence="BSD-3-Clause; weights trained on 300W-LP (and 300W), whose licences exclude commercial use",
    trained_on=("300w-lp", "300w:train"),
)
class FaceAlignment(Method):
    """Four stacked hourglasses at 256 px, averaged with the mirrored face; its 2D or its 3DA-2D weights."""

    schema = "ibug68"

    def __init__(
        self, weights: str = "", kind: str = "2d", check: bool = True, flip: bool = True, device: str = "cpu"
    ) -> None:
        """Load the network.

        Args:
            weights: path of the published file; '' = torch hub's cache, filled from the author's site if reachable.
            kind: ``2d`` or ``3da-2d``.
            check: hold the file to its published checksum.
            flip: average with the mirrored face.
            device: where to compute.
        """
        self._network = StackedHourglass()
        load_fan(self._network, weights or _from_hub(kind), kind, check)
        self._network.to(device).eval()
        self._flip, self._device = flip, device
        self._crop = Crop("given", 256, scale=SCALE, shift=SHIFT)
        self._codec = HeatmapCodec(64, 1.0, decoder="local-fit")

    @torch.inference_mode()
    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """See :meth:`Method.predict`."""
        found, sure = np.full((len(images), 68, 2), np.nan), np.zeros((len(images), 68))
        mirror = torch.tensor(get_schema("ibug68").flip, device=self._device)
        for i, (image, box) in enumerate(zip(images, np.asarray(boxes, dtype=np.float64), strict=True)):
            if not np.isfinite(box).all():
                continue
            row = {"id": f"picture {i + 1}", "bbox": box}
            crop = torch.from_numpy(self._crop.pixels(np.ascontiguousarray(image), row)).to(self._device)
            crop = crop.permute(2, 0, 1)[None].float() / 255.0
            maps = self._last(crop)
            if self._flip:
                maps = (maps + self._last(crop.flip(-1)).flip(-1)[:, mirror]) / 2
            points = self._codec.decode(maps, 256)[0].double().cpu().numpy()
            found[i] = restore(points, self._crop.matrix(row))
            sure[i] = confidence(maps)[0].double().cpu().numpy()
        self.confidence = sure
        return found

    def _last(self, crop: torch.Tensor) -> torch.Tensor:
        return self._network(crop)[-1].float()


def _from_hub(kind: str) -> str:
    """The file in torch hub's cache, fetched there if it can be.

    Raises:
        UserError: no such kind, or the file is not there and the site cannot be reached.
    """
    file = fan_file(kind)
    cached = Path(torch.hub.get_dir()) / "checkpoints" / file.file
    if not cached.is_file():
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(FAN_URL + file.file, str(cached), file.sha256, progress=False)
        except Exception as error:
            raise UserError(f"{file.file}: cannot be fetched ({type(error).__name__}); {file.get}") from None
    return str(cached)
