"""Annotation files that ParFace keeps in a folder ``csv`` beside the data or beside the working directory."""

from __future__ import annotations

from pathlib import Path

from parface_bench.data.faults import Absent


def folders(root: Path) -> list[Path]:
    """Folders ``csv`` outside the root that may hold annotation files: beside it, and where the original looks."""
    candidates = [root.parent / "csv", Path("csv"), Path("..") / "csv"]
    return [f for f in candidates if f.is_dir()]


def find(root: Path, *names: str) -> Path | None:
    """The first file of these names in ``root/csv``, ``root`` or one of :func:`folders`; None where there is none."""
    for name in names:
        for folder in (root / "csv", root, *folders(root)):
            if (folder / name).is_file():
                return folder / name
    return None


def need(root: Path, *names: str) -> Path:
    """As :func:`find`.

    Raises:
        Absent: there is none.
    """
    found = find(root, *names)
    if found is None:
        raise Absent(f"{root}: {' or '.join(names)} is neither in it nor in its folder csv nor in ./csv; put it there")
    return found
