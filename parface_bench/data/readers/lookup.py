"""The picture that an annotation means: as a path below the root, by its last folders, or by name inside a tar."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from pathlib import Path, PurePosixPath
from typing import Any

import pandas as pd

from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import PICTURES, safe_name, walk
from parface_bench.registry.errors import UserError


class Pictures:
    """Finds pictures below a root.

    Args:
        root: the data set's folder; tars in it are looked into where a name is not found as a file.
        folders: folders below the root that names may be relative to.
    """

    def __init__(self, root: Path, *folders: str) -> None:
        self.root = root
        self.folders = ("", *(f for f in folders if (root / f).is_dir()))

    def find(self, name: str, where: str = "") -> str:
        """The reference, relative to the root, of a picture that an annotation (``where``: its file and row) calls so.

        One that is not there gets the place where it should be; the index table's check then names it.

        Raises:
            UserError: it leaves the root, or more than one picture fits.
        """
        where = where or str(self.root)
        name = safe_name(name, where)
        for folder in self.folders:
            ref = f"{folder}/{name}" if folder else name
            if (self.root / ref).is_file():
                return ref
        for key in _keys(name):
            refs = self._known.get(key, [])
            if len(refs) == 1:
                return refs[0]
            if refs:
                raise UserError(f"{where}: {name!r} may be {refs[0]} or {refs[1]}; put the pictures where it says")
        return f"{self.folders[-1]}/{name}".lstrip("/")

    def resolve(self, labels: pd.DataFrame, where: Callable[[Any], str], column: str = "image") -> pd.DataFrame:
        """The labels with references to the pictures that a column names, as column ``picture``.

        Args:
            labels: a row per face.
            where: file and row of a row (a named tuple with ``Index``), for errors.
            column: holds the names.

        Raises:
            UserError: as :meth:`find`; while checking, the row is left out and the others go on.
        """
        kept, found = [], []
        for row in labels.itertuples():
            with tolerant():
                found.append(self.find(str(getattr(row, column)), where(row)))
                kept.append(row.Index)
        return labels.loc[kept].assign(picture=pd.Series(found, index=kept, dtype=object))

    @cached_property
    def _known(self) -> dict[str, list[str]]:
        known: dict[str, list[str]] = {}
        for ref in walk(self.root, PICTURES, tars=True):
            for key in _keys(ref.replace(".tar::", "/")):  # a tar stands for the folder of its name
                known.setdefault(key, []).append(ref)
        return known


def last_parts(name: str, count: int) -> str:
    """The last ``count`` parts of a path that was noted on another machine."""
    parts = [p for p in name.replace("\\", "/").split("/") if p not in ("", ".")]
    return "/".join(parts[-count:])


def _keys(name: str) -> list[str]:
    """Ways to call a picture, from the most to the least exact: with and without folder, suffix and webdataset type."""
    path = PurePosixPath(name)
    stem = path.name.split(".")[0] if path.name.count(".") >= 2 else path.stem
    shapes = [path.name, path.stem, stem]
    folder = f"{path.parent.name}/" if path.parent.name else ""
    return list(dict.fromkeys([folder + s for s in shapes] + shapes))
