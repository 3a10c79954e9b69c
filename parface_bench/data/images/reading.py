"""Reading pictures as stored: uint8 RGB, never turned by an EXIF note, since landmarks are in stored pixels."""

from __future__ import annotations

import contextlib
import io
import threading
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from parface_bench.data.images.archive import locate, read_bytes
from parface_bench.data.readers import hdf
from parface_bench.limits import PHOTOGRAPH, check_picture, check_whole, read_file
from parface_bench.registry.errors import UserError

if TYPE_CHECKING:
    from PIL import Image

_FLAGS = cv2.IMREAD_COLOR_RGB | cv2.IMREAD_IGNORE_ORIENTATION
# shares of the side that libjpeg decodes at
_REDUCED = {1: _FLAGS, 2: cv2.IMREAD_REDUCED_COLOR_2, 4: cv2.IMREAD_REDUCED_COLOR_4, 8: cv2.IMREAD_REDUCED_COLOR_8}
_PNG = b"\x89PNG\r\n\x1a\n"
_pillow = threading.Lock()  # its limit is one for the process
# our one sentence about a bad picture replaces OpenCV's pages
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)


def read_image(root: str | Path, ref: str) -> np.ndarray:
    """A picture of a data set.

    Args:
        root: the data set's folder.
        ref: path relative to it, or ``archive.tar::member`` (for COFW's pictures ``file.mat::VARIABLE/NUMBER``).

    Returns:
        uint8 [H, W, 3], RGB, stored pixels. Grey, palette, RGBA (alpha dropped), CMYK and 16-bit are converted.

    Raises:
        UserError: missing, empty, cut off or no picture (the sentence names the file).
    """
    path, member = locate(root, ref)
    if member is not None and path.suffix.lower() == ".mat":
        return hdf.picture(path, member)
    return decode_image(read_bytes(root, ref), str(Path(root) / ref))


def image_size(root: str | Path, ref: str) -> tuple[int, int]:
    """Width and height of a picture as stored, from its header where it is a file of its own.

    Raises:
        UserError: as :func:`read_image`.
    """
    path, member = locate(root, ref)
    if member is None:
        # whatever is wrong, read_image says it
        with contextlib.suppress(Exception), opened_by_pillow(path) as picture:
            return picture.size
    height, width = read_image(root, ref).shape[:2]
    return width, height


def decode_image(data: bytes, where: str) -> np.ndarray:
    """As :func:`read_image`, from a file's content; ``where`` names the file in errors."""
    if not data:
        raise UserError(f"{where}: the picture is empty (0 bytes); copy it again")
    check_picture(*declared_size(data), len(data), where)
    if not _ends_well(data):
        return _careful(data, where)
    try:
        image = cv2.imdecode(np.frombuffer(data, np.uint8), _FLAGS)
    except cv2.error:
        image = None
    if image is None or image.size == 0:
        return _careful(data, where)
    return image


def read_photograph(path: Path, most: int) -> tuple[np.ndarray, tuple[float, float]]:
    """As :func:`decode_reduced`, from a file; one that is too large is refused by its header, before it is read.

    Raises:
        UserError: as :func:`decode_image`.
        OSError: the file cannot be read.
    """
    if path.is_file():
        with path.open("rb") as file:
            head = file.read(32)
        if head[:2] != b"\xff\xd8":
            size = declared_size(head) if head[:8] == _PNG else _size_by_pillow(path)
            check_whole(*size, str(path))
    return decode_reduced(read_file(path, PHOTOGRAPH), str(path), most)


def decode_reduced(data: bytes, where: str, most: int) -> tuple[np.ndarray, tuple[float, float]]:
    """A picture of at most about ``most`` pixels: a larger JPEG is decoded at a half, quarter or eighth of its side.

    What can only be decoded whole is refused beyond :data:`parface_bench.limits.WHOLE` pixels.

    Returns:
        The picture as of :func:`decode_image`, and how many stored pixels one of its pixels is wide and high.

    Raises:
        UserError: as :func:`decode_image`.
    """
    width, height = declared_size(data)
    times = next((n for n in _REDUCED if width * height <= most * n * n), 8)
    if times == 1 or data[:2] != b"\xff\xd8" or not _ends_well(data):
        check_whole(width, height, where)
        return decode_image(data, where), (1.0, 1.0)
    check_picture(width, height, len(data), where)
    flags = _REDUCED[times] | cv2.IMREAD_IGNORE_ORIENTATION
    image = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    if image is None:
        raise UserError(f"{where}: no readable picture; copy it again or remove the face")
    image = cv2.cvtColor(image, cv2.COLOR_BGR2RGB, dst=image)
    return image, (width / image.shape[1], height / image.shape[0])


def declared_size(data: bytes) -> tuple[int, int]:
    """Width and height that the header of a picture tells of; (0, 0) where it tells of none."""
    if data[:8] == _PNG:
        return int.from_bytes(data[16:20], "big"), int.from_bytes(data[20:24], "big")
    frame = _frame(data) if data[:2] == b"\xff\xd8" else 0
    if frame:
        return int.from_bytes(data[frame + 7 : frame + 9], "big"), int.from_bytes(data[frame + 5 : frame + 7], "big")
    return _size_by_pillow(io.BytesIO(data))


@contextlib.contextmanager
def opened_by_pillow(source: Path | io.BytesIO) -> Iterator[Image.Image]:
    """A picture of which only the header is looked at: of any size, and without a word on it."""
    from PIL import Image

    with _pillow, warnings.catch_warnings(action="ignore"):
        most, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # ours tell more, and are asked with the answer
        try:
            with Image.open(source) as found:
                yield found
        finally:
            Image.MAX_IMAGE_PIXELS = most


def _size_by_pillow(source: Path | io.BytesIO) -> tuple[int, int]:
    with contextlib.suppress(Exception), opened_by_pillow(source) as found:
        return found.size
    return 0, 0


def _frame(data: bytes) -> int:
    """Where a JPEG's frame header begins; 0 where it has none."""
    at = 2
    while at + 9 < len(data) and data[at] == 0xFF:
        marker = data[at + 1]
        if 0xC0 <= marker <= 0xCF and marker not in (0xC4, 0xC8, 0xCC):
            return at
        at += 2 + int.from_bytes(data[at + 2 : at + 4], "big")
    return 0


def _ends_well(data: bytes) -> bool:
    """False where OpenCV must not be trusted: it returns the upper part of a cut-off JPEG or PNG without a word."""
    if data[:2] == b"\xff\xd8":
        return data[-2:] == b"\xff\xd9" and not _is_cmyk(data)
    if data[:8] == _PNG:
        return data[-8:-4] == b"IEND"
    return data[:2] != b"BM"


def _is_cmyk(data: bytes) -> bool:
    """Whether a JPEG's frame header tells of four components."""
    at = _frame(data)
    return bool(at) and data[at + 9] == 4


def _careful(data: bytes, where: str) -> np.ndarray:
    """Decode with Pillow, which is slower but tells when a file is cut off and knows inverted CMYK."""
    from PIL import Image

    try:
        with warnings.catch_warnings(action="ignore"), Image.open(io.BytesIO(data)) as picture:
            picture.load()
            if picture.mode.startswith(("I", "F")):
                deep = np.asarray(picture, dtype=np.float64)
                grey = np.clip(deep / (257.0 if picture.mode.startswith("I") else 1.0), 0, 255).round().astype(np.uint8)
                return np.repeat(grey[:, :, None], 3, axis=2)
            return np.array(picture.convert("RGB"))
    except Exception as error:
        reason = str(error).split("<_io")[0].strip() or type(error).__name__
        raise UserError(f"{where}: no readable picture ({reason}); copy it again or remove the face") from None
