"""face-api's networks: weight files read byte by byte, TensorFlow's padding, files that are none."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from parface_bench.plugins.methods.face_api import FaceApi, read_weights
from parface_bench.registry import METHODS, UserError


def manifest(folder: Path, channels: tuple[int, ...] = (32, 64, 128)) -> tuple[Path, dict[str, np.ndarray]]:
    """Files of the tiny network with random weights, as uint8 but for the biases; and the weights."""
    rng = np.random.default_rng(0)
    entries, data, truth = [], b"", {}

    def add(name: str, *shape: int) -> None:
        nonlocal data
        if name.endswith("bias"):
            values = rng.uniform(-0.5, 0.5, shape).astype(np.float32)
            entries.append({"name": name, "shape": list(shape), "dtype": "float32"})
            data += values.tobytes()
        else:
            packed = rng.integers(0, 256, shape, dtype=np.uint8)
            said = {"dtype": "uint8", "scale": 0.004, "min": -0.5}
            entries.append({"name": name, "shape": list(shape), "dtype": "float32", "quantization": said})
            values, data = packed * np.float32(0.004) + np.float32(-0.5), data + packed.tobytes()
        truth[name] = values

    inputs = 3
    for block, outputs in enumerate(channels):
        for part in range(3):
            into = inputs if part == 0 else outputs
            if block == part == 0:
                add("dense0/conv0/filters", 3, 3, 3, outputs)
            else:
                add(f"dense{block}/conv{part}/depthwise_filter", 3, 3, into, 1)
                add(f"dense{block}/conv{part}/pointwise_filter", 1, 1, into, outputs)
            add(f"dense{block}/conv{part}/bias", outputs)
        inputs = outputs
    add("fc/weights", inputs, 136)
    add("fc/bias", 136)
    file = folder / "tiny-weights_manifest.json"
    file.write_text(json.dumps([{"weights": entries, "paths": ["tiny.bin"]}]))
    (folder / "tiny.bin").write_bytes(data)
    return file, truth


def same(x: np.ndarray, kernel: np.ndarray, stride: int) -> np.ndarray:
    """A convolution of one channel as TensorFlow pads it: what is odd goes below and to the right."""
    n = x.shape[0]
    out = -(-n // stride)
    pad = max((out - 1) * stride + 3 - n, 0)
    wide = np.pad(x, (pad // 2, pad - pad // 2))
    return np.array([[(wide[i * stride : i * stride + 3, j * stride : j * stride + 3] * kernel).sum()
                      for j in range(out)] for i in range(out)])  # fmt: skip


def test_weights_come_back_from_their_bytes(tmp_path):
    file, truth = manifest(tmp_path)
    found = read_weights(file)
    assert found.keys() == truth.keys()
    for name, values in truth.items():
        np.testing.assert_allclose(found[name].numpy(), values, rtol=1e-6)


@pytest.mark.parametrize(("name", "stride"), [("dense1/conv0", 2), ("dense1/conv1", 1)])
def test_padding_is_tensorflow_s(tmp_path, name, stride):
    file, truth = manifest(tmp_path)
    deep, point = truth[f"{name}/depthwise_filter"][..., 0], truth[f"{name}/pointwise_filter"][0, 0]
    x = np.random.default_rng(1).normal(size=(deep.shape[2], 8, 8))
    found = METHODS.build("face-api", weights=str(file))._convolve(torch.from_numpy(x[None]).float(), name, stride)[0]
    maps = np.stack([same(x[c], deep[..., c], stride) for c in range(len(x))])
    wanted = np.einsum("cij,cd->dij", maps, point) + truth[f"{name}/bias"][:, None, None]
    np.testing.assert_allclose(found.numpy(), wanted, atol=1e-4)


def test_landmarks_lie_where_the_shares_say(tmp_path):
    """With a linear layer that ignores the picture the landmarks are its bias in the square of the box."""
    file, truth = manifest(tmp_path)
    method = METHODS.build("face-api", weights=str(file), scale=1.0, shift=0.0)
    assert isinstance(method, FaceApi)
    method._weights["fc/weights"].zero_()
    image, boxes = np.zeros((60, 80, 3), np.uint8), np.array([[10.0, 5, 50, 45], [np.nan] * 4])
    found = method.predict([image, image], boxes)
    np.testing.assert_allclose(found[0], np.array([10, 5]) + truth["fc/bias"].reshape(68, 2) * 40, atol=1e-4)
    assert np.isnan(found[1]).all()


def test_files_that_are_none(tmp_path):
    file, _ = manifest(tmp_path)
    with pytest.raises(UserError, match="weights are not given; npm pack"):
        METHODS.build("face-api")
    with pytest.raises(UserError, match=r"none\.json: cannot be read"):
        METHODS.build("face-api", weights=str(tmp_path / "none.json"))
    data = (tmp_path / "tiny.bin").read_bytes()
    (tmp_path / "tiny.bin").write_bytes(data[:-9])
    with pytest.raises(UserError, match="or damaged"):
        METHODS.build("face-api", weights=str(file))
    file.write_text("[{}]")
    with pytest.raises(UserError, match="no manifest of TensorFlow.js"):
        METHODS.build("face-api", weights=str(file))
    other, _ = manifest(tmp_path, (32, 64))
    with pytest.raises(UserError, match="not one of face-api's networks"):
        METHODS.build("face-api", weights=str(other))
