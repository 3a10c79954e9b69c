"""Checkpoints as safetensors: the weights as such a file holds them, everything else as JSON in its header."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from parface_bench.atomic import write_atomic
from parface_bench.registry import UserError, WorkError

SUFFIX = ".safetensors"
_KEY = "parface-bench"


def write_safetensors(content: Mapping[str, Any], path: Path) -> None:
    """Write the content of a checkpoint, see :func:`parface_bench.methods.checkpoint.describe`.

    Raises:
        WorkError: the file cannot be written; an earlier one is untouched.
    """
    from safetensors.torch import save

    from parface_bench.results.provenance import plain

    facts = {key: value for key, value in content.items() if key != "state_dict"}
    tensors = {key: value.contiguous() for key, value in content["state_dict"].items()}
    data = save(tensors, metadata={_KEY: json.dumps(facts, default=plain)})
    try:
        write_atomic(path, data)
    except OSError as error:
        raise WorkError(f"cannot write {path} ({error.strerror}); name another file with --out") from error


def read_safetensors(path: Path) -> dict[str, Any]:
    """The content of a checkpoint that :func:`write_safetensors` wrote.

    Raises:
        UserError: no such file, no safetensors, or another program's.
    """
    from safetensors import SafetensorError, safe_open

    if not path.is_file():
        raise UserError(f"checkpoint {path}: no such file")
    try:
        with safe_open(path, framework="pt") as file:
            facts = (file.metadata() or {}).get(_KEY)
            state = {key: file.get_tensor(key) for key in file.keys()}  # noqa: SIM118 - it is no mapping
    except (SafetensorError, OSError, ValueError) as error:
        why = " ".join(str(error).split())[:120]
        raise UserError(
            f"checkpoint {path}: damaged, or not in the safetensors format ({why}); copy it again"
        ) from None
    if facts is None:
        raise UserError(
            f"checkpoint {path}: not written by 'pfbench export --format safetensors'; its header does not say which "
            "method these weights belong to"
        )
    try:
        content = json.loads(facts)
    except ValueError:
        content = None
    if not isinstance(content, dict):
        raise UserError(f"checkpoint {path}: its header is damaged; copy it again")
    return {**content, "state_dict": state}
