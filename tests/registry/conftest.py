"""A catalogue of its own for each test, and plugin files to load into it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from textwrap import dedent

import pytest

from parface_bench.registry import Catalogue


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    """A fresh catalogue; what a test declares or imports does not outlive it."""
    modules = set(sys.modules)
    yield Catalogue()
    for name in set(sys.modules) - modules:
        if name.startswith(("pfbench_plugin_", "tiny_")):
            del sys.modules[name]


@pytest.fixture
def plugin_file(tmp_path: Path) -> Callable[[str, str], Path]:
    """Write a plugin file: ``plugin_file("name.py", source)``."""

    def write(name: str, source: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(dedent(source), encoding="utf-8")
        return path

    return write
