"""MATLAB files: version 5 to 7.2 by scipy, 7.3 (HDF5) by h5py; every way of being broken becomes one sentence."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import numpy as np

from parface_bench.registry.errors import UserError


def load_mat(data: bytes, where: str, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Variables of a ``.mat`` file of version 5 to 7.2.

    Args:
        names: variables to read; None for all.

    Raises:
        UserError: not such a file, cut off or damaged, or of version 7.3.
    """
    import scipy.io

    if data[:8] == b"\x89HDF\r\n\x1a\n" or data[512:520] == b"\x89HDF\r\n\x1a\n":
        raise UserError(f"{where}: is of MATLAB version 7.3; save it with '-v7'")
    try:
        return scipy.io.loadmat(io.BytesIO(data), variable_names=None if names is None else list(names))
    except Exception as error:  # scipy answers damaged files with a dozen kinds of exception
        raise UserError(f"{where}: no readable MATLAB file ({_short(error)}); copy it again") from None


def variable(mat: dict[str, Any], name: str, where: str, shape: tuple[int | None, ...]) -> np.ndarray:
    """A numeric variable as float64, of the shape given (None for any extent).

    Raises:
        UserError: it is missing, no number, or of another shape.
    """
    value = mat.get(name)
    if not isinstance(value, np.ndarray) or value.dtype.kind not in "fiub":
        raise UserError(f"{where}: holds no numeric {name!r}; is it the file of another data set?")
    if value.ndim != len(shape) or any(s not in (None, n) for s, n in zip(shape, value.shape, strict=True)):
        wanted = " x ".join("?" if s is None else str(s) for s in shape)
        raise UserError(f"{where}: {name!r} has shape {value.shape}, not {wanted}; is it the file of another data set?")
    return value.astype(np.float64)


def _short(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:120]
