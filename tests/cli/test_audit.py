"""``pfbench audit``."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

GOOD = "log,300w,common,2.587,0.000,67.668\n"
BAD = "readme,300w,common,2.587,0.000,44.201\n"
HEADER = "method,dataset,subset,NME,FR@8,AUC@8\n"


def test_impossible_row_is_named_and_fails(pfbench: Any, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(HEADER + GOOD + BAD)
    done = pfbench("audit", file)
    assert done.code == 1
    assert "row 2: readme, 300w, common: AUC@8 = 44.201 is below" in done.out
    assert "log" not in done.out
    assert done.out.splitlines()[-1] == "2 of 2 rows checked, 1 impossible"


def test_consistent_table_passes(pfbench: Any, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(HEADER + GOOD)
    done = pfbench("audit", file)
    assert done.code == 0 and done.out == "1 of 1 rows checked, none impossible\n"


def test_json(pfbench: Any, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(HEADER + BAD + GOOD.replace("67.668", "0.677"))
    done = pfbench("audit", file, "--json")
    assert done.code == 1
    document = json.loads(done.out)
    assert [fault["method"] for fault in document["impossible"]] == ["readme", "log"]


def test_fractions_are_announced(pfbench: Any, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    file.write_text(HEADER + GOOD.replace("67.668", ".67668"))
    done = pfbench("audit", file)
    assert done.code == 0
    assert "column 'AUC@8' holds nothing above 1: read as fractions, not percent" in done.err


def test_bad_file(pfbench: Any, tmp_path: Path) -> None:
    done = pfbench("audit", tmp_path / "none.csv")
    assert done.code == 2 and "cannot be read: No such file" in done.err and done.out == ""
