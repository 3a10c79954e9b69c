"""What a checkpoint says of itself, checked before anything is built from it, and the building kept within bounds."""

from __future__ import annotations

import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import nn

from parface_bench.registry import UserError
from parface_bench.registry.from_file import plain_values

# Beyond what the file holds: a loss's own network, tables that are not stored.
SPARE_NUMBERS, SPARE_TENSORS = 200_000_000, 2000
SIDES = range(8, 4097)


def check_archive(path: Path) -> None:
    """Refuse an archive that would unpack to more than it is: torch stores tensors as they are, never compressed.

    Raises:
        UserError: an entry is compressed.
    """
    if not zipfile.is_zipfile(path):
        return
    with zipfile.ZipFile(path) as archive:
        packed = [entry for entry in archive.infolist() if entry.compress_type != zipfile.ZIP_STORED]
        if packed:
            raise UserError(
                f"checkpoint {path}: refused, since its entry {packed[0].filename[:80]!r} is compressed "
                f"({packed[0].file_size} bytes when unpacked); torch.save never does that"
            )


def checked_content(content: Mapping[str, Any], where: str) -> dict[str, Any]:
    """The content of a checkpoint with every entry of the kind that it must be; the recipe as plain values.

    Raises:
        UserError: an entry is missing or of another kind.
    """
    kinds: dict[str, Any] = {"method": str, "schema": str, "recipe": Mapping, "crop": Mapping, "state_dict": Mapping}
    for key, kind in kinds.items():
        if key not in content:
            raise UserError(f"checkpoint {where}: damaged, it has no entry {key!r}; copy it again")
        if not isinstance(content[key], kind):
            raise UserError(f"checkpoint {where}: damaged, its {key} is a {type(content[key]).__name__}; copy it again")
    if content.get("dims") not in (2, 3) or isinstance(content["dims"], bool):
        raise UserError(f"checkpoint {where}: damaged, its dims are {str(content.get('dims'))[:40]}, not 2 or 3")
    recipe = plain_values(content["recipe"], f"checkpoint {where}")
    side = recipe.get("image_size")
    if isinstance(side, bool) or not isinstance(side, int) or side not in SIDES:
        raise UserError(f"checkpoint {where}: image_size {str(side)[:40]} is none from {SIDES[0]} to {SIDES[-1]}")
    for key in ("method", "crop", "predict"):
        if not isinstance(recipe.get(key) or {}, Mapping):
            raise UserError(f"checkpoint {where}: damaged, its recipe's {key} holds no settings")
    for name, tensor in content["state_dict"].items():
        if not isinstance(name, str) or not isinstance(tensor, torch.Tensor):
            raise UserError(f"checkpoint {where}: damaged, its weights hold {str(name)[:60]!r}, which is no tensor")
        if tensor.layout != torch.strided or tensor.is_quantized or tensor.device.type != "cpu":
            raise UserError(f"checkpoint {where}: the tensor {name[:60]!r} is not stored as plain numbers")
    seen = content.get("trained_on") or []
    if not isinstance(seen, (list, tuple)) or not all(isinstance(one, str) for one in seen):
        raise UserError(f"checkpoint {where}: damaged, its trained_on is no list of names")
    if "layout" in content:
        content = {**content, "layout": plain_values(content["layout"], f"checkpoint {where}: layout")}
    return {
        **content,
        "recipe": recipe,
        "crop": plain_values(content["crop"], f"checkpoint {where}: crop"),
        "trained_on": list(seen),
        "owner": str(content.get("owner", "an unknown place"))[:200],
    }


@contextmanager
def no_larger_than(state: Mapping[str, torch.Tensor], where: str) -> Iterator[None]:
    """A context in which networks are built: one that outgrows the file's weights by far is stopped at once.

    Raises:
        UserError: so it was.
    """
    stored = {t.untyped_storage().data_ptr(): t.untyped_storage().nbytes() for t in state.values()}
    numbers = [4 * sum(stored.values()) + SPARE_NUMBERS, 4 * len(state) + SPARE_TENSORS]

    def count(module: nn.Module, name: str, tensor: torch.Tensor | None) -> None:
        if tensor is not None:
            numbers[0] -= tensor.numel()
            numbers[1] -= 1
        if min(numbers) < 0:
            raise UserError(f"{where}: its recipe asks for a far larger network than it has weights for")

    registered = nn.modules.module
    handles = [
        registered.register_module_parameter_registration_hook(count),
        registered.register_module_buffer_registration_hook(count),
    ]
    try:
        yield
    finally:
        for handle in handles:
            handle.remove()
