"""Shared fixtures: where the golden numbers and the real photographs lie, if they are there."""

from __future__ import annotations

import os
import random
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from parface_bench.registry import catalogue
from parface_bench.registry.declare import MARK

# the same examples at every run, however busy the machine: chance is for the fuzzer of benchmarks/campaigns
settings.register_profile("suite", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("suite")

ROOT = Path(__file__).resolve().parents[1]
SHARED = Path(os.environ.get("PFBENCH_SHARED", ROOT.parent / "shared"))


def _need(path: Path) -> Path:
    if not path.exists():
        pytest.skip(f"needs {path.name}, which is not distributed with the project (set PFBENCH_SHARED)")
    return path


@pytest.fixture(scope="session")
def golden() -> Path:
    """Folder of golden numbers of the original code."""
    return _need(SHARED / "golden")


@pytest.fixture(scope="session")
def real_data() -> Path:
    """Folder of real photographs and annotations."""
    return _need(SHARED / "data")


@pytest.fixture(autouse=True)
def _own_home(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keep the tests away from the developer's caches, remembered roots and stores."""
    home = tmp_path_factory.getbasetemp() / "home"
    monkeypatch.setenv("PFBENCH_HOME", str(home))
    for name in [n for n in os.environ if n.startswith("PFBENCH_DATA")]:
        monkeypatch.delenv(name)


@pytest.fixture(autouse=True)
def _own_chance() -> None:
    """What a test draws without a seed does not depend on the tests before it, nor on the run."""
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries draw from it
    if torch := sys.modules.get("torch"):
        torch.manual_seed(0)


@pytest.fixture(autouse=True)
def _own_plugins(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What a test breaks or declares on purpose is not met in the next one; what is said once a process, is said."""
    if source := sys.modules.get("parface_bench.data.source"):
        monkeypatch.setattr(source, "_said", set())
    before = list(catalogue.broken)
    yield
    catalogue.broken[:] = before
    vars(request.module).pop(MARK, None)
