"""What an interrupted ``pfbench predict`` had found: kept beside its results until they are whole."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, TextIO

import numpy as np

from parface_bench.atomic import write_atomic
from parface_bench.predicting.predict import Face
from parface_bench.predicting.shots import Source
from parface_bench.registry.errors import UserError, WorkError

JOURNAL = ".predictions.unfinished.jsonl"
_ARRAYS = ("box", "points", "sure")
_FIELDS = ("id", "image", "frame", "seconds", "score", "reason", "track", *_ARRAYS)


class Journal:
    """A line of JSON for the settings, then a line for each picture or video that is done.

    A line that is cut off or damaged counts as not there, and so does a picture whose file has changed since.
    """

    def __init__(self, folder: Path | None, settings: Mapping[str, Any]) -> None:
        """Read what a run of the same settings left behind, and make the file ready for more.

        Args:
            folder: of the results; None: nothing is kept.
            settings: all that decides what is found, as JSON values.

        Raises:
            UserError: the folder cannot be written.
        """
        self.path = None if folder is None else folder / JOURNAL
        self._found: dict[str, list[Face]] = {}
        self._out: TextIO | None = None
        if self.path is None:
            return
        head, kept = json.dumps(settings, sort_keys=True), []
        try:
            lines = self.path.read_bytes().split(b"\n")[:-1] if self.path.is_file() else []
            for line in lines[1:] if lines and lines[0] == head.encode() else []:
                entry = _picture(line)
                if entry is not None:
                    self._found[entry[0]] = entry[1]
                    kept.append(line)
            write_atomic(self.path, b"".join(line + b"\n" for line in (head.encode(), *kept)))
            self._out = self.path.open("a", encoding="utf-8")
        except OSError as error:
            raise UserError(_unwritable(self.path, error)) from None

    def known(self, source: Source) -> list[Face] | None:
        """The faces of a picture or video that was done, else None."""
        return self._found.get(_key(source))

    def add(self, source: Source, faces: Sequence[Face]) -> None:
        """Keep the faces of a picture or video that is done.

        Raises:
            WorkError: the folder cannot be written.
        """
        if self.path is None or self._out is None:
            return
        try:
            self._out.write(json.dumps([_key(source), [_entry(face) for face in faces]]) + "\n")
            self._out.flush()
        except OSError as error:
            raise WorkError(_unwritable(self.path, error)) from None

    def close(self) -> None:
        """Let go of the file."""
        if self._out is not None:
            self._out.close()

    def remove(self) -> None:
        """Forget everything: the results are written."""
        if self.path is not None:
            self.path.unlink(missing_ok=True)


def state(path: str | Path | None) -> list[Any] | None:
    """Name, size and time of a file, which change when its content does; None where there is no such file."""
    if path is None or not Path(path).is_file():
        return None
    stat = Path(path).stat()
    return [str(Path(path).resolve()), stat.st_size, stat.st_mtime_ns]


def _key(source: Source) -> str:
    return json.dumps([source.name, str(source.path), state(source.path)])


def _picture(line: bytes) -> tuple[str, list[Face]] | None:
    """The key and the faces of a picture's line; None where it is none."""
    try:
        key, faces = json.loads(line)
        return str(key), [_face(entry) for entry in faces]
    except (ValueError, TypeError, KeyError):
        return None


def _entry(face: Face) -> dict[str, Any]:
    values = {name: getattr(face, name) for name in _FIELDS}
    return {name: v.tolist() if isinstance(v, np.ndarray) else v for name, v in values.items()}


def _face(entry: Mapping[str, Any]) -> Face:
    arrays = {name: None if entry[name] is None else np.array(entry[name], dtype=np.float64) for name in _ARRAYS}
    return Face(**{**entry, **arrays})


def _unwritable(path: Path, error: OSError) -> str:
    return f"{path.parent}: cannot be written ({error.strerror}); give another folder with --out"
