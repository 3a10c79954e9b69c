"""Files written whole or not at all: the one way in which pfbench puts anything on the disk."""

from __future__ import annotations

import errno
import os
import secrets
import stat
import time
from collections.abc import Callable
from pathlib import Path
from typing import IO, Any

Content = str | bytes | Callable[[IO[bytes]], Any]

PATIENCE = 20.0  # seconds in which somebody must begin to read a pipe that is written to
TEMPORARY = ".*.tmp"  # what a kill can leave behind; nothing reads it


def write_atomic(
    path: str | Path, content: Content, *, flush: bool = True, finished: Callable[[Path], None] | None = None
) -> None:
    """Write a file under a temporary name beside it, then rename it into place.

    A kill or a full disk leaves the earlier file, or none; a reader never sees half. Missing folders are made. A link
    stays a link, its target is written; a pipe or a device (``/dev/stdout``) is written to, never replaced.

    Args:
        path: the file.
        content: text (UTF-8), bytes, or a function that writes to the open binary file that it is given.
        flush: wait until the disk has it, so that a power cut cannot lose it either. Not for files by the thousand.
        finished: called with the temporary file when it is whole, before it is renamed.

    Raises:
        OSError: the disk is full, the folder cannot be written, ``path`` is a folder or leads to itself.
    """
    path = Path(os.path.realpath(path))
    if path.is_symlink():  # a link that leads to itself has no target to write
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP), str(path))
    if _is_stream(path):
        with os.fdopen(_open_stream(path), "wb") as file:
            _fill(file, content)
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    # of a fixed length: the file's own name may already be as long as a name can be
    temporary = path.with_name(f".{secrets.token_hex(8)}.tmp")
    try:
        with temporary.open("xb") as file:
            _fill(file, content)
            if flush:
                file.flush()
                os.fsync(file.fileno())
        if finished is not None:
            finished(temporary)
        temporary.replace(path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise


def _open_stream(path: Path) -> int:
    """Open a pipe or device; a pipe that nobody begins to read is refused (ENXIO), not waited for without end."""
    until = time.monotonic() + PATIENCE
    while True:
        try:
            handle = os.open(path, os.O_WRONLY | getattr(os, "O_NONBLOCK", 0))
        except OSError as error:
            if error.errno != errno.ENXIO or time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            os.set_blocking(handle, True)
            return handle


def _is_stream(path: Path) -> bool:
    """Whether writing goes somewhere else than into a file."""
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISCHR(mode) or stat.S_ISFIFO(mode) or stat.S_ISBLK(mode) or stat.S_ISSOCK(mode)


def _fill(file: IO[bytes], content: Content) -> None:
    if callable(content):
        content(file)
    else:
        # a lone surrogate, as of a file name that is no UTF-8, becomes '?'
        file.write(content.encode("utf-8", "replace") if isinstance(content, str) else content)
