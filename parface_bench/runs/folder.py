"""Run folders: OUT/DATASET/METHOD/RUN_ID/, one writer each, found again by their configuration."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from filelock import FileLock, Timeout

from parface_bench.atomic import TEMPORARY, write_atomic
from parface_bench.limits import read_file, read_yaml
from parface_bench.registry import UserError
from parface_bench.results.provenance import config_hash, new_run_id, plain
from parface_bench.results.record import RESULT, folder_name

CONFIG = "config.yaml"
CHECKPOINT = "checkpoint.pt"
LOG = "log.txt"


@dataclass
class RunFolder:
    """The folder of one run, held by this process until :meth:`release`.

    Attributes:
        path: the folder.
        finished: it holds a result already, though perhaps not yet recorded.
        found: it was there before (``--resume``).
    """

    path: Path
    lock: FileLock | None = None
    finished: bool = False
    found: bool = False

    def release(self) -> None:
        """Let other processes have it."""
        if self.lock is not None:
            # unlinked while it is held: afterwards it could be another process's
            Path(self.lock.lock_file).unlink(missing_ok=True)
            self.lock.release()


def claim(out: Path, config: Mapping[str, Any], *, resume: bool) -> RunFolder:
    """A folder for a run of this configuration.

    Args:
        out: folder of all runs.
        config: what :data:`CONFIG` will hold; ``dataset``, ``method`` and ``seed`` name the place.
        resume: take the newest run of the same configuration and seed that no process is working on; where there is
            none, a new folder.

    Raises:
        UserError: the folder cannot be made.
    """
    base = out / folder_name(config["dataset"]) / folder_name(config["method"])
    if resume:
        # by the time of writing, since two runs may have begun within one second of their names
        for path in sorted(base.glob(f"*/{CONFIG}"), key=lambda p: (p.stat().st_mtime_ns, p.parent.name), reverse=True):
            if not _same(path, config):
                continue
            folder = path.parent
            try:
                lock = _lock(folder)
            except OSError as error:
                raise UserError(f"{folder} cannot be gone on with ({error.strerror}): is it writable?") from error
            for half in folder.rglob(TEMPORARY) if lock else ():  # what a kill left of a file that was being written
                half.unlink(missing_ok=True)
            if (folder / RESULT).is_file():
                return RunFolder(folder, lock, finished=True, found=True)
            if lock is not None:
                return RunFolder(folder, lock, found=True)
    folder, lock = base / new_run_id(config["seed"]), None
    try:
        folder.mkdir(parents=True)
        lock = _lock(folder)
        text = yaml.safe_dump(_plain(config), sort_keys=False, allow_unicode=True)
        write_atomic(folder / CONFIG, text)
    except OSError as error:
        RunFolder(folder, lock).release()
        raise UserError(
            f"cannot make the run's folder {folder} ({error.strerror}); choose another with --out"
        ) from error
    return RunFolder(folder, lock)


def open_log(folder: Path | None) -> logging.Logger:
    """A logger that writes to the run's log, or nowhere (processes other than the first)."""
    logger = logging.getLogger(f"pfbench.{folder or 'silent'}")
    logger.propagate = False
    logger.setLevel(logging.INFO)
    for handler in list(logger.handlers):
        logger.removeHandler(handler)
        handler.close()
    if folder is None:
        logger.addHandler(logging.NullHandler())
    else:
        handler = _Log(folder / LOG, encoding="utf-8")
        handler.setFormatter(logging.Formatter("%(asctime)s %(message)s", "%Y-%m-%d %H:%M:%S"))
        logger.addHandler(handler)
    return logger


class _Log(logging.FileHandler):
    """A log that a full disk does not disturb: the next file that matters tells of it."""

    def handleError(self, record: logging.LogRecord) -> None:
        pass


def _lock(folder: Path) -> FileLock | None:
    lock = FileLock(folder / ".lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        return None
    return lock


def _same(path: Path, config: Mapping[str, Any]) -> bool:
    try:
        there = read_yaml(read_file(path, 16 << 20).decode("utf-8"), str(path))
    except (OSError, UserError, UnicodeDecodeError):
        return False
    wanted = _plain(config)
    return isinstance(there, dict) and there.get("seed") == wanted["seed"] and config_hash(there) == config_hash(wanted)


def _plain(config: Mapping[str, Any]) -> dict[str, Any]:
    import json

    return json.loads(json.dumps(config, default=plain))
