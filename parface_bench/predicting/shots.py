"""What was given to ``pfbench predict``, as single pictures: files, folders, globs, frames of videos."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np

from parface_bench.data.images.archive import PICTURES
from parface_bench.data.images.reading import opened_by_pillow, read_photograph
from parface_bench.registry.errors import UserError

# our one sentence about a bad video replaces FFmpeg's lines
os.environ.setdefault("OPENCV_FFMPEG_LOGLEVEL", "-8")
LARGE = 40_000_000  # pixels beyond which a JPEG is decoded at a half, a quarter or an eighth of its side
UNREADABLE = 1000  # frames one after the other that cannot be decoded, after which a video has ended
VIDEOS = frozenset({".mp4", ".avi", ".mov", ".mkv", ".webm", ".m4v", ".mpg", ".mpeg", ".wmv"})
# EXIF orientation -> quarter turns (counter-clockwise) and then a mirroring that make the picture upright
_UPRIGHT = {2: (0, True), 3: (2, False), 4: (2, True), 5: (3, True), 6: (3, False), 7: (1, True), 8: (1, False)}


@dataclass(frozen=True)
class Source:
    """A picture or video to go through.

    Attributes:
        path: of the file.
        name: how its faces are called: the path below the given folder, without suffix.
        video: it holds frames.
    """

    path: Path
    name: str
    video: bool


@dataclass
class InputImage:
    """One picture, upright.

    Attributes:
        name: of its faces.
        source: where it comes from.
        image: uint8 RGB [H, W, 3], or None where it could not be read.
        reason: why it could not.
        orientation: EXIF's number; stored pixels are given back by :meth:`stored`.
        frame: number in the video, from 0; -1 for photographs.
        seconds: its time in the video.
        scale: stored pixels, in x and y, that a pixel of the decoded picture stands for (large JPEGs are reduced).
    """

    name: str
    source: Source
    image: np.ndarray | None
    reason: str = ""
    orientation: int = 1
    frame: int = -1
    seconds: float = 0.0
    scale: tuple[float, float] = (1.0, 1.0)

    def stored(self, points: np.ndarray) -> np.ndarray:
        """Points [..., 2|3] of the upright picture in pixels of the stored one."""
        assert self.image is not None
        turns, mirror = _UPRIGHT.get(self.orientation, (0, False))
        height, width = self.image.shape[:2]
        out = np.array(points, dtype=np.float64)
        if mirror:
            out[..., 0] = width - 1 - out[..., 0]
        for _ in range(turns):  # each undoes a quarter turn counter-clockwise
            x, y = out[..., 0].copy(), out[..., 1].copy()
            out[..., 0], out[..., 1] = height - 1 - y, x
            height, width = width, height
        if self.scale != (1.0, 1.0):
            out[..., :2] = (out[..., :2] + 0.5) * self.scale - 0.5
            out[..., 2:] *= float(np.sqrt(np.prod(self.scale)))
        return out


def find(given: Sequence[str]) -> list[Source]:
    """The pictures and videos that the arguments mean, each once, in the order given, folders and globs sorted.

    Raises:
        UserError: an argument means nothing.
    """
    found: dict[Path, Source] = {}
    for text in given:
        path = Path(text)
        if path.is_dir():
            inside = sorted(p for p in path.rglob("*") if p.suffix.lower() in PICTURES | VIDEOS and p.is_file())
            if not inside:
                raise UserError(f"{text}: the folder holds no pictures or videos; name one that does")
            for p in inside:
                found.setdefault(p.resolve(), _source(p, p.relative_to(path)))
        elif path.is_file():
            found.setdefault(path.resolve(), _source(path, Path(path.name)))
        else:
            matches = [p for p in _matching(path) if p.is_file()]
            if not matches:
                raise UserError(f"{text}: no such file or folder, and no file matches it as a pattern")
            for p in matches:
                found.setdefault(p.resolve(), _source(p, Path(p.name)))
    return _distinct(list(found.values()))


def _matching(pattern: Path) -> list[Path]:
    """Paths that fit a pattern, sorted; links to folders are not followed below ``**`` (one may hold itself)."""
    try:
        found = Path(pattern.anchor).glob(str(pattern.relative_to(pattern.anchor)))
        hidden = any(part.startswith(".") for part in pattern.parts)
        return sorted(p for p in found if hidden or not any(part.startswith(".") for part in p.parts))
    except (ValueError, OSError, IndexError):  # no pattern at all
        return []


def _source(path: Path, below: Path) -> Source:
    return Source(path, plain(below.with_suffix("").as_posix()), path.suffix.lower() in VIDEOS)


def plain(name: str) -> str:
    """A file's name as text that can be written anywhere: bytes that are no UTF-8 become ``\\xNN``."""
    return name.encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")


def _distinct(sources: list[Source]) -> list[Source]:
    """Files whose names fall together, or with those of further faces (``x#2``) or frames, are called by their path."""
    count: dict[str, int] = {}
    for source in sources:
        count[source.name] = count.get(source.name, 0) + 1
    for source in sources:
        owner = re.sub(r"(@\d{6,})?(#\d+)?$", "", source.name)
        if owner != source.name and owner in count:
            count[source.name] += 1
    return [s if count[s.name] == 1 else Source(s.path, plain(s.path.as_posix()), s.video) for s in sources]


def length(source: Source) -> int:
    """How many pictures it holds: 1, or a video's frames as far as it tells."""
    if not source.video:
        return 1
    capture = cv2.VideoCapture(str(source.path))
    frames = int(capture.get(cv2.CAP_PROP_FRAME_COUNT))
    capture.release()
    return min(max(frames, 1), 10**7)


def shots(source: Source) -> Iterator[InputImage]:
    """The picture of a photograph, or the frames of a video one after the other.

    What cannot be read comes with ``image`` None and the reason.
    """
    if source.video:
        yield from _frames(source)
        return
    try:
        stored, scale = read_photograph(source.path, LARGE)
    except (UserError, OSError) as error:
        yield InputImage(source.name, source, None, plain(str(error)))
        return
    orientation = _orientation(source.path)
    turns, mirror = _UPRIGHT.get(orientation, (0, False))
    upright = np.rot90(stored, turns)
    upright = np.ascontiguousarray(upright[:, ::-1] if mirror else upright)
    yield InputImage(source.name, source, upright, orientation=orientation, scale=scale)


def _frames(source: Source) -> Iterator[InputImage]:
    capture = cv2.VideoCapture(str(source.path))
    try:
        if not capture.isOpened():
            yield InputImage(
                source.name, source, None, f"{plain(str(source.path))}: no readable video; copy it again, or convert it"
            )
            return
        total, rate = int(capture.get(cv2.CAP_PROP_FRAME_COUNT)), capture.get(cv2.CAP_PROP_FPS) or 25.0
        number = failed = 0
        while True:
            good, frame = capture.read()
            failed = 0 if good else failed + 1
            if not good and (number >= total or failed > UNREADABLE):  # a header may tell of any number
                break
            name, seconds = f"{source.name}@{number:06d}", number / rate
            if good:
                image = cv2.cvtColor(frame, cv2.COLOR_BGR2RGB)
                yield InputImage(name, source, image, frame=number, seconds=seconds)
            else:
                reason = f"{plain(str(source.path))}: frame {number} cannot be decoded"
                yield InputImage(name, source, None, reason, frame=number, seconds=seconds)
            number += 1
    finally:
        capture.release()


def _orientation(path: Path) -> int:
    try:
        with opened_by_pillow(path) as picture:
            return int(picture.getexif().get(0x0112, 1))
    except Exception:  # a picture that OpenCV reads and Pillow does not has no orientation for us
        return 1
