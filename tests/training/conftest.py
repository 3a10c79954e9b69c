"""Fixtures: the dots, and a run on them in this process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from parface_bench.registry import catalogue

PLUGIN = Path(__file__).with_name("dots.py")
QUICK = ("image_size=32", "train.epochs=3", "train.batch_size=8", "train.validate_every=1", "log.pictures=0",
         "train.augment.none=true", "train.amp=off")  # fmt: skip


@pytest.fixture(scope="session", autouse=True)
def _plugin() -> None:
    torch.set_num_threads(1)
    if "dot-net" not in catalogue["method"]:
        catalogue.load_file(PLUGIN)


@pytest.fixture(scope="session")
def dots_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return sys.modules["pfbench_plugin_dots"].make_root(tmp_path_factory.mktemp("dots"))


@pytest.fixture
def run(dots_root: Path, tmp_path: Path) -> Callable[..., Any]:
    """``run(method, *overrides, **options)`` on the dots, into the test's own folder."""
    import parface_bench as pf

    def go(method: str = "dot-net", *overrides: str, **options: Any) -> Any:
        options = {
            "data_root": dots_root,
            "out": tmp_path / "runs",
            "store": tmp_path / "store",
            "profile": "quick",
            "device": "cpu",
            "overrides": [*QUICK, *overrides],
            **options,
        }
        return pf.run(method, options.pop("dataset", "dots"), **options)

    return go
