"""An interrupted ``pfbench predict`` goes on where it stopped, and ends as if it had not been interrupted."""

from __future__ import annotations

import json

import cv2
import numpy as np
import pytest

from parface_bench.predicting import job
from parface_bench.predicting.job import Request
from parface_bench.predicting.journal import JOURNAL
from parface_bench.registry.errors import UserError


class Box:
    """Finds the whole picture, and nothing in a black one."""

    def detect(self, image):
        height, width = image.shape[:2]
        return np.array([[0.0, 0, width, height, 0.9]]) if image.any() else np.zeros((0, 5))


class Counting:
    """68 landmarks that depend on the picture; counts the pictures, and may stop at one."""

    schema = "ibug68"
    confidence = None
    notes = ()

    def __init__(self):
        self.seen = 0
        self.stop_at = -1
        self.error: type[BaseException] = KeyboardInterrupt

    def predict(self, images, boxes):
        self.seen += len(images)
        if 0 <= self.stop_at < self.seen:
            raise self.error
        self.confidence = np.array([image.mean() / 255 for image in images])
        return np.stack([np.random.default_rng(int(image[0, 0, 0])).normal(50, 9, (68, 2)) for image in images])


@pytest.fixture
def method(monkeypatch):
    counting = Counting()
    monkeypatch.setattr(job, "open_model", lambda model, device, **options: counting)
    monkeypatch.setattr(job, "face_detector", lambda name, **options: Box())
    return counting


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "in"
    root.mkdir()
    for number in range(30):
        cv2.imwrite(str(root / f"{number:02}.png"), np.full((40, 40, 3), 5 * number, np.uint8))  # the first is black
    (root / "07b.png").write_bytes(b"no picture")
    return root


@pytest.mark.parametrize("error", [KeyboardInterrupt, RuntimeError])
@pytest.mark.parametrize("form", ["csv", "json", "pts"])
def test_goes_on_where_it_stopped(folder, tmp_path, method, form, error, capsys):
    whole = job.run([str(folder)], Request("flat", tmp_path / "whole", form, draw=True))
    everything = method.seen
    assert everything == 29 and len(whole.faces) == 31

    method.seen, method.stop_at, method.error = 0, 20, error
    wish = Request("flat", tmp_path / "parts", form, draw=True)
    with pytest.raises(error):
        job.run([str(folder)], wish)
    assert (tmp_path / "parts" / JOURNAL).is_file()
    done = len((tmp_path / "parts" / JOURNAL).read_text().splitlines()) - 1
    if error is KeyboardInterrupt:
        assert "the same command goes on from here" in capsys.readouterr().err
        if form != "json":
            assert len((tmp_path / "parts" / "predictions.csv").read_text().splitlines()) == 1 + done
    else:  # as after a kill: no table yet
        assert not list((tmp_path / "parts").glob("predictions.*"))

    method.seen, method.stop_at = 0, -1
    again = job.run([str(folder)], wish)
    assert 0 < method.seen < everything
    assert f"{done} of 31 pictures and videos were done before" in capsys.readouterr().err
    assert again.table.read_bytes() == whole.table.read_bytes()
    files = {p.relative_to(tmp_path / "whole"): p.read_bytes() for p in (tmp_path / "whole").rglob("*.*")}
    assert {p.relative_to(tmp_path / "parts"): p.read_bytes() for p in (tmp_path / "parts").rglob("*.*")} == files

    # a finished run is done anew
    method.seen = 0
    job.run([str(folder)], wish)
    assert method.seen == everything


def _interrupted(folder, out, method):
    method.seen, method.stop_at = 0, 20
    with pytest.raises(KeyboardInterrupt):
        job.run([str(folder)], Request("flat", out))
    method.seen, method.stop_at = 0, -1
    return len((out / JOURNAL).read_text().splitlines()) - 1


def test_changed_pictures_are_done_again(folder, tmp_path, method):
    done = _interrupted(folder, tmp_path / "out", method)
    cv2.imwrite(str(folder / "03.png"), np.full((50, 50, 3), 77, np.uint8))
    job.run([str(folder)], Request("flat", tmp_path / "out"))
    undone = 31 - done + 1
    assert method.seen == undone


@pytest.mark.parametrize(
    "other",
    [{"faces": 1}, {"detector": "another"}, {"smoothing": 2.0}, {"draw": True}, {"options": {"method.passes": 2}}],
)
def test_other_settings_begin_anew(folder, tmp_path, method, other):
    _interrupted(folder, tmp_path / "out", method)
    job.run([str(folder)], Request("flat", tmp_path / "out", **other))
    assert method.seen == 29


def test_another_checkpoint_under_the_same_name_begins_anew(folder, tmp_path, method):
    model = tmp_path / "checkpoint.pt"
    model.write_text("first")
    method.stop_at = 20
    with pytest.raises(KeyboardInterrupt):
        job.run([str(folder)], Request(str(model), tmp_path / "out"))
    model.write_text("second weights")
    method.seen, method.stop_at = 0, -1
    job.run([str(folder)], Request(str(model), tmp_path / "out"))
    assert method.seen == 29


@pytest.mark.parametrize("damage", ["cut", "garbage", "empty", "binary"])
def test_a_damaged_journal_costs_time_only(folder, tmp_path, method, damage):
    whole = job.run([str(folder)], Request("flat", tmp_path / "whole"))
    _interrupted(folder, tmp_path / "out", method)
    file = tmp_path / "out" / JOURNAL
    lines = file.read_text().splitlines(keepends=True)
    file.write_bytes(
        {
            "cut": "".join(lines)[:-40].encode(),
            "garbage": (lines[0] + '{"no": "entry"}\n[1, 2]\nnull\n["key", [{}]]\n' + "".join(lines[1:4])).encode(),
            "empty": b"",
            "binary": lines[0].encode() + b"\xff\xfe\x00\n" + lines[1].encode(),
        }[damage]
    )
    again = job.run([str(folder)], Request("flat", tmp_path / "out"))
    assert again.table.read_bytes() == whole.table.read_bytes()
    assert not file.exists()


def test_nothing_is_kept_without_a_folder(folder, tmp_path, method, monkeypatch):
    monkeypatch.chdir(tmp_path)
    method.stop_at = 20
    with pytest.raises(KeyboardInterrupt):
        job.run([str(folder)], Request("flat"))
    assert not list(tmp_path.rglob(JOURNAL))


def test_a_folder_that_cannot_be_written_is_an_error_at_once(folder, tmp_path, method):
    (tmp_path / "file").write_text("")
    with pytest.raises(UserError, match="give another folder with --out"):
        job.run([str(folder)], Request("flat", tmp_path / "file" / "out"))
    assert method.seen == 0


def test_the_journal_is_json_by_the_line(folder, tmp_path, method):
    _interrupted(folder, tmp_path / "out", method)
    head, *lines = map(json.loads, (tmp_path / "out" / JOURNAL).read_text().splitlines())
    assert head["faces"] == 0 and head["version"]
    key, faces = lines[1]
    assert json.loads(key)[0] == "01" and np.shape(faces[0]["points"]) == (68, 2)
