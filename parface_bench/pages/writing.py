"""Writing a page: whole or not at all, and never over what somebody else made."""

from __future__ import annotations

from pathlib import Path

from parface_bench.atomic import write_atomic
from parface_bench.registry import UserError

_MARK = "Made by parface-bench "


def write_page(text: str, path: Path, *, force: bool = False) -> None:
    """Write a page, in place of an earlier one.

    Raises:
        UserError: the file is there and was not made by this toolkit (``force`` replaces it), or cannot be written.
    """
    try:
        if not force and path.is_file() and path.stat().st_size and _MARK not in path.read_text("utf-8", "replace"):
            raise UserError(f"{path} exists and was not made by pfbench: name another file with --out, or add --force")
        write_atomic(path, text)
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror or error}); name another file with --out") from error
