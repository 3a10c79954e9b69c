"""A hook of mkdocs: the board of all results recorded in the repository becomes a page of the site, ``board.html``."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any


def on_post_build(config: Any, **_: Any) -> None:
    """Write the board into the finished site, as ``pfbench leaderboard`` writes it.

    Raises:
        subprocess.CalledProcessError: the board cannot be made; the build fails with it.
    """
    store = Path(config["config_file_path"]).parent / "leaderboards"
    out = Path(config["site_dir"]) / "board.html"
    board = ("leaderboard", "--store", str(store), "--reported", "--format", "html", "--out", str(out), "--force")
    subprocess.run([sys.executable, "-m", "parface_bench.cli.main", *board], check=True)
