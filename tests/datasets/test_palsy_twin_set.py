"""The twin as a data set: made on first use, resumed, refused, and read by its own loader and by that of ParFace."""

from __future__ import annotations

import errno
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from parface_bench.data.index import stack
from parface_bench.data.source import load_index
from parface_bench.plugins.datasets.palsy_twin import generate, storage
from parface_bench.plugins.datasets.palsy_twin.asset import PATH, load_head
from parface_bench.registry.errors import UserError, WorkError

SIZE = 64


@pytest.fixture(autouse=True)
def _small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(storage, "PART", 4)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A test split of 12 faces."""
    root = tmp_path_factory.mktemp("twin")
    whole, storage.PART = storage.PART, 4
    generate.ensure(root, {"test": 12}, image_size=SIZE, workers=1)
    storage.PART = whole
    return root


def digest(root: Path) -> dict[str, str]:
    return {
        p.relative_to(root).as_posix(): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(root.rglob("*.jpg"))
    }


def test_the_set_is_written_in_the_parface_format(made: Path) -> None:
    records = json.loads((made / "csv" / "palsy_test.ljson").read_text())
    assert len(records) == 12
    for record in records:
        picture = cv2.imread(str(made / record["img_path"]))
        assert picture.shape == (SIZE, SIZE, 3)
        assert np.shape(record["landmarks_MAL3D"]) == (68, 3) and np.shape(record["landmarks_2d"]) == (68, 2)
        marks = np.array(record["landmarks_2d"])
        assert (marks.min(axis=0) > 0.05 * SIZE).all() and (marks.max(axis=0) < 0.95 * SIZE).all()
    assert not list(made.rglob("*.tmp")) and not list((made / "csv" / storage.PARTS).glob("*"))


def test_both_loaders_read_it(made: Path) -> None:
    own = load_index("palsy-twin", "test", root=made, test=12, image_size=SIZE)
    theirs = load_index("palsy", "parface", root=made)
    np.testing.assert_array_equal(stack(own), stack(theirs))
    assert list(own["image"]) == list(theirs["image"])
    assert own.attrs["schema"] == "ibug68" and own.attrs["dims"] == 3
    for name in (
        "healthy",
        "mild",
        "moderate",
        "severe",
        "flaccid",
        "synkinetic",
        "occluded",
        "palsy_side",
        "skin_tone",
    ):
        assert name in own.attrs["tags"]
    kinds = own[["healthy", "flaccid", "synkinetic"]].sum(axis=1)
    grades = own[["healthy", "mild", "moderate", "severe"]].sum(axis=1)
    assert (kinds == 1).all() and (grades == 1).all()
    assert ((own["palsy_side"] == "none") == own["healthy"]).all()
    assert own["visible"].map(len).eq(68).all()


def test_the_first_faces_are_the_same_whatever_the_size_and_the_processes(made: Path, tmp_path: Path) -> None:
    generate.ensure(tmp_path, {"test": 4}, image_size=SIZE, workers=1)
    assert digest(tmp_path).items() <= digest(made).items()
    generate.ensure(tmp_path, {"test": 12}, image_size=SIZE, workers=1)  # grows
    assert digest(tmp_path) == digest(made)
    small = load_index("palsy-twin", "test", root=made, test=5, image_size=SIZE)
    assert len(small) == 5


def test_another_process_makes_the_same_set(made: Path, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path\n"
        "from parface_bench.plugins.datasets.palsy_twin import storage, generate\n"
        "storage.PART = 4\n"
        f"for p in (0, 1, 2): generate.make_part(Path({str(tmp_path)!r}), 'test', p, 0, {SIZE})\n"
    )
    environment = {**os.environ, "PYTHONHASHSEED": "5"}
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
    records = [r for p in range(3) for r in storage.read_records(storage.part_file(tmp_path, "test", p))]
    expected = storage.read_records(storage.label_file(made, "test"))
    for a, b in zip(records, expected, strict=True):
        np.testing.assert_allclose(a["landmarks_MAL3D"], b["landmarks_MAL3D"], atol=1e-6)
        np.testing.assert_allclose(a["landmarks_2d"], b["landmarks_2d"], atol=1e-6)


def test_an_interruption_leaves_no_set_and_is_resumed(
    tmp_path: Path, made: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, calls = generate.make_part, []

    def cut_off(root: Path, split: str, part: int, *rest: Any) -> None:
        calls.append(part)
        if len(calls) == 3:
            raise KeyboardInterrupt
        real(root, split, part, *rest)

    monkeypatch.setattr(generate, "make_part", cut_off)
    with pytest.raises(KeyboardInterrupt):
        generate.ensure(tmp_path, {"test": 12}, image_size=SIZE, workers=1)
    assert not storage.label_file(tmp_path, "test").exists()
    generate.ensure(tmp_path, {"test": 12}, image_size=SIZE, workers=1)
    assert calls == [0, 1, 2, 2]  # the two finished pieces are not made again
    assert digest(tmp_path) == digest(made)
    assert storage.read_records(storage.label_file(tmp_path, "test")) == storage.read_records(
        storage.label_file(made, "test")
    )


def test_the_maker_lets_go_of_its_lock(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever still holds the lock's object: the next call of the same process must not wait for it."""
    locks = []

    class Kept(generate.FileLock):
        def __init__(self, *arguments: Any, **options: Any) -> None:
            super().__init__(*arguments, **options)
            locks.append(self)

    monkeypatch.setattr(generate, "FileLock", Kept)
    generate.ensure(tmp_path, {"test": 1}, image_size=64, workers=1)
    assert len(locks) == 1 and not locks[0].is_locked


def test_a_picture_that_was_removed_is_made_again(tmp_path: Path) -> None:
    generate.ensure(tmp_path, {"test": 6}, image_size=SIZE, workers=1)
    before, labels = digest(tmp_path), (tmp_path / "csv" / "palsy_test.ljson").read_bytes()
    (tmp_path / "test" / "00003.jpg").unlink()
    generate.ensure(tmp_path, {"test": 6}, image_size=SIZE, workers=1)
    assert digest(tmp_path) == before
    assert (tmp_path / "csv" / "palsy_test.ljson").read_bytes() == labels


def test_pairs_share_everything_but_the_palsy(tmp_path: Path) -> None:
    frame = load_index("palsy-twin", "paired", root=tmp_path, paired=8, image_size=SIZE)
    marks = stack(frame)
    assert list(frame["pair"]) == [0, 0, 1, 1, 2, 2, 3, 3]
    without, with_palsy = frame.iloc[::2].reset_index(), frame.iloc[1::2].reset_index()
    assert without["healthy"].all() and not with_palsy["healthy"].any()
    for column in ("yaw", "pitch", "roll", "expression", "lighting", "occlusion", "skin_tone", "person"):
        assert list(without[column]) == list(with_palsy[column])
    for k in range(4):  # the eye corners and the jaw's upper end stay; something else moves
        moved = np.linalg.norm(marks[2 * k] - marks[2 * k + 1], axis=1)
        assert moved[[0, 16, 27]].max() < 0.3 and moved.max() > 0.3


@pytest.mark.parametrize("size", [0, -3, 10**9, 2.5, True, "many"])
def test_absurd_sizes_are_refused_with_the_range(tmp_path: Path, size: Any) -> None:
    with pytest.raises(UserError, match="from 1 to 1000000"):
        generate.ensure(tmp_path, {"test": size}, image_size=SIZE)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(("option", "value"), [("image_size", 16), ("image_size", 10**5), ("seed", -1)])
def test_absurd_options_are_refused(tmp_path: Path, option: str, value: int) -> None:
    with pytest.raises(UserError, match="must be a whole number from"):
        generate.ensure(tmp_path, {"test": 4}, **{option: value})
    with pytest.raises(UserError, match="must be a whole number from"):
        generate.make_root(**{option: value})


def test_an_unknown_split_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="train, val, test, paired"):
        generate.ensure(tmp_path, {"tset": 4})


def test_another_version_is_left_alone_and_the_new_one_lies_beside_it() -> None:
    first = generate.make_root()
    (first / "meta.json").write_text('{"version": "v0"}')
    second = generate.make_root()
    assert second != first and second.parent == first.parent
    with pytest.raises(UserError, match="made with version 'v0' instead of 'v2'"):
        generate.ensure(first, {"test": 4})
    assert (first / "meta.json").read_text() == '{"version": "v0"}'


def test_a_folder_that_cannot_be_written_is_an_error_of_one_sentence(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "file"))
    with pytest.raises(WorkError, match="set PFBENCH_HOME to a writable folder"):
        generate.make_root()


def test_a_full_disk_is_an_error_of_one_sentence_and_leaves_no_half_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: Any) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    generate.ensure(tmp_path, {"test": 4}, image_size=SIZE, workers=1)
    before = digest(tmp_path)
    monkeypatch.setattr(Path, "replace", full)
    with pytest.raises(WorkError, match=r"No space left on device.*free some space"):
        generate.ensure(tmp_path, {"test": 8}, image_size=SIZE, workers=1)
    assert digest(tmp_path) == before
    assert len(storage.read_records(storage.label_file(tmp_path, "test"))) == 4
    assert not list(tmp_path.rglob(".*.jpg.*"))


def test_a_broken_label_file_is_named(tmp_path: Path) -> None:
    generate.ensure(tmp_path, {"test": 4}, image_size=SIZE, workers=1)
    path = storage.label_file(tmp_path, "test")
    path.write_text(path.read_text()[:-200])
    with pytest.raises(UserError, match=r"palsy_test.ljson: cannot be read"):
        generate.ensure(tmp_path, {"test": 4}, image_size=SIZE)


def test_the_asset_is_whole_small_and_checked(tmp_path: Path) -> None:
    assert PATH.stat().st_size < 8e6
    assert len(load_head().checksum) == 64
    copy = tmp_path / "head.npz"
    copy.write_bytes(PATH.read_bytes()[:-1])
    (tmp_path / "head.sha256").write_text(PATH.with_suffix(".sha256").read_text())
    with pytest.raises(WorkError, match="reinstall parface-bench"):
        load_head(copy)
