"""Which rows have seen the faces that they are scored on."""

from __future__ import annotations

import json

import pytest

from parface_bench.leaderboard.board import build_tables
from parface_bench.leaderboard.table import Selection
from parface_bench.registry import DATASETS, METHODS
from parface_bench.results.contamination import contaminated
from parface_bench.results.record import record
from parface_bench.results.result import load_result


@pytest.mark.parametrize(
    ("seen", "dataset", "splits", "mark"),
    [
        # a set that is not registered: names alone
        (["toy"], "toy", ["test"], True),
        (["toy:train"], "toy", ["test"], False),
        (["toy:test"], "toy", ["test"], True),
        (["toy:test"], "toy", [], True),
        ([], "toy", ["test"], False),
        # 300W: the parts of its full test set
        (["300w:train"], "300w", ["full"], False),
        (["300w:train"], "300w", ["common"], False),
        (["300w:train"], "300w", ["train"], True),
        (["300w:common"], "300w", ["full"], True),
        (["300w:full"], "300w", ["challenging"], True),
        (["300w:full"], "300w", ["private"], False),
        (["300w"], "300w", ["private"], True),
        (["300w:helen/testset"], "300w", ["common"], True),  # no split of 300w: may mean any part of it
        # sets that show each other's photographs
        (["menpo2d:train"], "300w", ["full"], False),
        (["menpo2d:train"], "300w", ["train"], True),
        (["menpo2d:full"], "300w", ["common"], True),
        (["300w:common"], "menpo2d", ["full"], True),
        (["300w-lp:train"], "300w", ["full"], True),
        (["300w-lp:train"], "300w", ["private"], False),
        (["300w-lp"], "menpo2d", ["common"], True),
        (["300w-lp:train"], "aflw2000-3d", ["test"], False),
        (["300w:train"], "aflw2000-3d", ["test"], False),
        (["aflw:train"], "aflw2000-3d", ["test"], True),
        (["aflw:train"], "merl-rav", ["test"], True),
        (["aflw:train"], "aflw", ["full"], False),
        (["aflw:full"], "aflw", ["frontal"], True),
        (["lapa:train"], "300w", ["full"], True),
        (["ls3d"], "aflw2000-3d", ["test"], True),
        (["cofw:train"], "cofw68", ["test"], False),
        (["cofw"], "cofw68", ["test"], True),
        (["300w-lp:train"], "300w-lp", ["val"], False),
        (["300w-lp:all"], "300w-lp", ["val"], True),
        (["wflw:train", "celeba:all"], "wflw", ["test"], False),
        (["celeba:all"], "celeba", ["test"], True),
        (["palsy-twin:train"], "palsy", ["parface"], False),
        (["palsy:train"], "palsy", ["parface"], False),
        (["palsy:full"], "palsy", ["parface"], True),
    ],
)
def test_contamination_is_by_data_set_split_and_shared_photographs(seen, dataset, splits, mark):
    assert contaminated(seen, dataset, splits) is mark


def test_what_data_sets_say_of_each_other_names_splits_that_there_are():
    for spec in DATASETS:
        for split, names in spec.overlaps.items():
            assert split in spec.splits, (spec.name, split)
            assert not isinstance(names, str)
            for name in names:
                dataset, _, part = name.partition(":")
                assert part == "" or part in DATASETS.spec(dataset).splits, (spec.name, name)
    for method in METHODS:
        for name in method.trained_on:
            dataset, _, part = name.partition(":")
            assert dataset not in DATASETS or part == "" or part in DATASETS.spec(dataset).splits, (method.name, name)


def test_an_older_record_is_marked_by_what_is_known_today(make, tmp_path):
    """The mark in a record is never taken away, but may be added when a data set says what it shares."""
    for name, said in (("old", False), ("clean", False)):
        seen = ["300w-lp:train"] if name == "old" else ["300w:train"]
        record(make(name, 3.0, dataset="300w", split=["full"], trained_on=seen, contaminated=said), None, tmp_path)
    results = [load_result(path.parent) for path in sorted(tmp_path.rglob("result.json"))]
    assert not any(json.loads((r.folder / "result.json").read_text())["contaminated"] for r in results)
    [table] = build_tables(results, Selection())
    assert {row.method: row.contaminated for row in table.rows} == {"old": True, "clean": False}
