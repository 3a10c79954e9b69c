"""Files of a data set, in folders or inside tars that need not be unpacked (``archive.tar::member``).

Nothing is held open between reads, so that threads and forked workers may read at once. Names that would leave the data
set's root are refused, and so are tars with links or absolute names.
"""

from __future__ import annotations

import os
import re
import tarfile
from collections.abc import Collection, Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath

from parface_bench.data.faults import tolerant
from parface_bench.limits import read_file
from parface_bench.registry.errors import UserError

SEPARATOR = "::"
PICTURES = frozenset({".jpg", ".jpeg", ".png", ".bmp", ".tif", ".tiff", ".webp", ".ppm", ".pgm", ".jp2"})


def safe_name(name: str, where: str) -> str:
    """``name`` with '/' separators and without './'.

    Raises:
        UserError: it is empty, absolute or leaves its folder.
    """
    name = name.replace("\\", "/")
    path = PurePosixPath(name)
    bad = path.is_absolute() or ".." in path.parts or re.match(r"[A-Za-z]:", name) or "\0" in name
    if bad or not path.parts:
        raise UserError(f"{where}: the name {name!r} is absolute or leaves its folder; use names below the root")
    return str(path)


def locate(root: str | Path, ref: str) -> tuple[Path, str | None]:
    """The file, and the member in it if it is a tar, that a reference such as ``a/b.jpg`` or ``a.tar::b.jpg`` means.

    Raises:
        UserError: the reference leaves the root.
    """
    outer, separator, member = ref.partition(SEPARATOR)
    path = Path(root) / safe_name(outer, str(root))
    return path, safe_name(member, str(path)) if separator else None


def read_bytes(root: str | Path, ref: str) -> bytes:
    """The content of a file or of a tar's member.

    Raises:
        UserError: it is missing or unreadable, or the reference leaves the root.
    """
    path, member = locate(root, ref)
    try:
        if member is None:
            return read_file(path)
        contents = tar_contents(path)
        if member not in contents:
            raise UserError(f"{path}: holds no member {member!r}; is this the archive that the annotations mean?")
        offset, size = contents[member]
        with path.open("rb") as file:
            file.seek(offset)
            data = file.read(size)
    except (OSError, ValueError) as error:
        raise UserError(f"{path}: cannot be read ({_reason(error)}); is the data set complete?") from None
    if len(data) < size:
        raise UserError(f"{path}{SEPARATOR}{member}: the archive is cut off; copy it again")
    return data


def exists(root: str | Path, ref: str) -> bool:
    """Whether a file or a tar's member is there (of pictures inside a ``.mat``: whether the ``.mat`` is)."""
    path, member = locate(root, ref)
    return path.is_file() and (member is None or path.suffix.lower() == ".mat" or member in tar_contents(path))


def tar_contents(path: Path) -> dict[str, tuple[int, int]]:
    """Names of the files in a tar with the offset and size of their content.

    Raises:
        UserError: no plain tar, cut off, or it holds links, devices or names that leave the folder.
    """
    try:
        stat = path.stat()
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({_reason(error)}); is the data set complete?") from None
    return _tar_contents(str(path), stat.st_size, stat.st_mtime_ns)


@lru_cache(maxsize=64)
def _tar_contents(path: str, size: int, _mtime: int) -> dict[str, tuple[int, int]]:
    contents: dict[str, tuple[int, int]] = {}
    end = 0
    try:
        with tarfile.open(path, "r:") as tar:
            for member in tar:
                if member.isdir():
                    continue
                if not member.isreg() or member.sparse is not None:
                    raise UserError(f"{path}: member {member.name!r} is a link or no plain file; repack without links")
                if member.offset_data + member.size > size:
                    raise UserError(f"{path}: the archive is cut off in {member.name!r}; copy it again")
                contents[safe_name(member.name, path)] = (member.offset_data, member.size)
                end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
        if size < end + tarfile.BLOCKSIZE:
            raise UserError(f"{path}: the archive is cut off, its end mark is missing; copy it again")
    except (tarfile.TarError, OSError, ValueError, OverflowError, EOFError) as error:
        raise UserError(f"{path}: no readable uncompressed tar ({_reason(error)}); decompress or repack it") from None
    return contents


def scan(root: str | Path) -> Iterator[tuple[str, list[os.DirEntry[str]]]]:
    """Every folder below a root, sorted: its path relative to the root ('' for the root itself) and its files.

    Links to folders are followed, each folder once; hidden folders are left out. A root that is no folder has nothing.

    Raises:
        UserError: a folder cannot be read.
    """
    seen: set[tuple[int, int]] = set()
    waiting = [(str(root), "")] if Path(root).is_dir() else []
    while waiting:
        folder, inside = waiting.pop()
        try:
            stat = os.stat(folder)  # noqa: PTH116 - as plain text, over hundreds of thousands of files
            if (stat.st_dev, stat.st_ino) in seen:
                continue
            seen.add((stat.st_dev, stat.st_ino))
            with os.scandir(folder) as found:
                entries = sorted(found, key=lambda entry: entry.name)
        except OSError as error:
            raise UserError(f"{folder}: the folder cannot be read ({_reason(error)}); change its permissions") from None
        folders = [e for e in entries if e.is_dir() and not e.name.startswith((".", "__MACOSX"))]
        waiting += [(e.path, f"{inside}/{e.name}".lstrip("/")) for e in reversed(folders)]
        yield inside, [e for e in entries if not e.is_dir()]


def walk(root: str | Path, suffixes: Collection[str], *, tars: bool = False) -> Iterator[str]:
    """References, relative to the root, of all files with one of these suffixes (lower case), sorted.

    ``tars``: also the members of every ``*.tar`` below the root.

    Raises:
        UserError: a name that is no UTF-8, which no table could hold.
    """
    for ref in _found(root, suffixes, tars):
        if ref.isascii() or not any("\ud800" <= letter <= "\udfff" for letter in ref):
            yield ref
            continue
        with tolerant():
            shown = ref.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
            raise UserError(f"{root}: the file name {shown} is no UTF-8; rename the file (convmv does so to many)")


def _found(root: str | Path, suffixes: Collection[str], tars: bool) -> Iterator[str]:
    for inside, files in scan(root):
        for name in (entry.name for entry in files):
            ref = f"{inside}/{name}" if inside else name
            suffix = _suffix(name)
            if suffix in suffixes and not name.startswith("._"):
                yield ref
            if tars and suffix == ".tar":
                for member in sorted(tar_contents(Path(root) / ref)):
                    if _suffix(member) in suffixes and "/._" not in f"/{member}":
                        yield f"{ref}{SEPARATOR}{member}"


def is_picture(name: str) -> bool:
    """Whether a file's name says that it is a picture."""
    return _suffix(name) in PICTURES


def _suffix(name: str) -> str:
    return os.path.splitext(name)[1].lower()  # noqa: PTH122 - as plain text, over hundreds of thousands of files


def _reason(error: Exception) -> str:
    return getattr(error, "strerror", None) or str(error) or type(error).__name__
