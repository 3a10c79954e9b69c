"""Work on parts of an array at the same time, for compiled loops that do not hold Python's lock."""

from __future__ import annotations

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from functools import lru_cache
from itertools import pairwise
from typing import Any

import numpy as np


def cores() -> int:
    """Cores that this process may use: under a job scheduler fewer than the machine has."""
    try:
        return len(os.sched_getaffinity(0))
    except AttributeError:  # not on Linux
        return os.cpu_count() or 1


def in_threads(work: Callable[[slice], Any], count: int, threads: int) -> None:
    """Call ``work`` with consecutive slices of 0 .. count, one a thread."""
    bounds = np.linspace(0, count, max(threads, 1) + 1).astype(int)
    parts = [slice(a, b) for a, b in pairwise(bounds)]
    if len(parts) == 1:
        work(parts[0])
        return
    others = [_pool(os.getpid()).submit(work, part) for part in parts[1:]]
    try:
        work(parts[0])
    finally:
        wait(others)
    for other in others:
        other.result()


@lru_cache(maxsize=1)
def _pool(process: int) -> ThreadPoolExecutor:
    """The threads of a process; one that was forked has none of its parent's."""
    return ThreadPoolExecutor(cores())
