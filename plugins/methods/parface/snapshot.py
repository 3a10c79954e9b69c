"""Snapshots of the original ParFace and 3FabRec code: their sizes from their tensors, checked name by name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, NamedTuple

import torch
from torch import Tensor

from parface_bench.faces import get_schema, schemas_with
from parface_bench.plugins.methods.parface.network import ParFaceNetwork
from parface_bench.registry import UserError

# What the self-supervised stages train; their snapshots hold no more.
SELF_SUPERVISED = ("Q", "P", "D", "D_z")


class Sizes(NamedTuple):
    """What a snapshot's tensors tell of its network; ``heads`` False: one of the self-supervised stages."""

    landmarks: int
    image_size: int
    code_size: int
    depth: bool
    heads: bool = True


def is_snapshot(state: Mapping[str, Tensor]) -> bool:
    """Whether the tensors are those of an encoder Q and a decoder P."""
    return all(any(name.startswith(part) for name in state) for part in ("Q.layer4.", "P.layer4."))


def has_depth_head(state: Mapping[str, Tensor]) -> bool:
    """Whether there is an LMH_3D, which makes it ParFace rather than 3FabRec."""
    return any(name.startswith("LMH_3D.") for name in state)


def has_heads(state: Mapping[str, Tensor]) -> bool:
    """Whether there is any landmark head; snapshots of the self-supervised stages have none."""
    return any(name.startswith(("LMH.", "LMH_3D.")) for name in state)


def sizes(state: Mapping[str, Tensor], schema: str, where: str) -> Sizes:
    """The network's sizes; where there are no heads, they will be for ``schema`` ('': the original's 68 landmarks).

    Raises:
        UserError: a tensor that tells one is missing or has another number of dimensions.
    """
    heads = has_heads(state)
    for name, dims in {"Q.fc.weight": 2, **({"LMH.lin.weight": 4} if heads else {})}.items():
        if name not in state:
            raise UserError(f"checkpoint {where}: the tensor {name} is missing")
        if state[name].dim() != dims:
            raise UserError(f"checkpoint {where}: the tensor {name} is {list(state[name].shape)}, expected {dims} axes")
    stages = max(number for number in range(4, 9) if any(n.startswith(f"P.layer{number}.") for n in state))
    code_size = state["Q.fc.weight"].shape[0]
    if not heads:
        return Sizes(len(get_schema(schema or "ibug68")), 8 << stages, code_size, depth=True, heads=False)
    landmarks = state["LMH.lin.weight"].shape[1]
    entry = state.get("LMH_3D.conv1.weight")
    # the original's depth head knows 68 landmarks only: with others it is there, but cannot run
    unusable = entry is not None and landmarks != 68 and entry.dim() == 4 and entry.shape[1] == 68 + code_size
    return Sizes(landmarks, 8 << stages, code_size, has_depth_head(state) and not unusable)


def check(state: Mapping[str, Tensor], network: Sizes, where: str) -> dict[str, Tensor]:
    """The tensors of the network, all there and of the right shape.

    Raises:
        UserError: missing, extra or misshapen tensors; the first few are named.
    """
    with torch.device("meta"):
        wanted = ParFaceNetwork(network.landmarks, network.image_size, network.code_size, depth=network.depth)
    shapes = {name: tensor.shape for name, tensor in wanted.state_dict().items()}
    if not network.heads:
        shapes = {name: shape for name, shape in shapes.items() if not name.startswith(("LMH.", "LMH_3D."))}
    ignored = "LMH_3D." if not network.depth else "\n"
    problems = [f"{name} is missing" for name in shapes if name not in state]
    problems += [f"{name} is not known" for name in state if name not in shapes and not name.startswith(ignored)]
    problems += [
        f"{name} is {list(state[name].shape)}, expected {list(shape)}"
        for name, shape in shapes.items()
        if name in state and state[name].shape != shape
    ]
    if problems:
        more = f"; and {len(problems) - 3} more" if len(problems) > 3 else ""
        raise UserError(
            f"checkpoint {where}: not a whole snapshot of {network.landmarks} landmarks at {network.image_size} px: "
            f"{'; '.join(problems[:3])}{more}"
        )
    return {name: state[name] for name in shapes}


def schema_of(landmarks: int, wished: str, where: str) -> str:
    """The landmark schema of a snapshot.

    Raises:
        UserError: the number of landmarks tells none, or is not that of the schema wished for.
    """
    known = schemas_with(landmarks)
    name = wished or (known[0] if len(known) == 1 else "")
    if not name:
        raise UserError(f"checkpoint {where}: has {landmarks} landmarks; say with --schema which they are")
    if len(get_schema(name)) != landmarks:
        raise UserError(f"--schema {name}: has {len(get_schema(name))} landmarks, checkpoint {where} has {landmarks}")
    return name


def as_original(state: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The tensors of a network as the original's code names and keeps them: float32 on the CPU, counters int64."""
    return {name: tensor.detach().cpu().contiguous().clone() for name, tensor in state.items()}


def recipe_changes(network: Sizes) -> dict[str, Any]:
    """What a recipe says of an imported network: sizes, and the original's crops, heatmaps and decoding."""
    return {
        "image_size": network.image_size,
        "crop": {"mode": "auto", "geometry": "parface"},
        "method": {"width": 1.0, "code_size": network.code_size, "heatmap_size": 128, "codec": "parface"},
    }
