"""The side of the crops that a method is being built for: backbones made for one size ask for it.

A method's author need not hand it on: ``BACKBONES.build("vit_tiny_patch16_224")`` fits the recipe's ``image_size``.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_SIDE: ContextVar[int] = ContextVar("crop_side", default=0)


@contextmanager
def building_for(side: int) -> Iterator[None]:
    """While this lasts, what is built will see crops of ``side`` pixels."""
    token = _SIDE.set(side)
    try:
        yield
    finally:
        _SIDE.reset(token)


def crop_side() -> int:
    """The side in pixels, 0 where nothing is being built for crops."""
    return _SIDE.get()
