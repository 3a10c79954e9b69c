"""The one folder outside the project where pfbench keeps caches and remembered settings."""

from __future__ import annotations

import os
from pathlib import Path


def home() -> Path:
    """``$PFBENCH_HOME``, else ``$XDG_CACHE_HOME/parface-bench``, else ``~/.cache/parface-bench`` (not created)."""
    own = os.environ.get("PFBENCH_HOME")
    if own:
        return Path(own)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "parface-bench"
