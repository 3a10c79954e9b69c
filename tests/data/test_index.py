"""The index table: made from labels, held to its contract, fingerprinted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from parface_bench.data import cache
from parface_bench.data.faults import gather
from parface_bench.data.index import fingerprint, index, join, stack, validate
from parface_bench.registry import UserError


def faces(n: int = 3, **changes: object) -> pd.DataFrame:
    labels = pd.DataFrame(
        {"file": [f"a/{i}.jpg" for i in range(n)], "side": ["left", "right", None][:n], "old": [True, False, True][:n]}
    )
    columns: dict = {
        "landmarks": lambda r: np.arange(10.0).reshape(5, 2) + int(r.file[2]),
        "yaw": lambda r: 0.5,
    } | changes
    return index(labels, image="file", split="test", tags=["side", "old"], **columns)


def test_columns_and_ids() -> None:
    frame = faces()
    assert list(frame.columns) == ["id", "image", "landmarks", "bbox", "split", "yaw", "side", "old"]
    assert list(frame["id"]) == ["a/0", "a/1", "a/2"]
    assert frame.attrs["tags"] == ["side", "old"]
    assert stack(frame).shape == (3, 5, 2)


def test_stack_names_the_face() -> None:
    frame = faces()
    frame["landmarks"] = pd.Series([np.zeros((5 - i % 2, 2)) for i in range(3)], dtype=object)
    with pytest.raises(UserError, match=r"'a/1'.*\(5, 2\).*\(4, 2\)"):
        stack(frame)


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda f: f.drop(columns="bbox"), "lacks bbox"),
        (lambda f: f.assign(id="same"), "unique"),
        (lambda f: f.assign(landmarks=pd.Series([np.zeros((5, 3))] * 3, dtype=object)), r"\(5, 3\), not \(5, 2\)"),
        (lambda f: f.assign(landmarks=pd.Series([np.full((5, 2), np.nan)] * 3, dtype=object)), "no finite"),
        (lambda f: f.assign(visible=pd.Series([np.ones(4, bool)] * 3, dtype=object)), "4 visibilities"),
    ],
)
def test_contract(spoil, words: str) -> None:
    validate(faces(), "here", points=5, dims=2)
    with pytest.raises(UserError, match=words):
        validate(spoil(faces()), "here", points=5, dims=2)


def test_nan_is_allowed_where_not_visible() -> None:
    marks, seen = np.zeros((5, 2)), np.ones(5, dtype=bool)
    marks[2], seen[2] = np.nan, False
    validate(faces(landmarks=lambda r: marks, visible=lambda r: seen), "here", points=5)
    seen[2] = True
    with pytest.raises(UserError, match="no finite"):
        validate(faces(landmarks=lambda r: marks, visible=lambda r: seen), "here", points=5)


def test_join_keeps_tags() -> None:
    both = join([faces(), faces().assign(id=["x", "y", "z"])])
    assert (len(both), both.attrs["tags"]) == (6, ["side", "old"])


class TestFingerprint:
    def test_order_place_and_name_do_not_count(self) -> None:
        frame = faces()
        moved = frame.iloc[[2, 0, 1]].assign(image="elsewhere.png", split="other", score=1.0)
        moved.attrs = frame.attrs
        assert fingerprint(moved) == fingerprint(frame)

    def test_the_last_bits_do_not_count(self) -> None:
        nudge = np.nextafter
        near = faces(landmarks=lambda r: nudge(nudge(np.arange(10.0).reshape(5, 2) + int(r.file[2]), np.inf), np.inf))
        assert fingerprint(near) == fingerprint(faces())

    @pytest.mark.parametrize(
        "change",
        [
            lambda f: f.iloc[:2],
            lambda f: f.assign(id=["a/0", "a/1", "a/3"]),
            lambda f: f.assign(side="left"),
            lambda f: f.assign(old=False),
            lambda f: f.assign(yaw=0.6),
            lambda f: f.assign(bbox=pd.Series([np.arange(4.0)] * 3, dtype=object)),
            lambda f: f.assign(landmarks=pd.Series([m + 1e-3 for m in f["landmarks"]], dtype=object)),
        ],
    )
    def test_everything_else_counts(self, change) -> None:
        frame = faces()
        changed = change(frame)
        changed.attrs = frame.attrs
        assert fingerprint(changed) != fingerprint(frame)

    def test_it_is_known(self) -> None:
        """Written down once: results of other machines and of later versions must stay comparable."""
        assert fingerprint(faces()) == "ade2c28082896890"

    @given(st.lists(st.floats(width=32) | st.sampled_from([0.0, -0.0, 1.0, 0.9999999999]), min_size=1, max_size=8))
    def test_any_number(self, values: list[float]) -> None:
        marks = np.array(values)
        one, two = (faces(1, landmarks=lambda r, s=s: marks[:, None] * s) for s in (1.0, 1.0 + 1e-13))
        assert len(fingerprint(one)) == 16
        if np.isfinite(marks).all() and np.abs(np.frexp(marks)[0] * 2**20 % 1 - 0.5).min() > 1e-6:
            assert fingerprint(one) == fingerprint(two)


class TestCache:
    def test_round_trip(self) -> None:
        frame = faces(
            landmarks=lambda r: None if r.file == "a/1.jpg" else np.arange(15.0).reshape(5, 3),
            visible=lambda r: np.array([True, False, True, True, False]),
            bbox=lambda r: np.arange(4.0) if r.old else None,
        )
        frame["side"] = frame["side"].astype("category")
        frame["extra"] = pd.Series([np.eye(2), None, np.ones((1, 2))], dtype=object)
        frame.attrs["notes"] = ["ü"]
        cache.save("set-test-1", "key", frame)
        back = cache.load("set-test-1", "key")
        assert back is not None
        pd.testing.assert_frame_equal(back, frame)
        assert (back.attrs, fingerprint(back)) == (frame.attrs, fingerprint(frame))
        back["landmarks"][0][0] = 7.0  # may be written to

    def test_no_landmarks_and_no_rows(self) -> None:
        for frame in (faces(landmarks=None), faces(landmarks=None).iloc[:0]):
            cache.save("set-test-2", "key", frame)
            back = cache.load("set-test-2", "key")
            assert back is not None
            assert list(back["landmarks"]) == list(frame["landmarks"])

    def test_older_tables_go_and_damaged_ones_are_not_read(self) -> None:
        cache.save("set-test-3", "old", faces())
        cache.save("set-test-3", "new", faces())
        assert cache.load("set-test-3", "old") is None
        file = cache._file("set-test-3", "new")
        file.write_bytes(file.read_bytes()[:200])
        assert cache.load("set-test-3", "new") is None

    def test_a_place_that_cannot_be_written(self, monkeypatch: pytest.MonkeyPatch, tmp_path, capsys) -> None:
        (tmp_path / "file").write_text("")
        monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "file"))
        cache.save("set-test-4", "key", faces())
        assert "not kept" in capsys.readouterr().err

    def test_what_cannot_be_kept(self, capsys) -> None:
        frame = faces()
        frame["odd"] = [object(), 1, "x"]
        cache.save("set-test-5", "key", frame)
        assert "not kept" in capsys.readouterr().err
        assert cache.load("set-test-5", "key") is None

    def test_stamp_sees_what_matters(self, tmp_path) -> None:
        (tmp_path / "sub").mkdir()
        (tmp_path / "sub/a.pts").write_text("1")
        first = cache.stamp([tmp_path], "x")
        assert cache.stamp([tmp_path], "x") == first != cache.stamp([tmp_path], "y")
        (tmp_path / "sub/a.pts").write_text("12")
        second = cache.stamp([tmp_path], "x")
        (tmp_path / "sub/b.jpg").write_text("")
        assert len({first, second, cache.stamp([tmp_path], "x")}) == 3


def test_checking_names_the_faults_of_all_rows_and_keeps_the_others(tmp_path: Path) -> None:
    """Where each face is read by a function of its row; otherwise the first fault ends it."""
    for name in ("a", "c"):
        (tmp_path / f"{name}.txt").write_text("1 2")
    (tmp_path / "d.txt").write_text("x y")

    def marks(row: Any) -> list[list[float]]:
        try:
            return [[float(v) for v in (tmp_path / f"{row.name}.txt").read_text().split()]]
        except ValueError:
            raise UserError(f"{row.name}.txt: no numbers") from None

    def box(row: Any) -> list[float]:
        if row.name == "c":
            raise UserError("c has no box")
        return [0, 0, 1, 1]

    labels = pd.DataFrame({"name": list("abcd"), "side": ["l", "r", "l", "r"]})
    how = {"image": "name", "landmarks": marks, "bbox": box, "tags": ["side"], "split": "test"}
    with gather() as faults:
        frame = index(labels, **how)
    assert list(frame["id"]) == ["a"] and list(frame["side"]) == ["l"] and list(frame.index) == [0]
    assert faults == [
        f"{tmp_path}/b.txt: No such file or directory; copy it there or remove its row",
        "d.txt: no numbers",
        "c has no box",
    ]
    with pytest.raises(UserError, match="b.txt: No such file"):
        index(labels, **how)
