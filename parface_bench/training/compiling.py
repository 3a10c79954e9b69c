"""``speed.compile``: whether torch.compile can work here, told before the training begins."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch

from parface_bench.registry import UserError


@contextmanager
def compiling() -> Iterator[None]:
    """Say in a sentence what the compiler cannot do with a method.

    Raises:
        UserError: torch.compile failed; other errors pass.
    """
    try:
        yield
    except Exception as error:
        if not type(error).__module__.startswith(("torch._dynamo", "torch._inductor")):
            raise
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        raise UserError(
            f"speed.compile: torch.compile failed ({type(error).__name__}: {said[:160]}); set speed.compile=false"
        ) from error


def check_compiler(device: torch.device) -> None:
    """Compile something tiny for the device.

    Raises:
        UserError: it cannot be done; most often there is no C++ compiler (CPU) or no Triton (GPU).
    """
    try:
        torch.compile(lambda x: (x * 2 + 1).relu())(torch.ones(8, device=device))
    except Exception as error:  # torch names whatever it misses in errors of many kinds
        said = next((line.strip() for line in str(error).splitlines() if line.strip()), "")
        needs = "a C++ compiler" if device.type == "cpu" else "Triton and a C compiler"
        raise UserError(
            f"speed.compile: torch.compile does not work here ({type(error).__name__}: {said[:160]}); it needs "
            f"{needs}: install it, or set speed.compile=false"
        ) from None
