"""Writing a page: whole or not at all, and never over what somebody else made."""

from __future__ import annotations

from pathlib import Path

from parface_bench import outputs
from parface_bench.registry import UserError


def write_page(text: str, path: Path, *, force: bool = False) -> None:
    """Write a page, in place of an earlier one.

    Raises:
        UserError: the file is there and was not made by this toolkit (``force`` replaces it), or cannot be written.
    """
    try:
        outputs.guard([path], force)
        outputs.write(path, text)
    except OSError as error:
        raise UserError(f"cannot write {path} ({error.strerror or error}); name another file with --out") from error
