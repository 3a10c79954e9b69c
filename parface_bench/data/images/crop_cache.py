"""Crops kept decoded: a memory-mapped file of uint8 crops that fills while they are first read, and outlives a kill."""

from __future__ import annotations

import contextlib
import hashlib
import json
import shutil
import tempfile
import time
import weakref
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
from filelock import FileLock, Timeout

from parface_bench.data.images.archive import locate
from parface_bench.data.images.crop import Crop
from parface_bench.home import home
from parface_bench.registry.errors import WorkError, check_known

_PREFIX, _LOCK, _YOUNG = "pfbench-crops-", ".lock", 60.0  # seconds
MODES = ("auto", "memory", "disk", "off")
_VERSION = 1


class CropCache:
    """Crops of N faces, each there or not yet. Several processes may fill one at the same time.

    A crop counts as there only once its flag is set, which happens after its pixels are written; two writers of one
    crop write the same pixels. Pickling keeps the file, not its content.
    """

    def __init__(self, folder: Path, faces: int, side: int) -> None:
        """Open or begin the cache in a folder.

        Raises:
            WorkError: the folder cannot be written, or has no room.
        """
        self.folder, self.faces, self.side = folder, faces, side
        try:
            folder.mkdir(parents=True, exist_ok=True)
            for name, size in (("crops.u8", faces * side * side * 3), ("there.u8", faces)):
                path = folder / name
                if not path.is_file() or path.stat().st_size != size:
                    with path.open("wb") as file:
                        file.truncate(size)
            room = shutil.disk_usage(folder).free
        except OSError as error:
            raise WorkError(f"{folder}: no crop cache can be kept ({error.strerror}); set loading.cache=off") from None
        needed = int((self._open_flags() == 0).sum()) * side * side * 3
        if needed > room:
            raise WorkError(
                f"{folder}: the crop cache needs {needed / 2**30:.1f} GiB and {room / 2**30:.1f} GiB are free; "
                "make room or set loading.cache=off"
            )
        self._open()

    def _open_flags(self) -> np.ndarray:
        return np.memmap(self.folder / "there.u8", np.uint8, "r+", shape=(self.faces,))

    def _open(self) -> None:
        self._there = self._open_flags()
        shape = (self.faces, self.side, self.side, 3)
        self._crops = np.memmap(self.folder / "crops.u8", np.uint8, "r+", shape=shape)

    def __getstate__(self) -> dict[str, Any]:
        return {"folder": self.folder, "faces": self.faces, "side": self.side}

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._open()

    def missing(self, faces: np.ndarray) -> np.ndarray:
        """Those of ``faces`` (positions) that are not there yet."""
        return faces[self._there[faces] == 0]

    def put(self, face: int, crop: np.ndarray) -> None:
        """Keep a crop, uint8 [side, side, 3]."""
        self._crops[face] = crop
        self._there[face] = 1

    def get(self, faces: np.ndarray) -> np.ndarray:
        """A copy of the crops of these faces, uint8 [B, side, side, 3]."""
        return np.asarray(self._crops[faces])

    @property
    def filled(self) -> float:
        """Share of the crops that are there."""
        return float(np.mean(self._there)) if self.faces else 1.0


def open_cache(mode: str, frames: Sequence[pd.DataFrame], crop: Crop, gib: float) -> CropCache | None:
    """The cache that a recipe's ``loading`` asks for.

    Args:
        mode: ``auto`` (a temporary file, or none where the crops need more than ``gib``), ``memory`` (a temporary
            file that lives in memory where the system has such a folder), ``disk`` (kept for later runs), ``off``.
        frames: index tables with ``attrs["root"]``.
        crop: the geometry, margin included.
        gib: most that ``auto`` may use.
    """
    check_known([mode], MODES, "loading.cache", "does not exist")
    faces, side = sum(map(len, frames)), crop.full_size
    size = faces * side * side * 3
    if mode == "off" or not faces or (mode == "auto" and size > gib * 2**30):
        return None
    if mode == "disk":
        return CropCache(home() / "crops" / _key(frames, crop), faces, side)
    _remove_abandoned(Path("/dev/shm"), Path(tempfile.gettempdir()))  # nosec B108 - folders made by mkdtemp
    folder = Path(tempfile.mkdtemp(prefix=_PREFIX, dir=_memory_folder(size)))
    lock = FileLock(folder / _LOCK)
    lock.acquire()
    cache = CropCache(folder, faces, side)
    weakref.finalize(cache, _remove, folder, lock)
    return cache


def _remove(folder: Path, lock: FileLock) -> None:
    shutil.rmtree(folder, ignore_errors=True)
    lock.release()


def _remove_abandoned(*places: Path) -> None:
    """Remove what killed processes left, which would fill the memory: folders that no process holds."""
    for folder in (f for place in places for f in place.glob(f"{_PREFIX}*")):
        with contextlib.suppress(OSError, Timeout):
            if time.time() - folder.stat().st_mtime < _YOUNG:  # its owner may be about to lock it
                continue
            lock = FileLock(folder / _LOCK)
            lock.acquire(timeout=0)
            _remove(folder, lock)


def _memory_folder(size: int) -> Path | None:
    """A folder in memory with ample room, or None for the system's temporary folder."""
    folder = Path("/dev/shm")  # nosec B108 - the place; mkdtemp makes a folder that is the user's alone
    with contextlib.suppress(OSError):
        if folder.is_dir() and shutil.disk_usage(folder).free > 2 * size:
            return folder
    return None


def _key(frames: Sequence[pd.DataFrame], crop: Crop) -> str:
    """Changes with the faces, with what fixes their crops, and with size or date of any picture."""
    digest = hashlib.sha256(json.dumps([_VERSION, crop.config()], sort_keys=True).encode())
    stats: dict[Path, tuple[int, int]] = {}
    for frame in frames:
        digest.update(str(frame.attrs.get("fingerprint", "")).encode())
        for id, ref in zip(frame["id"], frame["image"], strict=True):
            path, _ = locate(frame.attrs["root"], ref)
            if path not in stats:
                stat = path.stat() if path.is_file() else None
                stats[path] = (stat.st_size, stat.st_mtime_ns) if stat else (0, 0)
            digest.update(repr((id, ref, stats[path])).encode())
    return digest.hexdigest()[:24]
