"""Large arrays in memory that has been used before: fresh memory costs more in page faults than filling it does."""

from __future__ import annotations

import threading
import weakref

import numpy as np
from numpy.typing import DTypeLike

_KEPT = 4
_kept: list[tuple[np.ndarray, weakref.ref[np.ndarray]]] = []
_lock = threading.Lock()


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
