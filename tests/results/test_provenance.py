"""What a result says of the call that made it."""

from __future__ import annotations

import pytest

from parface_bench.results.provenance import without_places


@pytest.mark.parametrize(
    ("typed", "kept"),
    [
        ("/home/ann/data/wflw", "wflw"), ("--gt=/home/ann/t.csv", "--gt=t.csv"), ("~/t.csv", "t.csv"),
        ("method.weights=/home/ann/w.pt", "method.weights=w.pt"), ("/a=b/c.csv", "c.csv"), ("/", "."),
        ("tables/t.csv", "tables/t.csv"), ("heatmap", "heatmap"), ("train.epochs=5", "train.epochs=5"), ("", ""),
    ],
)  # fmt: skip
def test_no_place_of_a_machine_is_kept(typed: str, kept: str) -> None:
    assert without_places([typed]) == [kept]
