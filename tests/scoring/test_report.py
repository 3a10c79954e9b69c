"""The per-subset table on the screen."""

from __future__ import annotations

from typing import Any

from parface_bench.scoring.report import SHOWN, subset_table


def document(subsets: list[str]) -> dict[str, Any]:
    row = {"n": 4, "NME": {"value": 2.5, "ci95": [2.0, 3.0]}, "FR@10": {"value": 25.0, "ci95": [0.0, 50.0]}}
    return {"protocol": "300w", "protocol_version": 1, "subsets": dict.fromkeys(("full", *subsets), row)}


def test_values_intervals_and_failures_are_printed() -> None:
    text = subset_table(document(["common"]))
    assert "2.500 ±0.500" in text and "25.000 (1) ±25.000" in text and "common" in text


def test_subsets_by_the_values_of_a_tag_are_shown_while_they_are_few() -> None:
    assert "source=afw" in subset_table(document(["source=afw"]))


def test_of_many_subsets_those_by_tag_values_are_counted() -> None:
    text = subset_table(document(["occluded", *(f"look={k}" for k in range(SHOWN))]))
    assert "occluded" in text and "look=3" not in text
    assert text.endswith(f"{SHOWN} more subsets by look in the JSON document")
