"""What a method costs when it is used: parameters, operations, time and memory."""

from __future__ import annotations

import statistics
import time
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves
from torch.utils.flop_counter import FlopCounterMode

from parface_bench.methods.base import Method
from parface_bench.methods.build import build_method
from parface_bench.methods.checkpoint import load_method
from parface_bench.methods.inference import predict_crops
from parface_bench.methods.recipe import compose
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import METHODS, UserError, nearest
from parface_bench.training import distributed

BATCH = 32
PHOTOGRAPH = (480, 640)
LEAST = 3


def measure(method: Method, *, seconds: float = 1.0) -> dict[str, Any]:
    """The cost of predicting with a method on the device that it is on.

    A trainable method is given crops of its own size, a detector from elsewhere photographs of 480 x 640 pixels with
    a box each; reading and cropping pictures do not count, decoding the network's output does.

    Args:
        method: a built method.
        seconds: time to spend on each of the two timings, beside warming up.

    Returns:
        ``parameters`` (of all parts of the method; None where it is no torch module), ``gflops`` of one face
        (a multiply-add counts as two operations, as torch counts), ``ms_per_face`` at batch 1 and
        ``ms_per_face_batch32`` (medians), ``peak_memory_mib`` (weights and the largest sum of live tensors while 32
        faces are predicted), ``device``, ``image_size``.
    """
    module = method if isinstance(method, torch.nn.Module) else None
    device = _device(module)
    one, many = _task(method, 1), _task(method, BATCH)
    once = _milliseconds(one, seconds, device)
    batch = _milliseconds(many, seconds, device) / BATCH
    return {
        "parameters": None if module is None else sum(p.numel() for p in module.parameters()),
        "gflops": None if module is None else _flops(one) / 1e9,
        "ms_per_face": once,
        "ms_per_face_batch32": batch,
        "peak_memory_mib": None if module is None else _peak_memory(module, many, device) / 2**20,
        "device": device.type,
        "image_size": method.image_size if isinstance(method, TrainableMethod) else None,
    }


def build_for_cost(
    method: str,
    *,
    profile: str = "full",
    image_size: int | None = None,
    schema: str = "ibug68",
    dims: int = 2,
    device: str = "auto",
    overrides: Sequence[str] = (),
) -> Method:
    """A method as a recipe builds it, with random weights, or as a checkpoint holds it.

    Args:
        method: a registered name, a checkpoint or a run's folder.
        profile, image_size, schema, dims, overrides: of the recipe; they do not apply to a checkpoint.
        device: where it is to compute.

    Raises:
        UserError: neither a method nor a checkpoint, or a setting that cannot be.
    """
    if method not in METHODS:
        path = Path(method)
        if not path.exists():
            raise UserError(f"unknown method {method!r}{nearest(method, METHODS.names())}, and no checkpoint is there")
        if image_size or overrides:
            raise UserError(
                f"{method}: a checkpoint has its own image size and settings; leave --image-size and --set out"
            )
        built: Method = load_method(path / "checkpoint.pt" if path.is_dir() else path)[0]
    else:
        size = [] if image_size is None else [f"image_size={image_size}"]
        built = build_method(method, schema, compose(method, "", profile, [*overrides, *size]), dims)
    if isinstance(built, torch.nn.Module):
        built.to(distributed.start(device))
    return built


def _task(method: Method, faces: int) -> Callable[[], Any]:
    """Predicting so many faces, on pictures of noise that are the same each time."""
    noise = np.random.default_rng(0)
    if isinstance(method, TrainableMethod):
        size = method.image_size
        crops = noise.integers(0, 256, (faces, size, size, 3), dtype=np.uint8)
        return lambda: predict_crops(method, crops)
    height, width = PHOTOGRAPH
    picture = noise.integers(0, 256, (height, width, 3), dtype=np.uint8)
    side = height / 2
    box = np.array([(width - side) / 2, side / 2, (width + side) / 2, 1.5 * side])
    images, boxes = [picture] * faces, np.tile(box, (faces, 1))
    return lambda: method.predict(images, boxes)


def _milliseconds(task: Callable[[], Any], seconds: float, device: torch.device) -> float:
    """Median time of a task after it was done once to warm up."""
    task()
    taken: list[float] = []
    while len(taken) < LEAST or sum(taken) < seconds:
        _wait(device)
        start = time.perf_counter()
        task()
        _wait(device)
        taken.append(time.perf_counter() - start)
    return statistics.median(taken) * 1e3


def _flops(task: Callable[[], Any]) -> int:
    with FlopCounterMode(display=False) as counter:
        task()
    return counter.get_total_flops()


def _peak_memory(module: torch.nn.Module, task: Callable[[], Any], device: torch.device) -> int:
    """Bytes of the weights and of the tensors that are alive at once while the task runs."""
    if device.type == "cuda":
        torch.cuda.reset_peak_memory_stats(device)
        task()
        _wait(device)
        return torch.cuda.max_memory_allocated(device)
    weights = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in module.state_dict().values()}
    with _LiveTensors() as live:
        task()
    return sum(weights.values()) + live.peak


class _LiveTensors(TorchDispatchMode):
    """Sums the memory of the tensors that operations make, as long as they live."""

    def __init__(self) -> None:
        super().__init__()
        self._sizes: dict[int, int] = {}
        self._now = 0
        self.peak = 0

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        out = func(*args, **(kwargs or {}))
        for leaf in tree_leaves(out):
            if isinstance(leaf, torch.Tensor):
                self._see(leaf.untyped_storage())
        return out

    def _see(self, storage: torch.UntypedStorage) -> None:
        key = storage._cdata
        if key not in self._sizes:
            self._sizes[key] = storage.nbytes()
            self._now += storage.nbytes()
            self.peak = max(self.peak, self._now)
            weakref.finalize(storage, self._forget, key)

    def _forget(self, key: int) -> None:
        self._now -= self._sizes.pop(key, 0)


def _device(module: torch.nn.Module | None) -> torch.device:
    first = next((t.device for t in (*module.parameters(), *module.buffers())), None) if module is not None else None
    return first or torch.device("cpu")


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)
