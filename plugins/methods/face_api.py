"""face-api.js's 68-point networks, from the weight files that its package for browsers holds."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from parface_bench import method
from parface_bench.data.images.crop import Crop, restore
from parface_bench.limits import read_file
from parface_bench.methods.base import Method
from parface_bench.registry.errors import UserError

SIDE, MEAN = 112, (122.782, 117.001, 104.298)
# Shares of the face box's side that put the square where the networks do best on every 25th of 300W's training faces.
SCALE, SHIFT = 1.1, 0.05
GET = (
    "npm pack @vladmandic/face-api, unpack it and give model/face_landmark_68_model-weights_manifest.json (or the tiny "
    "one's): --set method.weights=PATH"
)
_MOST = 16 << 20  # bytes of either file
_KINDS = {"uint8": np.uint8, "uint16": np.uint16}


@method(
    "face-api",
    schema="ibug68",
    summary="face-api.js's 68-point networks (0.35 MB, or tiny with 0.08 MB), from the user's copy of its files",
    reference="V. Mühler, face-api.js, https://github.com/justadudewhohacks/face-api.js",
    licence="MIT (code and weights as distributed); training data not stated",
)
class FaceApi(Method):
    """Separable convolutions in dense blocks, the mean over the face, one linear layer to 68 points."""

    schema = "ibug68"

    def __init__(self, weights: str = "", scale: float = SCALE, shift: float = SHIFT) -> None:
        """Load a network.

        Args:
            weights: path of its ``...-weights_manifest.json``, with the ``.bin`` beside it.
            scale, shift: the square over the face box's: times so large, moved down by this share of it.

        Raises:
            UserError: a file is missing, damaged or of another network.
        """
        if not weights:
            raise UserError(f"method face-api: its weights are not given; {GET}")
        self._weights = read_weights(Path(weights))
        self._blocks = sum(f"dense{n}/conv0/bias" in self._weights for n in range(4))
        self._parts = sum(f"dense0/conv{n}/bias" in self._weights for n in range(4))
        if (self._blocks, self._parts) not in ((4, 4), (3, 3)) or self._weights["fc/bias"].shape != (136,):
            raise UserError(f"{weights}: not one of face-api's networks of 68 landmarks; {GET}")
        self._crop = Crop("given", SIDE, scale=scale, shift=shift)
        try:
            self._network(torch.zeros(1, 3, SIDE, SIDE))
        except (KeyError, RuntimeError, ValueError) as error:
            raise UserError(f"{weights}: its weights do not fit together ({str(error)[:80]}); {GET}") from None

    @torch.inference_mode()
    def predict(self, images: Sequence[np.ndarray], boxes: np.ndarray) -> np.ndarray:
        """See :meth:`Method.predict`."""
        found = np.full((len(images), 68, 2), np.nan)
        for i, (image, box) in enumerate(zip(images, np.asarray(boxes, dtype=np.float64), strict=True)):
            if not np.isfinite(box).all():
                continue
            row = {"id": f"picture {i + 1}", "bbox": box}
            pixels = self._crop.pixels(np.ascontiguousarray(image), row)
            crop = (torch.from_numpy(pixels).float() - torch.tensor(MEAN)) / 255
            shares = self._network(crop.permute(2, 0, 1)[None])[0].view(68, 2).double().numpy()
            found[i] = restore(shares * SIDE - 0.5, self._crop.matrix(row))
        return found

    def _network(self, x: Tensor) -> Tensor:
        """Crops [B, 3, 112, 112] -> 136 shares of the side."""
        for block in range(self._blocks):
            outputs = [F.relu(self._convolve(x, f"dense{block}/conv0", 2))]
            for part in range(1, self._parts):
                so_far = F.relu(torch.stack(outputs).sum(dim=0)) if part > 1 else outputs[0]
                outputs.append(self._convolve(so_far, f"dense{block}/conv{part}", 1))
            x = F.relu(torch.stack(outputs).sum(dim=0))
        return x.mean(dim=(2, 3)) @ self._weights["fc/weights"] + self._weights["fc/bias"]

    def _convolve(self, x: Tensor, name: str, stride: int) -> Tensor:
        """A convolution, separable but for the very first, padded as TensorFlow's 'same' does."""
        x = F.pad(x, (0, 1, 0, 1) if stride == 2 else (1, 1, 1, 1))
        own, bias = self._weights, self._weights[f"{name}/bias"]
        if f"{name}/filters" in own:
            return F.conv2d(x, own[f"{name}/filters"].permute(3, 2, 0, 1), bias, stride)
        deep = own[f"{name}/depthwise_filter"].permute(2, 3, 0, 1)
        x = F.conv2d(x, deep, stride=stride, groups=deep.shape[0])
        return F.conv2d(x, own[f"{name}/pointwise_filter"].permute(3, 2, 0, 1), bias)


def read_weights(path: Path) -> dict[str, Tensor]:
    """The tensors of a manifest of TensorFlow.js, back from their bytes: ``value * scale + min``.

    Raises:
        UserError: a file is missing, damaged, or too short for what the manifest says.
    """
    try:
        entries = json.loads(read_file(path, _MOST))
        files = [str(name) for entry in entries for name in entry["paths"]]
        data = b"".join(read_file(path.parent / Path(name).name, _MOST) for name in files)
        said = [weight for entry in entries for weight in entry["weights"]]
        tensors, at = {}, 0
        for one in said:
            values, at = _values(one, data, at)
            tensors[str(one["name"])] = torch.from_numpy(values)
    except OSError as error:
        raise UserError(f"{error.filename or path}: cannot be read ({error.strerror}); {GET}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(f"{path}: no manifest of TensorFlow.js, or damaged ({str(error)[:80]}); {GET}") from None
    return tensors


def _values(said: Mapping[str, Any], data: bytes, at: int) -> tuple[np.ndarray, int]:
    """One tensor as float32, and where the next begins."""
    shape = [int(n) for n in said["shape"]]
    packed = said.get("quantization")
    kind = _KINDS[packed["dtype"]] if packed else np.float32
    count = int(np.prod(shape))
    values = np.frombuffer(data, kind, count, at).astype(np.float32)
    if packed:
        values = values * np.float32(packed["scale"]) + np.float32(packed["min"])
    return values.reshape(shape), at + count * np.dtype(kind).itemsize
