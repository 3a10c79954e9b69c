"""MATLAB files of version 5 to 7.2, read here: scipy's reader can end the process on one changed byte.

What is read: numbers, texts, cells and structs, in the shapes that :func:`scipy.io.loadmat` gives them. Everything is
bounded by the size of the file, and every way of being broken becomes one sentence. Format: MathWorks, MAT-File Format,
R2019b, chapter 1. Version 7.3 is HDF5, see :mod:`.hdf`.
"""

from __future__ import annotations

import math
import struct
import zlib
from collections.abc import Iterable
from typing import Any

import numpy as np

from parface_bench.registry.errors import UserError

DEEPEST, LARGEST = 12, 512 << 20  # nesting; bytes of an unpacked variable
_MATRIX, _COMPRESSED, _UTF8, _UTF16, _UTF32 = 14, 15, 16, 17, 18
# storage type -> numpy
_STORED = {1: "i1", 2: "u1", 3: "i2", 4: "u2", 5: "i4", 6: "u4", 7: "f4", 9: "f8", 12: "i8", 13: "u8"}
_NUMERIC = range(6, 16)  # classes of arrays: double, single, int8, ..., uint64; kept as they are stored
_CELL, _STRUCT, _OBJECT, _CHAR = 1, 2, 3, 4


class _Damaged(ValueError):
    """What is wrong, in a few words."""


def load_mat(data: bytes, where: str, names: Iterable[str] | None = None) -> dict[str, Any]:
    """Variables of a ``.mat`` file of version 5 to 7.2.

    Args:
        data: the file's content.
        where: names the file in errors.
        names: variables to read; None for all.

    Returns:
        Name -> array: numbers [rows, columns, ...], texts [rows] (str), cells (object), structs (fields of objects).

    Raises:
        UserError: not such a file, cut off or damaged, or of version 7.3.
    """
    if data[:8] == b"\x89HDF\r\n\x1a\n" or data[512:520] == b"\x89HDF\r\n\x1a\n":
        raise UserError(f"{where}: is of MATLAB version 7.3; save it with '-v7'")
    try:
        return _variables(data, None if names is None else set(names))
    except (_Damaged, struct.error, zlib.error, UnicodeDecodeError, ValueError, OverflowError, MemoryError) as error:
        reason = str(error) if isinstance(error, _Damaged) else "cut off or damaged"
        raise UserError(f"{where}: no readable MATLAB file ({reason}); copy it again") from None


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


def _variables(data: bytes, names: set[str] | None) -> dict[str, Any]:
    order = {b"IM": "<", b"MI": ">"}.get(data[126:128])
    if order is None:
        raise _Damaged("it has no header of version 5")
    found: dict[str, Any] = {}
    at = 128
    while at + 8 <= len(data):
        kind, content, at = _element(memoryview(data), at, order, pad=False)
        if kind == _COMPRESSED:
            unpacked = zlib.decompressobj()
            whole = unpacked.decompress(content, LARGEST)
            if not unpacked.eof:
                raise _Damaged("a variable is cut off" if len(whole) < LARGEST else "a variable is too large")
            kind, content, _ = _element(memoryview(whole), 0, order)
        if kind != _MATRIX:
            raise _Damaged(f"an element of type {kind} where a variable is due")
        name, value = _matrix(content, order, names, 0)
        if names is None or name in names:
            found[name] = value
    if at < len(data):
        raise _Damaged("it is cut off")
    return found


def _element(data: memoryview, at: int, order: str, pad: bool = True) -> tuple[int, memoryview, int]:
    """Type and content of the element at a place, and the place of the next."""
    (word,) = struct.unpack_from(f"{order}I", data, at)
    if word >> 16:  # a short one: type, size and at most four bytes in one
        kind, size, start, end = word & 0xFFFF, word >> 16, at + 4, at + 8
        if size > 4:
            raise _Damaged("a short element is too long")
    else:
        kind, (size,), start = word, struct.unpack_from(f"{order}I", data, at + 4), at + 8
        end = start + (size if not pad or kind == _COMPRESSED else -(-size // 8) * 8)
    if start + size > len(data):
        raise _Damaged("it is cut off")
    return kind, data[start : start + size], min(end, len(data))


def _matrix(data: memoryview, order: str, names: set[str] | None, depth: int) -> tuple[str, Any]:
    """Name and value of a variable, or of a cell or field; the value of one that is not asked for is None."""
    if depth > DEEPEST:
        raise _Damaged("it is nested too deep")
    if not len(data):
        return "", np.zeros((0, 0))
    _, flags, at = _element(data, 0, order)
    kind, extents, at = _element(data, at, order)
    _, name_bytes, at = _element(data, at, order)
    (flag,) = struct.unpack_from(f"{order}I", flags)
    shape = tuple(int(n) for n in _numbers(kind, extents, order))
    if not 2 <= len(shape) <= 32 or any(n < 0 for n in shape):
        raise _Damaged(f"an array of shape {shape}"[:60])
    name = bytes(name_bytes).decode("utf-8", errors="replace")
    if depth == 0 and names is not None and name not in names:
        return name, None
    count, array = math.prod(shape), flag & 0xFF
    if count > len(data) + 1:
        raise _Damaged("an array is larger than the file")
    if array in _NUMERIC:
        kind, content, at = _element(data, at, order)
        value: Any = _shaped(_numbers(kind, content, order), shape)
        if flag & 0x800:
            kind, content, at = _element(data, at, order)
            value = value + 1j * _shaped(_numbers(kind, content, order), shape)
        return name, value.astype(value.dtype.newbyteorder("="))
    if array == _CHAR:
        kind, content, at = _element(data, at, order)
        return name, _texts(_letters(kind, content, order), shape)
    if array == _CELL:
        cells = np.empty(count, dtype=object)
        for i in range(count):
            cells[i], at = _inner(data, at, order, depth)
        return name, cells.reshape(shape, order="F")
    if array in (_STRUCT, _OBJECT):
        return name, _structs(data, at, order, depth, shape, array == _OBJECT)
    raise _Damaged(f"an array of class {array}, which is not read here")


def _structs(data: memoryview, at: int, order: str, depth: int, shape: tuple[int, ...], named: bool) -> np.ndarray:
    if named:
        _, _, at = _element(data, at, order)
    kind, content, at = _element(data, at, order)
    length = int(_numbers(kind, content, order)[0]) if len(content) else 0
    _, content, at = _element(data, at, order)
    if not 0 < length <= 64 or len(content) % length:
        raise _Damaged("a struct whose fields have no names")
    raw = bytes(content)
    fields = [raw[i : i + length].split(b"\0")[0].decode("latin-1") for i in range(0, len(raw), length)]
    if len(set(fields)) < len(fields) or "" in fields:
        raise _Damaged("a struct whose fields have no names of their own")
    structs = np.empty(math.prod(shape), dtype=[(field, object) for field in fields])
    for i in range(len(structs)):
        for field in fields:
            structs[i][field], at = _inner(data, at, order, depth)
    return structs.reshape(shape, order="F")


def _inner(data: memoryview, at: int, order: str, depth: int) -> tuple[Any, int]:
    kind, content, at = _element(data, at, order)
    if kind != _MATRIX:
        raise _Damaged(f"an element of type {kind} where an array is due")
    return _matrix(content, order, None, depth + 1)[1], at


def _numbers(kind: int, content: memoryview, order: str) -> np.ndarray:
    if kind not in _STORED:
        raise _Damaged(f"numbers of type {kind}")
    return np.frombuffer(content, dtype=order + _STORED[kind])


def _letters(kind: int, content: memoryview, order: str) -> list[str]:
    wide = "le" if order == "<" else "be"
    if kind in (_UTF8, _UTF16, _UTF32):
        encoding = {_UTF8: "utf-8", _UTF16: f"utf-16-{wide}", _UTF32: f"utf-32-{wide}"}[kind]
        return list(bytes(content).decode(encoding))
    codes = _numbers(kind, content, order)
    if codes.size and not (int(codes.min()) >= 0 and int(codes.max()) < 0xD800):
        raise _Damaged("a text that is none")
    return [chr(int(code)) for code in codes]


def _texts(letters: list[str], shape: tuple[int, ...]) -> np.ndarray:
    """A text for each row of letters, as scipy gives them."""
    table = _shaped(np.array(letters, dtype="U1"), shape)
    if not table.size:
        return np.array([], dtype="U1")
    rows = ["".join(row) for row in table.reshape(-1, shape[-1])]
    return np.array(rows).reshape(shape[:-1])


def _shaped(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    if values.size != math.prod(shape):
        raise _Damaged(f"{values.size} values for an array of shape {shape}"[:80])
    return values.reshape(shape, order="F")
