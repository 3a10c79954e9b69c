"""Pictures with an annotation file of the same name beside them (or in a parallel folder), in folders or tars."""

from __future__ import annotations

import re
from pathlib import Path, PurePosixPath

from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import PICTURES, walk
from parface_bench.registry.errors import UserError


def pairs(root: Path, suffix: str, *, lone: bool = False) -> list[tuple[str, str, str]]:
    """Faces whose annotation lies beside their picture.

    Args:
        root: the data set's folder.
        suffix: ending of the annotation files, in lower case, such as ``.pts`` or ``.lmk2d.txt``.
        lone: files with this ending in folders without any picture are something else (models, other tables).

    Returns:
        (name, picture, annotation) of every pair, sorted by name: references relative to the root, the name without
        suffix. A picture below a folder ``images`` may have its annotation at the same place below ``annotations``.

    Raises:
        UserError: one of a pair is missing.
    """
    pictures: dict[str, str] = {}
    notes: dict[str, str] = {}
    ending = "." + suffix.rpartition(".")[2]
    for ref in walk(root, PICTURES | {ending}, tars=True):
        if ref.lower().endswith(suffix):
            notes[_place(ref[: -len(suffix)])] = ref
        elif PurePosixPath(ref).suffix.lower() in PICTURES:
            pictures[_place(str(PurePosixPath(ref).with_suffix("")))] = ref
    result = []
    folders = {str(PurePosixPath(n).parent) for n in notes}
    if lone:
        pictured = {str(PurePosixPath(n).parent) for n in pictures}
        notes = {n: ref for n, ref in notes.items() if str(PurePosixPath(n).parent) in pictured}
    for name in sorted(notes.keys() | pictures.keys()):
        with tolerant():
            if name in notes and name in pictures:
                result.append((name, pictures[name], notes[name]))
            elif name in notes:
                raise UserError(f"{root / notes[name]}: has no picture beside it; copy the picture or remove the file")
            elif str(PurePosixPath(name).parent) in folders:
                raise UserError(
                    f"{root / pictures[name]}: has no {suffix} file beside it; copy it or remove the picture"
                )
    return result


def _place(name: str) -> str:
    """Where a picture and its annotation meet."""
    name = re.sub(r"(^|/)annotations/", r"\1images/", name)
    return re.sub(r"/gt_[A-Za-z0-9_]+/(?=[^/]+$)", "/", name)
