"""The built-in plugins. They come in through the entry point ``parface_bench``, like anybody else's."""

from __future__ import annotations

from importlib import import_module
from typing import Any

from parface_bench.registry.specs import PLURALS


def pfbench_register(registry: Any) -> None:
    """Declare every built-in: each kind's package lists its specifications in ``PLUGINS``."""
    for spec in import_module("parface_bench.plugins.datasets").LAYOUTS:
        registry.add(spec)
    for package in PLURALS.values():
        if package == "layouts":  # they come with the data sets
            continue
        for spec in import_module(f"parface_bench.plugins.{package}").PLUGINS:
            registry.add(spec)
