"""Large arrays in memory that has been used before: fresh memory costs more in page faults than filling it does."""

from __future__ import annotations

import ctypes
import platform
import threading
import weakref

import numpy as np
from numpy.typing import DTypeLike

_KEPT = 4
_kept: list[tuple[np.ndarray, weakref.ref[np.ndarray]]] = []
_lock = threading.Lock()

# of glibc's malloc.h
_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3


def keep_freed_memory() -> bool:
    """Let the process keep what it frees, for good, instead of giving every large array back to the system.

    A training step on the CPU frees and wants again the same hundreds of megabytes; getting them anew took a quarter
    of its time. Only glibc can be asked (mallopt(3)).

    Returns:
        Whether it was.
    """
    if platform.libc_ver()[0] != "glibc":
        return False
    libc = ctypes.CDLL(None)
    return bool(libc.mallopt(_M_MMAP_THRESHOLD, 1 << 30)) and bool(libc.mallopt(_M_TRIM_THRESHOLD, (1 << 31) - 1))


def recycled(shape: tuple[int, ...], dtype: DTypeLike) -> np.ndarray:
    """An uninitialised array, in the memory of an earlier one that nobody holds any more if there is one.

    Every array given out is a view of its own; whoever still uses its memory (a tensor made from it, a slice) holds
    that view, so that the memory is free when the view is gone.
    """
    wanted = np.dtype(dtype)
    with _lock:
        memory = next((a for a, user in _kept if a.shape == shape and a.dtype == wanted and user() is None), None)
        if memory is None:
            memory = np.empty(shape, dtype=wanted)
        view = memory.view()
        _kept[:] = [*((a, user) for a, user in _kept if a is not memory), (memory, weakref.ref(view))][-_KEPT:]
        return view
