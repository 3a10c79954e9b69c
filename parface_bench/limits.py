"""Bounds on what is read from files that a stranger may have made: checked before any work is done with them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from parface_bench.registry.errors import UserError, printable

FILE = 4 << 30  # bytes of a file that is read whole
SETTINGS, DEEPEST = 100_000, 40  # values in a YAML file, with aliases counted as often as they occur; nesting
NAME = 1000  # characters of a face's id
PIXELS = 500_000_000
# of photographs that pfbench predicts on: pixels where all must be decoded, bytes
WHOLE, PHOTOGRAPH = 100_000_000, 400 << 20
# Beyond these sizes nothing real is that small: flat areas reach about 400 pixels a byte, constant columns less.
PIXELS_A_BYTE, FEW_PIXELS = 1000, 25_000_000
CELLS_A_BYTE, FEW_CELLS = 20, 20_000_000


def read_file(path: Path, most: int = FILE) -> bytes:
    """The content of a regular file.

    Raises:
        UserError: a pipe, device or folder, a name that none can have, or larger than ``most`` bytes.
        OSError: it cannot be read.
    """
    check_name(path)
    if path.exists() and not path.is_file():
        raise UserError(f"{path}: no regular file; name one")
    size = path.stat().st_size
    if size > most:
        raise UserError(
            f"{path}: is {size >> 20} MiB large, more than the {most >> 20} MiB that are read of such a file"
        )
    return path.read_bytes()


def read_yaml(text: str, where: str) -> Any:
    """What a YAML text holds, by the safe loader, and no more values than a settings file can have.

    Raises:
        UserError: no valid YAML (with the line, where it is known), too deep, or an alias bomb.
    """
    import yaml

    try:
        value = yaml.safe_load(text)
    except RecursionError:
        raise UserError(f"{where}: is nested too deep to be settings") from None
    except Exception as error:  # beside YAMLError plain ValueErrors, as of the date 2024-13-45
        mark = getattr(error, "problem_mark", None)
        line = f" (line {mark.line + 1})" if mark else ""
        said = getattr(error, "problem", None) or str(error).split("\n")[0]
        raise UserError(f"{where}: is not valid YAML{line}: {printable(str(said))[:120]}") from None
    left = [SETTINGS]

    def walk(item: Any, depth: int) -> None:
        left[0] -= 1
        if left[0] < 0 or depth > DEEPEST:
            raise UserError(f"{where}: holds more values, or nested deeper, than settings can (an alias bomb?)")
        if isinstance(item, dict):
            for key, one in item.items():
                walk(key, depth + 1)
                walk(one, depth + 1)
        elif isinstance(item, (list, tuple, set)):
            for one in item:
                walk(one, depth + 1)

    walk(value, 0)
    return value


def read_json(text: str | bytes, where: str) -> Any:
    """What a JSON text holds.

    Raises:
        UserError: no valid JSON, or nested too deep, or a number of thousands of digits.
    """
    try:
        return json.loads(text)
    except (ValueError, RecursionError) as error:
        raise UserError(f"{where}: is no valid JSON ({type(error).__name__}: {printable(str(error))[:120]})") from None


def expanded(path: str | Path) -> Path:
    """A path with ``~`` and ``~user`` written out.

    Raises:
        UserError: there is no such user, or the path holds a null character.
    """
    check_name(path)
    try:
        return Path(path).expanduser()
    except RuntimeError:
        raise UserError(f"{path}: there is no such user; write the folder out") from None


def check_name(path: str | Path) -> None:
    """Refuse what no file system takes as a name.

    Raises:
        UserError: so it is.
    """
    if "\0" in str(path):
        raise UserError(f"{str(path)!r}: a name cannot hold a null character; write another")


def check_picture(width: int, height: int, size: int, where: str) -> None:
    """Refuse a picture whose header asks for more than its bytes can hold.

    Raises:
        UserError: so it does.
    """
    pixels = width * height
    if pixels > PIXELS or (pixels > FEW_PIXELS and pixels > PIXELS_A_BYTE * size):
        raise UserError(
            f"{where}: says that it has {width} x {height} pixels in {size} bytes; reduce it or remove the face"
        )


def check_whole(width: int, height: int, where: str) -> None:
    """Refuse a photograph that is no JPEG and that would take more memory, decoded, than the rest of the work.

    Raises:
        UserError: so it would.
    """
    if width * height > WHOLE:
        raise UserError(
            f"{where}: has {width} x {height} pixels; only a JPEG is decoded at a part of its size, of others at most "
            f"{WHOLE // 1_000_000} million pixels are taken: save it as a JPEG, or make it smaller"
        )


def check_parquet(rows: int, columns: int, size: int, where: str) -> None:
    """Refuse a Parquet file that would unpack to far more than it is.

    Raises:
        UserError: so it would.
    """
    cells = rows * max(columns, 1)
    if cells > FEW_CELLS and cells > CELLS_A_BYTE * size:
        raise UserError(f"{where}: says that it has {rows} rows in {size} bytes, which no table of faces has")


def bad_name(name: str) -> str:
    """What is wrong with the name of a face, or ''."""
    if len(name) > NAME:
        return f"has {len(name)} characters, at most {NAME} are taken"
    if printable(name) != name or "\n" in name:
        return "holds control characters"
    return ""
