"""The twin on disk, in the ParFace format: ``SPLIT/NNNNN.jpg`` and, written last, ``csv/*.ljson``.

A split exists when its label file does; until then its finished pieces wait in ``csv/.parts``. A label file holds
records in the order of their numbers, so that the first n faces of a split are the same whatever its size.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from parface_bench.atomic import write_atomic
from parface_bench.registry.errors import UserError, WorkError

# Split -> the ParFace label file that plays its part; train-healthy is train with every palsy taken away.
LABELS = {
    "train": "palsy_labeled_1.ljson",
    "val": "palsy_annotations.ljson",
    "test": "palsy_test.ljson",
    "paired": "palsy_paired.ljson",
    "train-healthy": "palsy_labeled_1_healthy.ljson",
}
PART = 50  # faces a piece: what an interruption can lose
PARTS = ".parts"


def write(path: Path, data: bytes) -> None:
    """Write a file whole or not at all.

    Raises:
        WorkError: the folder cannot be written or the disk is full.
    """
    try:
        write_atomic(path, data, flush=False)
    except OSError as error:
        raise WorkError(
            f"{path}: cannot be written ({error.strerror}); free some space or set PFBENCH_HOME to a writable folder"
        ) from error


def label_file(root: Path, split: str) -> Path:
    """Where the labels of a split lie."""
    return root / "csv" / LABELS[split]


def part_file(root: Path, split: str, part: int) -> Path:
    """Where the labels of a finished piece wait."""
    return root / "csv" / PARTS / f"{split}-{part:05d}.json"


def read_records(path: Path) -> list[dict[str, Any]]:
    """The records of a label file or piece; an empty list where there is none.

    Raises:
        UserError: the file is cut off or no table of records.
    """
    try:
        records = json.loads(path.read_text("utf-8"))
    except FileNotFoundError:
        return []
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({error}); delete it and it is made anew") from None
    if not isinstance(records, list) or not all(isinstance(r, dict) and "img_path" in r for r in records):
        raise UserError(f"{path}: expected a list of records with img_path; delete it and it is made anew")
    return records


def write_records(path: Path, records: list[dict[str, Any]]) -> None:
    """Write a table of records, one a line."""
    lines = ",\n".join(json.dumps(r, separators=(",", ":")) for r in records)
    write(path, f"[\n{lines}\n]\n".encode())
