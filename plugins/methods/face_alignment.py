"""FAN (Bulat & Tzimiropoulos, ICCV 2017) with the network of the package face-alignment and its published weights."""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from importlib.metadata import PackageNotFoundError, distribution
from pathlib import Path
from types import ModuleType

import numpy as np
import torch

from parface_bench import method
from parface_bench.data.heatmaps.codecs import HeatmapCodec, confidence
from parface_bench.data.images.crop import Crop, restore
from parface_bench.faces import get_schema
from parface_bench.methods.base import Method
from parface_bench.plugins.methods.weights import Published
from parface_bench.registry.errors import UserError

URL = "https://www.adrianbulat.com/downloads/python-fan/"
GET = f"get it from {URL} and give its path: --set method.weights=PATH"
FILES = {
    "2d": Published("2DFAN4-11f355bf06.pth.tar", "11f355bf06", "", GET),
    "3da-2d": Published("3DFAN4-7835d9f11d.pth.tar", "7835d9f11d", "", GET),
}
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
        if kind not in FILES:
            raise UserError(f"face-alignment: kind {kind!r} does not exist; known: {', '.join(FILES)}")
        path = FILES[kind].locate(weights or _from_hub(FILES[kind]), check)
        self._network = _fan().FAN(4).to(device).eval()
        try:
            self._network.load_state_dict(torch.load(path, map_location=device, weights_only=True))
        except Exception as error:
            raise UserError(f"{path}: no weights of FAN-4 ({str(error).splitlines()[0]}); {GET}") from None
        self._flip, self._device = flip, device
        self._crop = Crop("given", 256, scale=SCALE, shift=SHIFT)
        self._codec = HeatmapCodec(64, 1.0, decoder="local-fit")

    @torch.inference_mode()
    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """See :meth:`Method.predict`."""
        found, sure = np.full((len(images), 68, 2), np.nan), np.zeros(len(images))
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
            sure[i] = float(confidence(maps).mean())
        self.confidence = sure
        return found

    def _last(self, crop: torch.Tensor) -> torch.Tensor:
        out = self._network(crop)
        return (out[-1] if isinstance(out, list | tuple) else out).float()


def _from_hub(file: Published) -> str:
    """The file in torch hub's cache, fetched there if it can be.

    Raises:
        UserError: it is not there and the site cannot be reached.
    """
    cached = Path(torch.hub.get_dir()) / "checkpoints" / file.file
    if not cached.is_file():
        try:
            cached.parent.mkdir(parents=True, exist_ok=True)
            torch.hub.download_url_to_file(URL + file.file, str(cached), file.sha256, progress=False)
        except Exception as error:
            raise UserError(f"{file.file}: cannot be fetched ({type(error).__name__}); {GET}") from None
    return str(cached)


def _fan() -> ModuleType:
    """The module that defines the network, loaded by path: the package itself wants a display library's OpenCV."""
    try:
        files = distribution("face-alignment").files or []
    except PackageNotFoundError:
        raise UserError(
            "method 'face-alignment' needs the package face-alignment: pip install --no-deps face-alignment"
        ) from None
    path = next((str(f.locate()) for f in files if f.as_posix() == "face_alignment/models/fan.py"), "")
    spec = importlib.util.spec_from_file_location("_face_alignment_fan", path) if path else None
    if spec is None or spec.loader is None:
        raise UserError("the package face-alignment holds no models/fan.py; install face-alignment>=1.4")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
