"""Where a result comes from: code version, environment, configuration hash, run id."""

from __future__ import annotations

import hashlib
import json
import os
import platform
import secrets
import shlex
import subprocess
import sys
from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

PACKAGES = ("torch", "torchvision", "timm", "mmengine-lite", "numpy", "scipy", "pandas", "opencv-python-headless")
# Entries of a configuration, or of the recipe in it, that say where and how a run was made, not what was computed.
NOT_IDENTITY = frozenset({"seed", "out", "data_root", "device", "resume", "store", "loading", "log"})


@cache
def code_version() -> dict[str, Any]:
    """Package version, and the commit where the package runs from a git checkout (``modified``: with local changes)."""
    try:
        package = version("parface-bench")
    except PackageNotFoundError:
        from parface_bench import __version__ as package
    root = Path(__file__).resolve().parents[2]
    if not (root / ".git").exists() or not (root / "pyproject.toml").is_file():
        return {"package": package, "commit": None, "modified": None}
    commit, changes = _git(root, "rev-parse", "HEAD"), _git(root, "status", "--porcelain", "--untracked-files=no")
    return {"package": package, "commit": commit or None, "modified": None if changes is None else bool(changes)}


def environment() -> dict[str, Any]:
    """Python, platform, number of CPUs and the versions of what computes; no host names and no paths."""
    found = {}
    for name in PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return {
        "python": platform.python_version(),
        "platform": f"{platform.system()} {platform.machine()}",
        "cpus": os.cpu_count() or 1,
        "packages": found,
    }


def config_hash(config: Mapping[str, Any]) -> str:
    """Sixteen hex digits that name a configuration; the seed and places (``NOT_IDENTITY``) do not count."""
    kept = _identity(config)
    if isinstance(kept.get("recipe"), Mapping):
        kept["recipe"] = _identity(kept["recipe"])
    text = json.dumps(kept, sort_keys=True, separators=(",", ":"), default=plain)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def _identity(config: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in config.items() if key not in NOT_IDENTITY}


def new_run_id(seed: int | None = None) -> str:
    """A run's name, sortable by time and unique between processes: ``20260131-235959-s0-1a2b3c4d``."""
    middle = "" if seed is None else f"s{seed}-"
    return f"{datetime.now(UTC):%Y%m%d-%H%M%S}-{middle}{secrets.token_hex(4)}"


def command() -> str:
    """The ``pfbench`` command that this process is, as typed but without places of this machine; '' in a notebook."""
    return shlex.join(["pfbench", *without_places(sys.argv[1:])]) if Path(sys.argv[0]).stem == "pfbench" else ""


def without_places(words: Iterable[str]) -> list[str]:
    """The words of a command, absolute paths (also those after ``KEY=``) shortened to their last part."""
    found = []
    for word in words:
        key, equals, value = word.partition("=")
        if not equals or key.startswith(("/", "~")):
            key, equals, value = "", "", word
        path = Path(value)
        found.append(f"{key}{equals}{path.name or '.'}" if path.is_absolute() or value.startswith("~") else word)
    return found


def now() -> str:
    """The present in UTC, ISO 8601, to the second."""
    return f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%SZ}"


def plain(value: Any) -> Any:
    """``json.dumps(default=...)``: numpy scalars and arrays, sets, paths and mappings as plain JSON values."""
    if hasattr(value, "tolist"):
        return value.tolist()
    if isinstance(value, Mapping):
        return dict(value)
    if isinstance(value, (set, frozenset)):
        return sorted(value)
    if isinstance(value, Iterable) and not isinstance(value, (bytes, Path)):
        return list(value)
    return str(value)


def _git(root: Path, *arguments: str) -> str | None:
    try:
        done = subprocess.run(["git", "-C", str(root), *arguments], capture_output=True, text=True, timeout=10)
    except (OSError, subprocess.TimeoutExpired):
        return None
    return done.stdout.strip() if done.returncode == 0 else None
