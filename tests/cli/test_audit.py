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


def test_a_full_set_that_is_no_mean_of_its_parts(pfbench: Any, tmp_path: Path) -> None:
    file = tmp_path / "table.csv"
    rows = (("full", "3.49"), ("common", "2.98"), ("challenging", "5.19"))
    file.write_text("method,dataset,subset,NME,FR@8\n" + "".join(f"LAB,300w,{s},{v},\n" for s, v in rows))
    done = pfbench("audit", file)
    assert done.code == 1 and "row 1: LAB, 300w, full: NME = 3.49 is not the mean of its parts" in done.out


def test_the_reported_rows_say_which_rule_they_break(pfbench: Any) -> None:
    done = pfbench("audit", "--reported")
    assert done.code == 1 and "LAB, 300w" in done.out and "3.408 to 3.418" in done.out
    assert "DCFE, cofw-pupil" in done.out and done.out.splitlines()[-1].endswith("impossible")
    assert pfbench("audit").code == 2
