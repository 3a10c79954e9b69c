"""The audit finds what cannot be true, allows for rounding, and never takes fractions for percent unsaid."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from parface_bench.registry import UserError
from parface_bench.scoring.audit import Printed, audit_table, impossible


@pytest.fixture
def table(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str) -> Path:
        file = tmp_path / "t.csv"
        file.write_text(text)
        return file

    return write


def test_the_impossible_readme_row_and_its_consistent_log() -> None:
    assert impossible({"NME": 2.587, "FR@8": 0.0, "AUC@8": 67.668}) == []
    (fault,) = impossible({"NME": 2.587, "AUC@8": 44.201})
    assert "AUC@8 = 44.201 is below 1 - NME/8 = 67.65" in fault


@pytest.mark.parametrize(
    ("values", "says"),
    [
        ({"NME": "5.0", "FR@10": "10.0", "AUC@10": "91.0"}, ["AUC@10 = 91.0 is above 1 - FR@10"]),
        ({"NME": "2.00", "FR@10": "30.00"}, ["FR@10 = 30.00 is above NME/10 = 20.05"]),
        ({"NME": "3.00", "FR@8": "1.0", "FR@10": "2.0"}, ["FR@10 = 2.0 is above FR@8 = 1.0"]),
        ({"NME": "3.00", "AUC@8": "64.0", "AUC@10": "63.0"}, ["AUC@10 = 63.0 is below 1 - NME", "is below AUC@8"]),
        ({"NME": "-1.0"}, ["is negative"]),
        ({"AUC@10": "101.0"}, ["is above 100"]),
    ],
)
def test_each_bound(values: dict[str, object], says: list[str]) -> None:
    found = impossible(values)
    assert len(found) == len(says)
    for fault, part in zip(found, says, strict=True):
        assert part in fault


@settings(max_examples=200)
@given(
    seed=st.integers(0, 2**32 - 1),
    n=st.integers(1, 50),
    spread=st.floats(0.05, 20),
    digits=st.tuples(*[st.integers(0, 4)] * 5),
)
def test_true_rows_pass_however_they_are_rounded(seed: int, n: int, spread: float, digits: tuple[int, ...]) -> None:
    nme = np.random.default_rng(seed).gamma(2, spread, size=n)
    true = {"NME": nme.mean()}
    for t in (8, 10):
        true[f"FR@{t}"] = 100 * np.mean(nme > t)
        true[f"AUC@{t}"] = 100 * np.mean(np.maximum(0, 1 - nme / t))
    printed = {name: f"{value:.{d}f}" for (name, value), d in zip(true.items(), digits, strict=True)}
    assert impossible(printed) == []


def test_rounding_is_half_of_the_last_digit() -> None:
    assert (Printed.of("2.50").low, Printed.of("2.50").high) == pytest.approx((2.495, 2.505))
    assert (Printed.of("3").low, Printed.of("3").high) == pytest.approx((2.5, 3.5))
    assert Printed.of("44.2 %").text == "44.2"
    # NME 2.0 may be 2.04, so that AUC@10 = 79.6 is possible; NME 2.00 may not
    assert impossible({"NME": "2.0", "AUC@10": "79.6"}) == []
    assert impossible({"NME": "2.00", "AUC@10": "79.6"}) != []


def test_names_every_impossible_row(table: Callable[[str], Path]) -> None:
    audit = audit_table(
        table(
            "method,dataset,subset,NME,FR@8,AUC@8,AUC@10\n"
            "readme,300w,common,2.587,,44.201,\n"
            "log,300w,common,2.587,0.000,67.668,-\n"
            "\n"
            "other,wflw,full,4.02,,,60.5\n"
            "wrong,wflw,full,4.02,50.0,60.5,\n"
            "alone,wflw,full,4.02,,,\n"
        )
    )
    assert (audit.rows, audit.checked) == (5, 4)
    assert [(f.row, f.method, f.subset) for f in audit.impossible] == [(1, "readme", "common"), (4, "wrong", "full")]
    assert str(audit.impossible[0]).startswith("row 1: readme, 300w, common: AUC@8 = 44.201")
    assert audit.notes == []


def test_fractions_are_recognised_and_said(table: Callable[[str], Path]) -> None:
    audit = audit_table(table("method,NME,FR@10,AUC@10\na,4.02,2.32,.605\nb,4.06,2.08,.606\nc,4.06,2.08,.300\n"))
    assert audit.notes == ["column 'AUC@10' holds nothing above 1: read as fractions, not percent"]
    assert [f.method for f in audit.impossible] == ["c"]


def test_one_fraction_among_percent_is_named(table: Callable[[str], Path]) -> None:
    audit = audit_table(table("method,NME,AUC@10\na,4.02,60.5\nb,4.06,0.606\n"))
    assert [f.method for f in audit.impossible] == ["b"]
    assert "looks like a fraction" in str(audit.impossible[0])


def test_a_hopeless_method_is_no_fraction(table: Callable[[str], Path]) -> None:
    audit = audit_table(table("method,NME,FR@10,AUC@10\na,31.2,95.0,0.9\n"))
    assert audit.notes == [] and audit.impossible == []


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "holds no rows"),
        ("method,NME,AUC@8\n", "holds no rows"),
        ("name,NME,AUC@8\na,1,2\n", "needs the columns method, NME"),
        ("method,NME\na,1\n", "at least one FR@t or AUC@t"),
        ("method,NME,AUC\na,1,2\n", "column 'AUC' does not tell its threshold"),
        ("method,NME,AUC@0\na,1,2\n", "column 'AUC@0': a threshold must be above 0"),
        ("method,NME,AUC@8\na,1,high\n", "row 1, column 'AUC@8': found 'high'"),
        ("method,NME,AUC@8\na,1\n", "row 1: it has 2 columns, the header has 3"),
        ("method,NME,NME,AUC@8\na,1,1,1\n", "a column occurs more than once"),
    ],
)
def test_wrong_tables(table: Callable[[str], Path], text: str, says: str) -> None:
    with pytest.raises(UserError, match=says):
        audit_table(table(text))
