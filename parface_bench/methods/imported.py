"""Checkpoints of other programs: read without running anything in them, handed to the method that knows them.

A trainable method that can take over another program's weights has a class method
``from_foreign(state, facts, schema, where) -> (method, recipe, notes) | None``: the state dict, what else the file and
a ``meta.json`` beside it say, the landmark schema wished for ('' = by the number of landmarks), the file for messages.
None means that the weights are not of its kind.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from parface_bench.methods.checkpoint import describe, load_safely, save_atomic
from parface_bench.registry import METHODS, UserError

# The name that the original code gives to its snapshots, and the file beside it.
SNAPSHOT, META = "saae.mdl", "meta.json"


def import_foreign(source: str | Path, out: str | Path, schema: str = "") -> dict[str, Any]:
    """Turn another program's checkpoint into one of this toolkit.

    Args:
        source: the file, or a folder that holds a ``saae.mdl``.
        out: the checkpoint to write; must not exist.
        schema: landmark schema, where the number of landmarks does not tell it.

    Returns:
        ``method``, ``schema``, ``dims``, ``image_size``, ``parameters``, ``notes`` and ``out``.

    Raises:
        UserError: no such file, not a checkpoint, of no known method, tensors that are missing, too many or misshapen.
    """
    path, out = Path(source), Path(out)
    if path.is_dir():
        path = path / SNAPSHOT
    if out.exists():
        raise UserError(f"--out {out}: exists already; choose another name or move it away")
    content = load_safely(path)
    state = content.get("state_dict", content)
    if not isinstance(state, dict) or not state or not all(isinstance(t, Tensor) for t in state.values()):
        raise UserError(f"checkpoint {path}: holds no state dict of tensors")
    facts = {k: v for k, v in content.items() if isinstance(v, (str, int, float))} | _meta(path.with_name(META))
    for spec in METHODS:
        importer = getattr(spec.load(), "from_foreign", None) if spec.trainable else None
        taken = importer(state, facts, schema, str(path)) if importer else None
        if taken is not None:
            method, recipe, notes = taken
            origin = {"file": path.name, **facts}
            save_atomic(describe(method, spec.name, recipe, dataset="", trained_on=[], stage="", imported=origin), out)
            return {
                "method": spec.name,
                "schema": method.schema.name,
                "dims": method.dims,
                "image_size": method.image_size,
                "parameters": sum(p.numel() for p in method.parameters()),
                "notes": notes,
                "out": str(out),
            }
    raise UserError(f"checkpoint {path}: no method here knows such weights (its first tensor is {next(iter(state))!r})")


def _meta(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except (ValueError, OSError):
        raise UserError(f"{path}: not readable as JSON; repair it, or move it away (it is not needed)") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds no JSON object; repair it, or move it away (it is not needed)")
    return {k: v for k, v in found.items() if isinstance(v, (str, int, float))}
