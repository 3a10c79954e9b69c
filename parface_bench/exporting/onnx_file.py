"""ONNX files from anywhere: opened only if they are whole and need nothing but onnxruntime's own operators."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parface_bench.limits import read_file
from parface_bench.registry import UserError

METADATA = "parface-bench"
# Domains of operators that onnxruntime itself brings.
_KNOWN_DOMAINS = {"", "ai.onnx", "ai.onnx.ml", "com.microsoft"}


@dataclass(frozen=True)
class OnnxFile:
    """A model that onnxruntime has loaded.

    Attributes:
        path: the file.
        sha256: of its content.
        session: onnxruntime's, on the CPU.
        input: name of its image.
        shape: of the image; a name or None where a length is open.
        outputs: names -> shapes.
        facts: what ``pfbench export`` wrote into it; empty for another program's.
    """

    path: Path
    sha256: str
    session: Any
    input: str
    shape: list[Any]
    outputs: dict[str, list[Any]]
    facts: dict[str, Any]

    @property
    def tag(self) -> str:
        """The file and the first digits of its checksum, for messages."""
        return f"{self.path} (SHA-256 {self.sha256[:12]}...)"


def open_onnx(path: str | Path, threads: int = 0) -> OnnxFile:
    """Check and load a model.

    Args:
        path: an ``.onnx`` file.
        threads: of onnxruntime; 0 = as many as torch uses.

    Raises:
        UserError: missing, damaged, with external data or foreign operators, or not made for one image input.
    """
    import onnxruntime

    path = Path(path)
    if not path.is_file():
        raise UserError(f"{path}: no such file; give an ONNX file with --set method.weights=PATH")
    data = read_file(path)
    digest = hashlib.sha256(data).hexdigest()
    tag = f"{path} (SHA-256 {digest[:12]}...)"
    facts = _checked(data, tag)
    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = threads or _torch_threads()
    try:
        session = onnxruntime.InferenceSession(data, options, providers=["CPUExecutionProvider"])
    except Exception as error:  # onnxruntime's errors share no class
        raise UserError(f"{tag}: onnxruntime cannot load it ({_line(error)})") from None
    images = [i for i in session.get_inputs() if len(i.shape) == 4]
    if len(session.get_inputs()) != 1 or not images:
        found = ", ".join(f"{i.name} {i.shape}" for i in session.get_inputs())
        raise UserError(f"{tag}: needs one input, an image with 4 axes; it has {found or 'none'}")
    outputs = {o.name: list(o.shape) for o in session.get_outputs()}
    return OnnxFile(path, digest, session, images[0].name, list(images[0].shape), outputs, facts)


def _checked(data: bytes, tag: str) -> dict[str, Any]:
    """What ``pfbench export`` wrote into a model; UserError where it could reach beyond its own bytes."""
    import onnx

    try:
        model = onnx.load_model_from_string(data)
    except Exception as error:  # protobuf's errors share no class
        raise UserError(f"{tag}: not an ONNX model, or damaged ({_line(error)}); copy it again") from None
    if not model.graph.node:
        raise UserError(f"{tag}: not an ONNX model, or an empty one")
    for graph in _graphs(model.graph):
        outside = next((t.name for t in graph.initializer if t.data_location == onnx.TensorProto.EXTERNAL), None)
        if outside is not None:
            raise UserError(
                f"{tag}: its weights ({outside}, ...) are in another file; files with external data are not opened: "
                "save it as one file (onnx.save(onnx.load(FILE), NEW))"
            )
        foreign = next((n for n in graph.node if n.domain not in _KNOWN_DOMAINS), None)
        if foreign is not None:
            raise UserError(
                f"{tag}: has the custom operator {foreign.domain}.{foreign.op_type}, which needs code of its own; only "
                "files with standard operators are opened"
            )
    text = next((p.value for p in model.metadata_props if p.key == METADATA), "{}")
    try:
        facts = json.loads(text)
    except ValueError:
        facts = None
    if not isinstance(facts, dict):
        raise UserError(f"{tag}: its metadata are damaged; export it again")
    return facts


def _graphs(graph: Any) -> list[Any]:
    """A graph and those within its nodes (the branches of an If, the body of a Loop)."""
    inner = [a.g for n in graph.node for a in n.attribute if a.HasField("g")]
    inner += [g for n in graph.node for a in n.attribute for g in a.graphs]
    return [graph, *(found for part in inner for found in _graphs(part))]


def _torch_threads() -> int:
    import torch

    return torch.get_num_threads()


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:160]
