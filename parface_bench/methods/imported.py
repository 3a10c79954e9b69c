"""Checkpoints of other programs: read without running anything in them, handed to the method that knows them.

A trainable method that can take over another program's weights has a class method
``from_foreign(state, facts, schema, where) -> (method, recipe, notes[, more]) | None``: the state dict, what else the
file and a ``meta.json`` beside it say, the landmark schema wished for ('' = by the number of landmarks), the file for
messages. None means that the weights are not of its kind; ``more`` are further entries of the checkpoint. The way back
is a method ``as_foreign(form) -> (tensors, facts)``.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from torch import Tensor

from parface_bench import outputs
from parface_bench.atomic import write_atomic
from parface_bench.limits import read_file, read_json
from parface_bench.methods.checkpoint import describe, load_method, load_safely, method_of, save_atomic
from parface_bench.registry import METHODS, UserError

# The name that the original code gives to its snapshots, and the file beside it.
SNAPSHOT, META = "saae.mdl", "meta.json"


def read_foreign(source: str | Path, schema: str = "") -> tuple[dict[str, Any], list[str]]:
    """Another program's checkpoint as the content of one of this toolkit, and what is to be said of it.

    Args:
        source: the file, or a folder that holds a ``saae.mdl``.
        schema: landmark schema, where the number of landmarks does not tell it.

    Raises:
        UserError: no such file, not a checkpoint, of no known method, tensors that are missing, too many or misshapen.
    """
    path = Path(source)
    if path.is_dir():
        path = path / SNAPSHOT
    content = load_safely(path)
    state = content.get("state_dict", content)
    if not isinstance(state, dict) or not state or not all(isinstance(t, Tensor) for t in state.values()):
        raise UserError(f"checkpoint {path}: holds no state dict of tensors")
    facts = {k: v for k, v in content.items() if isinstance(v, (str, int, float))} | _meta(path.with_name(META))
    for spec in METHODS:
        importer = getattr(spec.load(), "from_foreign", None) if spec.trainable else None
        taken = importer(state, facts, schema, str(path)) if importer else None
        if taken is not None:
            method, recipe, notes, *more = taken
            own = {"dataset": "", "trained_on": [], "stage": "", "imported": {"file": path.name, **facts}}
            return describe(method, spec.name, recipe, **own, **(more[0] if more else {})), notes
    raise UserError(f"checkpoint {path}: no method here knows such weights (its first tensor is {next(iter(state))!r})")


def import_foreign(source: str | Path, out: str | Path, schema: str = "", *, force: bool = False) -> dict[str, Any]:
    """Turn another program's checkpoint into one of this toolkit.

    Args:
        source, schema: see :func:`read_foreign`.
        out: the checkpoint to write.
        force: write over a file that pfbench did not make.

    Returns:
        ``method``, ``schema``, ``dims``, ``image_size``, ``parameters``, ``notes`` and ``out``.

    Raises:
        UserError: see :func:`read_foreign`; or ``out`` exists and is not ours.
    """
    out = Path(out)
    outputs.guard([out], force)
    content, notes = read_foreign(source, schema)
    save_atomic(content, out)
    outputs.note([out])
    told = {key: content[key] for key in ("method", "schema", "dims", "image_size")}
    method = method_of(content, out)
    return {**told, "parameters": sum(p.numel() for p in method.parameters()), "notes": notes, "out": str(out)}


def export_foreign(path: str | Path, out: str | Path, form: str, *, force: bool = False) -> dict[str, Any]:
    """Write a trained method as another program reads it: ``OUT/saae.mdl`` and ``OUT/meta.json``.

    Args:
        path: a checkpoint of this toolkit.
        out: a folder.
        form: which program's.
        force: write over files that pfbench did not make.

    Returns:
        ``method``, ``tensors`` (their number) and ``files``.

    Raises:
        UserError: the method has no such form, or a file exists and is not ours.
    """
    out = Path(out)
    files = [out / SNAPSHOT, out / META]
    outputs.guard(files, force)
    method, content = load_method(path)
    writer = getattr(method, "as_foreign", None)
    if writer is None:
        raise UserError(f"--format {form}: the method {content['method']!r} has no such form; parface and 3fabrec have")
    state, facts = writer(form)
    own = content.get("imported") or {}
    # the original counts on from these
    meta = {"epoch": 0, "total_iter": 0, "best_score": 0.0} | {
        key: own[key] for key in ("epoch", "total_iter", "best_score") if key in own
    }
    save_atomic({**facts, "state_dict": state}, files[0])
    write_atomic(files[1], json.dumps(meta, indent=1) + "\n")
    outputs.note(files)
    return {"method": content["method"], "tensors": len(state), "files": list(map(str, files))}


def _meta(path: Path) -> dict[str, Any]:
    if not path.is_file():
        return {}
    try:
        found = read_json(read_file(path, 16 << 20), str(path))
    except (UserError, OSError):
        raise UserError(f"{path}: not readable as JSON; repair it, or move it away (it is not needed)") from None
    if not isinstance(found, dict):
        raise UserError(f"{path}: holds no JSON object; repair it, or move it away (it is not needed)")
    return {k: v for k, v in found.items() if isinstance(v, (str, int, float))}
