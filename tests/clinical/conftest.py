"""The golden landmark sets of the clinical measures."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest


@pytest.fixture(scope="session")
def clinical(golden: Path) -> dict[str, Any]:
    """``clinical.json``: landmark sets, tools' outputs, reference values, statistics cases."""
    path = golden / "clinical.json"
    if not path.is_file():
        pytest.skip("needs golden/clinical.json, which is not distributed with the project")
    return json.loads(path.read_text(encoding="utf-8"))
