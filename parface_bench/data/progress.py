"""A progress bar on stderr for long loops over files; nothing for short ones or where stderr is no terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator, Sized
from typing import TypeVar

T = TypeVar("T")
LONG = 2000


def progress(items: Iterable[T], what: str, long: int = LONG) -> Iterator[T]:
    """``items``, with a bar entitled ``what`` if there are at least ``long`` of them."""
    if not (isinstance(items, Sized) and len(items) >= long and sys.stderr.isatty()):
        yield from items
        return
    from rich.console import Console
    from rich.progress import track

    yield from track(items, what, console=Console(stderr=True), transient=True)
