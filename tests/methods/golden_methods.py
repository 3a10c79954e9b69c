"""Weights and inputs of golden/methods, which anyone can recreate, as its README defines them."""

from __future__ import annotations

import json
import re
import zlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tests.methods.parface_weights import waves

__all__ = ["Golden", "close", "fill", "wave", "waves"]
OWN_VALUES = re.compile(r"mask|loc|cov|e2h_transform\.")


class Golden:
    """The arrays and facts of one method: ``golden["name"]``, ``golden.facts["name"]``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._arrays = np.load(folder / "methods" / f"{name}.npz")
        self.facts: dict[str, Any] = json.loads((folder / "methods" / f"{name}.json").read_text())

    def __getitem__(self, name: str) -> torch.Tensor:
        return torch.from_numpy(self._arrays[name])


def wave(shape: tuple[int, ...], s: float) -> torch.Tensor:
    """sin(0.37 q + s) * cos(0.011 q s + 0.3) over the flat index q, float32."""
    q = np.arange(int(np.prod(shape)), dtype=np.float64)
    return torch.tensor((np.sin(0.37 * q + s) * np.cos(0.011 * q * s + 0.3)).astype(np.float32)).view(shape)


def fill(
    module: torch.nn.Module,
    tame: list[list[Any]] | None = None,
    rename: Callable[[str], str] = str,
    cast: torch.dtype = torch.float32,
) -> torch.nn.Module:
    """Give a module the recreated weights of the original's names, cast, and put it into evaluation mode."""
    state = module.state_dict()
    for own, tensor in state.items():
        name = rename(own)
        if not OWN_VALUES.search(name):
            state[own] = torch.tensor(_recreated(name, tuple(tensor.shape), tame or [])).to(cast).to(tensor.dtype)
    module.load_state_dict(state)
    return module.eval()


def _recreated(name: str, shape: tuple[int, ...], tame: list[list[Any]]) -> np.ndarray:
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros(())
    v = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode()))).standard_normal(int(np.prod(shape)))
    v = v.reshape(shape)
    if leaf == "running_mean":
        return 0.1 * v
    if leaf == "running_var":
        return 1 + 0.2 * np.abs(v)
    if leaf == "bias":
        return 0.1 * v
    out = 1 + 0.1 * v if len(shape) == 1 else v * np.sqrt(2 / (shape[1] * np.prod(shape[2:])))
    for pattern, factor in tame:
        out = out * factor if re.search(pattern, name) else out
    return out


def close(found: torch.Tensor, wanted: torch.Tensor, tolerance: float = 1e-5) -> None:
    """Equal within a share of the wanted array's largest value."""
    assert found.shape == wanted.shape
    largest = wanted.abs().max().item()
    torch.testing.assert_close(found.double(), wanted.double(), rtol=tolerance, atol=tolerance * max(largest, 1e-12))
