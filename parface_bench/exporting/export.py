"""``pfbench export``: a trained method as an ONNX graph with everything in it, or as safetensors."""

from __future__ import annotations

import io
import json
import statistics
import time
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from parface_bench import outputs
from parface_bench.exporting.onnx_file import METADATA, open_onnx
from parface_bench.methods.checkpoint import load_method
from parface_bench.methods.inference import find_tensor
from parface_bench.methods.safetensors_file import write_safetensors
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import DATASETS, METHODS, UserError, WorkError, nearest
from parface_bench.runs.folder import CHECKPOINT

FORMATS = ("onnx", "safetensors")
OPSET = 18
# Fewer weights than these are not worth a table of int8.
_LEAST = 1024
_AXIS = {"Conv": 0, "Gemm": 0, "ConvTranspose": 1, "MatMul": 1}


class Graph(nn.Module):
    """Crops to landmarks: normalisation, network, decoding and, where asked for, the look in the mirror."""

    def __init__(self, method: TrainableMethod, flip: bool) -> None:
        super().__init__()
        self.method, self.flip = method, flip
        self.register_buffer("mirror", torch.tensor(method.schema.flip), persistent=False)

    def forward(self, images: Tensor) -> tuple[Tensor, ...]:
        """[B, 3, S, S], RGB in 0..255 -> landmarks [B, L, 2|3] in crop pixels and, if known, confidence [B, L]."""
        images = images / 255.0
        points, sure = self.method.find(images)
        if self.flip:
            other, other_sure = self.method.find(images.flip(-1))
            x = images.shape[-1] - 1 - other[..., :1]
            mirrored = torch.cat([x, other[..., 1:]], dim=-1).index_select(1, self.get_buffer("mirror"))
            points = (points + mirrored) / 2
            if sure is not None and other_sure is not None:
                sure = (sure + other_sure.index_select(1, self.get_buffer("mirror"))) / 2
        return (points,) if sure is None else (points, sure)


def export_model(
    source: str | Path,
    out: str | Path,
    form: str = "onnx",
    *,
    int8: bool = False,
    flip: bool = True,
    force: bool = False,
) -> dict[str, Any]:
    """Write a trained method for use elsewhere.

    Args:
        source: a run's folder or a checkpoint.
        out: the file to write.
        form: ``onnx`` or ``safetensors``.
        int8: weights as 8-bit integers with a scale for each channel (ONNX; the network still computes in float32).
        flip: where the method is scored with the mean of a face and its mirror image, the graph looks at both, too.
        force: write over a file that pfbench did not make.

    Returns:
        ``method``, ``schema``, ``format``, ``bytes``, ``out``; for ONNX also ``largest_difference_px`` to torch on
        made-up crops, and ``inputs`` and ``outputs`` in words.

    Raises:
        UserError: nothing to export, the file exists and is not ours, a combination that means nothing.
        WorkError: the method cannot be written as a graph, or the file cannot be written.
    """
    if form not in FORMATS:
        raise UserError(f"--format {form!r} does not exist{nearest(form, FORMATS)}")
    if form == "safetensors" and int8:
        raise UserError("--int8 is for --format onnx; safetensors keep the weights as they are")
    path, out = Path(source), Path(out)
    if str(source) in METHODS and not path.exists():
        raise UserError(f"{source}: a method's name; give the run's folder or checkpoint that holds its weights")
    outputs.guard([out], force)
    method, content = load_method(path / CHECKPOINT if path.is_dir() else path)
    done: dict[str, Any] = {"method": content["method"], "schema": content["schema"], "format": form}
    if form == "safetensors":
        write_safetensors(content, out)
        outputs.note([out])
        return {**done, "bytes": out.stat().st_size, "out": str(out)}
    flip = flip and method.flip_test
    data = as_onnx(method, flip=flip, int8=int8, facts=facts_of(method, content, flip=flip, int8=int8))
    try:
        outputs.write(out, data)
    except OSError as error:
        raise WorkError(f"cannot write {out} ({error.strerror}); name another file with --out") from error
    return {
        **done,
        "bytes": len(data),
        "largest_difference_px": difference(method, out, flip),
        "inputs": f"images: float32 [batch, 3, {method.image_size}, {method.image_size}], RGB in 0..255",
        "outputs": f"landmarks [batch, {len(method.schema)}, {method.dims}] in pixels of the crop",
        "out": str(out),
    }


def facts_of(method: TrainableMethod, content: dict[str, Any], *, flip: bool, int8: bool) -> dict[str, Any]:
    """What is written into the file: how to use it, and where it comes from."""
    trained_on = list(content.get("trained_on") or [])
    known = [DATASETS.spec(n) for n in dict.fromkeys(t.split(":")[0] for t in trained_on) if n in DATASETS]
    return {
        "method": content["method"],
        "schema": content["schema"],
        "dims": method.dims,
        "image_size": method.image_size,
        "crop": method.crop.config(),
        "input": "RGB in 0..255",
        "flip_test": flip,
        "int8": int8,
        "version": content["code_version"],
        "trained_on": trained_on,
        "licence": "; ".join(f"{s.name}: {s.licence or 'not stated'}" for s in known) or "not stated",
    }


def as_onnx(method: TrainableMethod, *, flip: bool, int8: bool, facts: dict[str, Any]) -> bytes:
    """The method as the bytes of an ONNX file.

    Raises:
        WorkError: the method does something that has no ONNX operator, or fixes the number of faces.
    """
    try:
        import onnx
        import onnxruntime  # noqa: F401 - what the graph is checked with
    except ModuleNotFoundError as error:
        raise UserError(f"exporting needs the package {error.name}: pip install 'parface-bench[onnx]'") from None
    graph, side = Graph(method.cpu().eval(), flip).eval(), method.image_size
    example = torch.zeros(2, 3, side, side)
    # with gradients, since methods may swap in copies of their parts where there are none
    with warnings.catch_warnings(), torch.enable_grad():
        warnings.simplefilter("ignore")
        names = ["landmarks", "confidence"][: len(graph(example))]
        buffer = io.BytesIO()
        try:
            torch.onnx.export(
                graph,
                (example,),
                buffer,  # type: ignore[arg-type]
                input_names=["images"],
                output_names=names,
                dynamic_axes={name: {0: "batch"} for name in ("images", *names)},
                opset_version=OPSET,
                dynamo=False,
            )
        except Exception as error:  # torch's exporter has many
            why = " ".join(str(error).split("Torch IR")[0].split())[:200]
            raise WorkError(f"method {facts['method']!r} cannot be written as an ONNX graph: {why}") from error
    model = onnx.load_model_from_string(buffer.getvalue())
    if int8:
        _to_int8(model)
    model.producer_name, model.doc_string = "parface-bench", f"{facts['method']}, {facts['schema']}"
    model.metadata_props.add(key=METADATA, value=json.dumps(facts, default=str))
    data = model.SerializeToString()
    return bytes(data)


def difference(method: TrainableMethod, path: Path, flip: bool) -> float:
    """Largest distance in pixels between the landmarks of torch and of the written file, on made-up smooth crops.

    Raises:
        WorkError: the file does not run with one face and with three.
    """
    side = method.image_size
    generator = torch.Generator().manual_seed(0)
    coarse = torch.rand((3, 3, 8, 8), generator=generator) * 255
    crops = nn.functional.interpolate(coarse, (side, side), mode="bicubic").clamp(0, 255).round()
    session, worst = open_onnx(path).session, 0.0
    for count in (1, 3):
        wanted = find_tensor(method, crops[:count].byte(), flip).points
        try:
            found = session.run(["landmarks"], {"images": crops[:count].numpy()})[0]
        except Exception as error:
            why = " ".join(str(error).split())[:200]
            raise WorkError(f"{path}: written, but onnxruntime cannot run it with {count} faces: {why}") from error
        if found.shape != wanted.shape:
            raise WorkError(f"{path}: written, but gives {found.shape} where torch gives {wanted.shape}")
        worst = max(worst, float(np.linalg.norm(found - wanted, axis=-1).max()))
    return worst


def onnx_cost(method: TrainableMethod, *, seconds: float = 1.0) -> dict[str, Any]:
    """What predicting costs with onnxruntime beside torch, one face at a time, timed in turn on the same crop.

    Returns:
        ``onnx_mib`` (of the file), ``onnx_ms_per_face`` and ``torch_ms_per_face`` (medians, one look at the face each)
        and ``threads``.
    """
    import onnxruntime

    data = as_onnx(
        method, flip=False, int8=False, facts={"method": type(method).__name__, "schema": method.schema.name}
    )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = torch.get_num_threads()
    session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    crop = np.random.default_rng(0).integers(0, 256, (1, 3, method.image_size, method.image_size), dtype=np.uint8)
    given = crop.astype(np.float32)
    tasks: dict[str, Callable[[], Any]] = {
        "onnx_ms_per_face": lambda: session.run(None, {"images": given}),
        "torch_ms_per_face": lambda: find_tensor(method, torch.from_numpy(crop)),
    }
    taken: dict[str, list[float]] = {name: [] for name in tasks}
    while min(len(t) for t in taken.values()) < 5 or sum(map(sum, taken.values())) < 2 * seconds:
        for name, task in tasks.items():
            start = time.perf_counter()
            task()
            taken[name].append(time.perf_counter() - start)
    # the first turn warms up
    medians = {name: 1e3 * statistics.median(times[1:]) for name, times in taken.items()}
    return {"onnx_mib": len(data) / 2**20, **medians, "threads": torch.get_num_threads()}


def _to_int8(model: Any) -> None:
    """Turn the large weights of convolutions and linear layers into int8 with a scale a channel, in place."""
    from onnx import helper, numpy_helper

    users: dict[str, tuple[str, int]] = {}
    for node in model.graph.node:
        if node.op_type in _AXIS and len(node.input) > 1:
            turned = any(a.name == "transB" and a.i for a in node.attribute)
            axis = 1 if node.op_type == "Gemm" and not turned else _AXIS[node.op_type]
            users.setdefault(node.input[1], (node.op_type, axis))
    for tensor in list(model.graph.initializer):
        weights = numpy_helper.to_array(tensor)
        if tensor.name not in users or weights.dtype != np.float32 or weights.size < _LEAST or weights.ndim < 2:
            continue
        axis = users[tensor.name][1]
        others = tuple(i for i in range(weights.ndim) if i != axis)
        scale = np.maximum(np.abs(weights).max(axis=others) / 127, 1e-12).astype(np.float32)
        shape = [-1 if i == axis else 1 for i in range(weights.ndim)]
        values = np.clip(np.round(weights / scale.reshape(shape)), -127, 127).astype(np.int8)
        name = tensor.name
        model.graph.initializer.remove(tensor)
        parts = {"int8": values, "scale": scale, "zero": np.zeros(len(scale), np.int8)}
        for part, array in parts.items():
            model.graph.initializer.append(numpy_helper.from_array(array, f"{name}.{part}"))
        inputs = [f"{name}.{part}" for part in parts]
        model.graph.node.insert(0, helper.make_node("DequantizeLinear", inputs, [name], f"{name}.float", axis=axis))
