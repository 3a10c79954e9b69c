"""COFW's MATLAB 7.3 files (HDF5): landmarks, boxes, and the pictures themselves (``COFW_test_color.mat::IsT/12``)."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np

from parface_bench.registry.errors import UserError


@contextmanager
def _open(path: Path) -> Iterator[Any]:
    import h5py

    try:
        with h5py.File(path, "r") as file:
            yield file
    except UserError:
        raise
    except Exception as error:  # h5py answers damaged files with many kinds of exception
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        with suppress(OSError), path.open("rb") as start:
            if start.read(10) == b"MATLAB 5.0":
                raise UserError(f"{path}: is of an older MATLAB version; save it with '-v7.3'") from None
        raise UserError(f"{path}: no readable MATLAB 7.3 file ({reason}); copy it again") from None


def matrix(path: Path, name: str, rows: int) -> np.ndarray:
    """A numeric variable that MATLAB has as N x ``rows``, as float64 [N, rows].

    Raises:
        UserError: no such file or variable, or another shape.
    """
    with _open(path) as file:
        if name not in file or getattr(file[name], "shape", (0,))[:1] != (rows,) or file[name].dtype.kind not in "fiu":
            raise UserError(
                f"{path}: holds no numeric variable {name!r} with {rows} columns; is it COFW's colour file?"
            )
        values = np.asarray(file[name], dtype=np.float64).reshape(rows, -1).T
    if not np.isfinite(values).all():
        face = int(np.argwhere(~np.isfinite(values))[0, 0]) + 1
        raise UserError(f"{path}: {name!r} holds NaN or infinity (face {face}); copy the file again")
    return values


def count(path: Path, name: str) -> int:
    """Number of pictures in a variable.

    Raises:
        UserError: no such file or variable.
    """
    with _open(path) as file:
        if name not in file or not hasattr(file[name], "size"):
            raise UserError(f"{path}: holds no pictures {name!r}; is it COFW's colour file?")
        return int(file[name].size)


def picture(path: Path, member: str) -> np.ndarray:
    """A picture, uint8 RGB [H, W, 3]; ``member`` is ``VARIABLE/NUMBER``, the number 0-based.

    Raises:
        UserError: there is no such picture, or it is none.
    """
    match = re.fullmatch(r"([A-Za-z]\w*)/(\d{1,7})", member)
    with _open(path) as file:
        if match is None or match[1] not in file or int(match[2]) >= file[match[1]].size:
            raise UserError(f"{path}: holds no picture {member!r}; is it COFW's colour file?")
        pixels = np.asarray(file[np.asarray(file[match[1]]).ravel()[int(match[2])]])
    if (
        pixels.dtype != np.uint8
        or pixels.ndim not in (2, 3)
        or (pixels.ndim == 3 and pixels.shape[0] != 3)
        or not pixels.size
    ):
        raise UserError(f"{path}::{member}: no picture but {pixels.dtype} {pixels.shape}; copy the file again")
    pixels = pixels.T  # HDF5 has MATLAB's axes in reverse
    return np.ascontiguousarray(pixels if pixels.ndim == 3 else np.repeat(pixels[:, :, None], 3, axis=2))
