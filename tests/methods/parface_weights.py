"""Weights and inputs that anyone can recreate, as golden/README.md defines them."""

from __future__ import annotations

import zlib

import numpy as np
import torch

TAMED = {"Q.fc.weight": 0.15, "P.lin.weight": 0.05, "LMH.lin.weight": 0.01, "LMH_3D.fc.weight": 0.02}


def recreated(name: str, shape: tuple[int, ...], tame: bool = True) -> np.ndarray:
    """The float64 entry of a state dict from its name and shape."""
    leaf = name.rsplit(".", 1)[-1]
    if leaf == "num_batches_tracked":
        return np.zeros((), dtype=np.int64)
    generator = np.random.Generator(np.random.PCG64(zlib.crc32(name.encode())))
    v = generator.standard_normal(int(np.prod(shape))).reshape(shape)
    if leaf == "running_mean":
        return 0.1 * v
    if leaf == "running_var":
        return 1 + 0.2 * np.abs(v)
    if leaf == "bias":
        return 0.1 * v
    if len(shape) == 1:
        return 1 + 0.1 * v
    transposed = len(shape) == 4 and shape[2:] == (4, 4) and not name.startswith("D.")
    fan_in = shape[0] * 16 / 4 if transposed else shape[1] * np.prod(shape[2:])
    return v * np.sqrt(2 / fan_in) * (TAMED.get(name, 1.0) if tame else 1.0)


def fill(module: torch.nn.Module, prefix: str = "", tame: bool = True) -> torch.nn.Module:
    """Give a module the recreated weights and put it into evaluation mode."""
    state = module.state_dict()
    module.load_state_dict(
        {n: torch.tensor(recreated(prefix + n, tuple(t.shape), tame)).to(t.dtype) for n, t in state.items()}
    )
    return module.eval()


def waves(n: int, size: int = 256) -> torch.Tensor:
    """The golden input, float32 [n, 3, size, size]."""
    b, c, i, j = np.ogrid[:n, :3, :size, :size]
    x = 0.25 * np.sin(0.05 * (c + 1) * i + 0.7 * b) + 0.20 * np.cos(0.035 * (b + 1) * j + 0.9 * c)
    x = x + 0.05 * np.sin(0.011 * (i + 1) * (c + 1) - 0.017 * j * (b + 1))
    return torch.tensor(x.astype(np.float32))
