"""Out of memory, said so that one knows what to try."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from parface_bench.registry import WorkError

# what torch says of it when it raises a plain RuntimeError: the CPU's allocator, cuBLAS, cuDNN
_SAID = ("can't allocate memory", "cannot allocate memory", "alloc_failed", "out of memory")


@contextmanager
def out_of_memory(where: str, batch_size: int, remedy: str) -> Iterator[None]:
    """Turn whatever torch raises where the memory does not suffice into a ``WorkError``; other errors pass.

    Args:
        where: what was going on.
        batch_size: faces in a batch.
        remedy: what to try, after 'try '.
    """
    try:
        yield
    except (RuntimeError, MemoryError) as error:  # torch.OutOfMemoryError is a RuntimeError
        short = isinstance(error, (torch.OutOfMemoryError, MemoryError))
        if not short and not any(words in str(error).lower() for words in _SAID):
            raise
        raise WorkError(f"{where}: out of memory with batches of {batch_size}; try {remedy}") from error
