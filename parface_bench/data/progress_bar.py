"""A progress bar on stderr for long loops over files; nothing for short ones or where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")
LONG = 2000


def progress(items: Iterable[T], what: str, long: int = LONG, total: int | None = None) -> Iterator[T]:
    """``items``, with a bar entitled ``what`` if there are at least ``long`` (``total`` if they have no length)."""
    count = len(items) if total is None and isinstance(items, Sized) else total or 0
    if count < long or not sys.stderr.isatty():
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, what, total=count, console=Console(stderr=True), transient=True)
