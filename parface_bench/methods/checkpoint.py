"""Checkpoints: written whole or not at all, read without running anything that they contain."""

from __future__ import annotations

import errno
import importlib
import pickle
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch

from parface_bench.atomic import write_atomic
from parface_bench.faces import Layout, adopt, get_schema, schema_names, unnamed
from parface_bench.methods import safetensors_file
from parface_bench.methods.untrusted import check_archive, checked_content, no_larger_than
from parface_bench.registry import METHODS, UserError, WorkError
from parface_bench.registry.from_file import building_from_file

if TYPE_CHECKING:
    from parface_bench.data.images.crop import Crop
    from parface_bench.methods.trainable import TrainableMethod

FORMAT = "parface-bench checkpoint"
FORMAT_VERSION = 1


def save_atomic(content: Mapping[str, Any], path: Path) -> None:
    """``torch.save``, whole or not at all: a kill leaves the old file or the new.

    Raises:
        WorkError: the disk is full or the folder cannot be written; the earlier file is untouched.
    """
    try:
        write_atomic(path, lambda file: torch.save(dict(content), file))
    except (OSError, RuntimeError) as error:
        # torch reports a short write of its zip archive as a RuntimeError
        full = getattr(error, "errno", None) in (errno.ENOSPC, errno.EDQUOT) or isinstance(error, RuntimeError)
        why = "the disk is full" if full else str(error)
        kept = "the earlier one is kept" if path.exists() else "there was none before"
        raise WorkError(f"cannot save {path}: {why}; {kept}; make room, then go on with --resume") from error


def load_safely(path: str | Path) -> dict[str, Any]:
    """Read a file of ``torch.save`` with ``weights_only=True``, on the CPU.

    Raises:
        UserError: missing, cut off, not a checkpoint, or a pickle that would run code.
    """
    path = Path(path)
    if not path.is_file():
        raise UserError(f"checkpoint {path}: {'no regular file' if path.exists() else 'no such file'}")
    try:
        check_archive(path)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch's guesses about foreign files
            content = torch.load(path, map_location="cpu", weights_only=True)
    except pickle.UnpicklingError as error:
        if "weights_only" in str(error).lower() and _starts_like_pickle(path):
            raise UserError(
                f"checkpoint {path}: refused, since it holds more than weights (loading it could run code); "
                "only files of tensors and plain values are read"
            ) from None
        raise UserError(f"checkpoint {path}: not a checkpoint, or damaged; copy it again") from None
    except UserError:
        raise
    except Exception as error:  # a damaged file can make torch's reader fail in any way
        # a zip archive, as torch writes it, that cannot be read to its end
        cut = "PytorchStreamReader" in str(error) or isinstance(error, EOFError) or _starts_like_zip(path)
        why = "cut off or damaged; copy it again" if cut else "not a checkpoint; name a file that a training wrote"
        raise UserError(f"checkpoint {path}: {why}") from None
    if not isinstance(content, dict):
        raise UserError(f"checkpoint {path}: holds a {type(content).__name__}, not a checkpoint of pfbench")
    return content


def _starts_like_zip(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) == b"PK"


def _starts_like_pickle(path: Path) -> bool:
    with path.open("rb") as file:
        return file.read(2) in (b"PK", b"\x80\x02", b"\x80\x03", b"\x80\x04", b"\x80\x05")


def describe(method: TrainableMethod, name: str, recipe: Mapping[str, Any], **more: Any) -> dict[str, Any]:
    """What a checkpoint holds: enough to build the method again, its weights, and where they come from.

    ``more`` may give ``dataset``, ``trained_on``, ``seed``, ``stage``, ``kept`` (which epoch, with what value).
    """
    from parface_bench.results.provenance import code_version

    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "method": name,
        "owner": METHODS.spec(name).owner,
        "schema": method.schema.name,
        "layout": method.schema.layout.facts(),
        "dims": method.dims,
        "image_size": method.image_size,
        "crop": method.crop.config(),
        "recipe": dict(recipe),
        "code_version": code_version(),
        **more,
        "state_dict": {key: value.detach().cpu().clone() for key, value in method.state_dict().items()},
    }


def read_checkpoint(path: str | Path) -> dict[str, Any]:
    """A checkpoint of this toolkit.

    Raises:
        UserError: see :func:`load_safely`; or it is some other program's file.
    """
    named = Path(path).suffix == safetensors_file.SUFFIX
    content = safetensors_file.read_safetensors(Path(path)) if named else load_safely(path)
    if content.get("format") != FORMAT or "state_dict" not in content:
        raise UserError(
            f"checkpoint {path}: not written by pfbench; a snapshot of the original ParFace or 3FabRec code is "
            "converted with 'pfbench import-checkpoint'"
        )
    if content.get("format_version") != FORMAT_VERSION:
        raise UserError(
            f"checkpoint {path}: format {str(content.get('format_version'))[:20]}, this version reads {FORMAT_VERSION}"
        )
    return checked_content(content, str(path))


def load_method(path: str | Path) -> tuple[TrainableMethod, dict[str, Any]]:
    """Build the method that a checkpoint holds, with its weights, in evaluation mode; and the checkpoint itself.

    Raises:
        UserError: see :func:`read_checkpoint` and :func:`method_of`.
    """
    content = read_checkpoint(path)
    return method_of(content, path), content


def method_of(
    content: Mapping[str, Any],
    path: str | Path,
    recipe: Mapping[str, Any] | None = None,
    crop: Crop | Mapping[str, Any] | None = None,
) -> TrainableMethod:
    """The method that a checkpoint's content describes, with its weights, in evaluation mode.

    Nothing else is read for it, whatever its recipe says: see :mod:`parface_bench.registry.from_file`.

    Args:
        content: of :func:`read_checkpoint`.
        path: where it was read, for messages.
        recipe, crop: those to build with in place of the content's own.

    Raises:
        UserError: its method is not known or not made by training, or its recipe asks for what a file may not.
    """
    from parface_bench.methods.build import build_method

    if content["method"] not in METHODS:
        raise UserError(
            f"checkpoint {path}: made by the method {content['method']!r} (from {content['owner']}), which is not "
            "known here; give its file with --plugin"
        )
    if not METHODS.spec(content["method"]).trainable:
        raise UserError(f"checkpoint {path}: the method {content['method']!r} is not trained, so it has no checkpoint")
    METHODS.get(content["method"])  # imported now, so that a plugin which cannot be is not the file's fault
    importlib.import_module("mmengine.registry")  # reads a cache in the home folder: not the file's fault either
    schema = _layout(content, str(path))
    asked = content["recipe"] if recipe is None else recipe
    asked = {key: asked[key] for key in ("method", "image_size", "crop", "predict") if key in asked}
    where = f"checkpoint {path}"
    try:
        with building_from_file(where), no_larger_than(content["state_dict"], where):
            method: Any = build_method(
                content["method"],
                schema,
                asked,
                content["dims"],
                crop=content["crop"] if crop is None else crop,
            )
    except UserError as error:
        raise UserError(str(error) if str(path) in str(error) else f"{where}: {error}") from error
    load_weights(method, content["state_dict"], str(path))
    return method.eval()


def _layout(content: Mapping[str, Any], path: str) -> str:
    """The name of a checkpoint's landmark layout, known from now on where it was not.

    Raises:
        UserError: another layout has its name here.
    """
    name = str(content["schema"])
    if "layout" not in content:  # written by version 0.1
        return name
    where = f"checkpoint {path}"
    layout = Layout.of({**content["layout"], "name": name}, where)
    if name not in schema_names():
        return name if layout.name == unnamed(layout.points) else adopt(layout, where).name
    known = get_schema(name).layout
    if (known.points, known.flip) != (layout.points, layout.flip):
        raise UserError(
            f"{where}: its landmark layout {name!r} is not the one of this name here; rename the one in the plugin or "
            "beside the table"
        )
    return name


def load_weights(method: TrainableMethod, state: Mapping[str, torch.Tensor], where: str) -> None:
    """Load weights that must fit exactly, but for a depth head that one side has not.

    Raises:
        UserError: a missing, extra or misshapen tensor; the first few are named.
    """
    own = method.state_dict()
    problems = []
    for key in own.keys() - state.keys():
        if not key.startswith("depth_head."):
            problems.append(f"{key} is missing")
    for key in state.keys() - own.keys():
        if not key.startswith("depth_head."):
            problems.append(f"{key} is not part of {type(method).__name__}")
    for key in own.keys() & state.keys():
        if own[key].shape != state[key].shape:
            problems.append(f"{key} is {list(state[key].shape)}, expected {list(own[key].shape)}")
    if problems:
        shown = "; ".join(sorted(problems)[:3]) + (f"; and {len(problems) - 3} more" if len(problems) > 3 else "")
        raise UserError(
            f"checkpoint {where}: of another architecture, number of landmarks or size: {shown}; "
            "use the method and settings that it was trained with"
        )
    try:
        method.load_state_dict({key: value for key, value in state.items() if key in own}, strict=False)
    except (RuntimeError, NotImplementedError, TypeError) as error:
        raise UserError(f"checkpoint {where}: its weights cannot be used: {str(error).splitlines()[0][:200]}") from None
