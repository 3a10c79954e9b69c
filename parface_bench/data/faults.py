"""Faults of a data set's files: the first stops a reader, or, while checking, all are gathered."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

from parface_bench.registry.errors import UserError


class Absent(UserError):
    """A split's own files are not there at all: no fault where other splits of the set are."""


_gathered: ContextVar[list[str] | None] = ContextVar("gathered", default=None)


@contextmanager
def gather() -> Iterator[list[str]]:
    """Within this block faults met by :func:`tolerant` are appended to the list that it gives, and reading goes on."""
    faults: list[str] = []
    token = _gathered.set(faults)
    try:
        yield faults
    finally:
        _gathered.reset(token)


@contextmanager
def tolerant() -> Iterator[None]:
    """Around the reading of one file or row: a :class:`UserError` is noted while checking, and raised otherwise."""
    try:
        yield
    except UserError as error:
        faults = _gathered.get()
        if faults is None:
            raise
        faults.append(str(error))
