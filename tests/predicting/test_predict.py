"""From pictures to tables: a stand-in detector and method whose answers are known."""

from __future__ import annotations

import csv
import json
import os
from pathlib import Path

import cv2
import numpy as np
import pytest
import torch

from parface_bench.data.readers.pts import parse_pts
from parface_bench.faces import get_schema
from parface_bench.methods.base import Method
from parface_bench.methods.build import build_method
from parface_bench.methods.inference import face_detector
from parface_bench.methods.recipe import compose
from parface_bench.predicting import formats, job
from parface_bench.predicting.draw import heat, overlay
from parface_bench.predicting.job import Request
from parface_bench.predicting.predict import Face, Predictor
from parface_bench.predicting.shots import find, shots
from parface_bench.predicting.video import overlap, smooth, track
from parface_bench.registry import UserError

SCHEMA = get_schema("ibug68")


class Blobs:
    """Finds white rectangles."""

    def detect(self, image):
        _, _, stats, _ = cv2.connectedComponentsWithStats((image[..., 0] > 200).astype(np.uint8))
        return np.array([[x - 0.5, y - 0.5, x + w - 0.5, y + h - 0.5, 0.9] for x, y, w, h, _ in stats[1:]]).reshape(
            -1, 5
        )


class Spread(Method):
    """Landmarks on a line through the box; none where the box is flat."""

    schema = "ibug68"

    def __init__(self, dims: int = 2) -> None:
        self.dims = dims

    def predict(self, images, boxes):
        assert len(images) == len(boxes)
        t = np.linspace(0, 1, 68)[:, None]
        out = np.stack([b[:2] + t * (b[2:] - b[:2]) for b in boxes])
        out[(boxes[:, 3] - boxes[:, 1]) < 15] = np.nan
        self.confidence = np.linspace(0.1, 0.9, len(boxes))
        return out if self.dims == 2 else np.concatenate([out, out[..., :1]], axis=2)


def picture(path: Path, *boxes: tuple[int, int, int, int]) -> None:
    image = np.zeros((100, 160, 3), np.uint8)
    for x, y, w, h in boxes:
        image[y : y + h, x : x + w] = 255
    path.parent.mkdir(exist_ok=True)
    cv2.imwrite(str(path), image)


@pytest.fixture
def folder(tmp_path):
    root = tmp_path / "in"
    picture(root / "one.png", (10, 20, 40, 50))
    picture(root / "two.png", (5, 5, 20, 20), (60, 30, 50, 60))
    picture(root / "none.png")
    picture(root / "flat.png", (30, 30, 40, 5))
    (root / "broken.png").write_bytes(b"\x89PNG\r\n\x1a\nIEND")
    return root


@pytest.fixture(autouse=True)
def _stand_ins(monkeypatch):
    monkeypatch.setattr(job, "open_model", lambda model, device, **options: Spread(3 if model == "solid" else 2))
    monkeypatch.setattr(job, "face_detector", lambda name, **options: Blobs())


def rows(path: Path) -> dict[str, dict[str, str]]:
    with path.open(newline="", encoding="utf-8") as file:
        return {row["id"]: row for row in csv.DictReader(file)}


def test_table_of_a_folder(folder, tmp_path):
    outcome = job.run([str(folder)], Request("flat", tmp_path / "out"))
    found = rows(outcome.table)
    assert list(found) == ["broken", "flat", "none", "one", "two", "two#2"]
    assert float(found["one"]["x0"]) == pytest.approx(9.5) and float(found["one"]["y67"]) == pytest.approx(69.5)
    # the largest face comes first and has the plain name
    assert float(found["two"]["bbox_x1"]) == pytest.approx(59.5) and float(found["two#2"]["bbox_x1"]) == pytest.approx(
        4.5
    )
    assert found["none"]["reason"] == "no face found" and found["none"]["x0"] == "" and found["none"]["score"] == ""
    assert "found no landmarks" in found["flat"]["reason"] and found["flat"]["bbox_x1"] != ""
    assert "broken.png" in found["broken"]["reason"]
    assert 0 < float(found["one"]["confidence"]) < 1 and float(found["one"]["c5"]) > 0
    assert not list((tmp_path / "out").glob(".*"))


def test_overlays_of_an_earlier_run_are_no_photographs(folder):
    out = folder / "found"
    before = job.run([str(folder)], Request("flat", out, draw=True))
    assert (out / "overlays" / "one.png").is_file()
    assert [f.id for f in job.run([str(folder)], Request("flat", out, draw=True)).faces] == [f.id for f in before.faces]


def test_table_enters_scoring(folder, tmp_path):
    """The table can be scored as it is: a row without landmarks counts as missing, not as an error of the file."""
    from parface_bench.evaluation import score_tables

    outcome = job.run([str(folder / "one.png"), str(folder / "two.png")], Request("flat", tmp_path / "out", faces=1))
    truth = tmp_path / "truth.csv"
    points = [f.points for f in outcome.faces]
    columns = [f"{axis}{i}" for i in range(68) for axis in "xy"]
    lines = [",".join(["id", *columns])]
    lines += [",".join([f.id, *map(str, (p + 1.0).ravel())]) for f, p in zip(outcome.faces, points, strict=True)]
    truth.write_text("\n".join(lines) + "\n")
    document = score_tables(outcome.table, truth, protocol="aflw2000-3d").document
    assert document["n"] == 2


def test_most_faces(folder, tmp_path):
    outcome = job.run([str(folder / "two.png")], Request("flat", faces=1))
    assert [face.id for face in outcome.faces] == ["two"] and outcome.table is None
    assert outcome.text("csv").startswith("id,x0,y0,x1")


def test_json_and_pts(folder, tmp_path):
    document = json.loads(job.run([str(folder)], Request("solid", tmp_path / "out", "json")).table.read_text())
    by_id = {face["id"]: face for face in document["faces"]}
    assert np.shape(by_id["one"]["landmarks"]) == (68, 3) and by_id["none"]["landmarks"] is None
    assert document["schema"] == "ibug68" and "NaN" not in json.dumps(document)

    job.run([str(folder)], Request("flat", tmp_path / "pts", "pts"))
    assert sorted(p.name for p in (tmp_path / "pts").glob("*.pts")) == ["one.pts", "two#2.pts", "two.pts"]
    data = (tmp_path / "pts" / "one.pts").read_bytes()
    assert b"n_points: 68" in data
    (tmp_path / "pts" / "two#2.pts").write_text("mine")
    with pytest.raises(UserError, match=r"two#2\.pts: exists already"):
        job.run([str(folder)], Request("flat", tmp_path / "pts", "pts"))
    assert (tmp_path / "pts" / "two#2.pts").read_text() == "mine"
    job.run([str(folder)], Request("flat", tmp_path / "pts", "pts", force=True))
    np.testing.assert_allclose(parse_pts(data, "one.pts")[0], [9.5, 19.5], atol=1e-3)  # 1-based in the file
    assert "none" in rows(tmp_path / "pts" / "predictions.csv")


def test_overlays(folder, tmp_path):
    job.run([str(folder)], Request("solid", tmp_path / "out", draw=True))
    drawn = sorted(p.name for p in (tmp_path / "out" / "overlays").glob("*.png"))
    assert drawn == ["flat.png", "none.png", "one.png", "two.png"]
    solid = cv2.imread(str(tmp_path / "out" / "overlays" / "one.png"))
    plain = cv2.imread(str(tmp_path / "out" / "overlays" / "none.png"))
    assert solid.shape[1] > plain.shape[1]  # the two views stand beside it


def test_overlay_marks_the_landmarks():
    points = np.stack([np.linspace(200, 400, 68), np.linspace(150, 350, 68)], axis=1)
    image = np.zeros((500, 600, 3), np.uint8)
    drawn = overlay(image, [(np.array([200.0, 150, 400, 350]), points, np.linspace(0, 1, 68))], SCHEMA)
    assert drawn.shape == (500, 600, 3) and image.max() == 0
    for i, (x, y) in enumerate(points):
        near = drawn[round(y) - 1 : round(y) + 2, round(x) - 1 : round(x) + 2].reshape(-1, 3).astype(int)
        assert np.abs(near - np.array(heat(i / 67))).sum(axis=1).min() < 120
    assert heat(0)[0] > 200 > heat(0)[1] and heat(1)[1] > 200 > heat(1)[0]
    assert overlay(np.zeros((9000, 40, 3), np.uint8), [], SCHEMA).shape[0] == 1600


def test_interruption_keeps_what_was_found(folder, tmp_path, monkeypatch):
    class Interrupted(Spread):
        seen = 0

        def predict(self, images, boxes):
            Interrupted.seen += 1
            if Interrupted.seen > 1:
                raise KeyboardInterrupt
            return super().predict(images, boxes)

    monkeypatch.setattr(job, "open_model", lambda model, device: Interrupted())
    monkeypatch.setattr(job, "Predictor", lambda m, d, f: Predictor(m, d, f, batch_size=2))
    with pytest.raises(KeyboardInterrupt):
        job.run([str(folder)], Request("flat", tmp_path / "out"))
    assert rows(tmp_path / "out" / "predictions.csv")


def test_unwritable_folder(folder, tmp_path):
    (tmp_path / "out").write_text("a file")
    with pytest.raises(Exception, match="--out"):
        job.run([str(folder / "one.png")], Request("flat", tmp_path / "out"))


def test_unknown_format(folder):
    with pytest.raises(UserError, match="csv, json, pts"):
        job.run([str(folder)], Request("flat", form="xml"))


def test_without_a_detector_the_picture_is_the_face(folder):
    predictor = Predictor(Spread(), None)
    _, (face,) = next(predictor.faces(shots(find([str(folder / "one.png")])[0])))
    np.testing.assert_allclose(face.box, [-0.5, -0.5, 159.5, 99.5])


def test_names_never_leave_the_folder():
    for name in ("../../x", "/etc/passwd", "a/../../b", ".."):
        path = Path("/out") / formats.below(name)
        assert path.resolve().is_relative_to("/out")


def test_detectors_are_told_from_landmark_methods():
    with pytest.raises(UserError, match="finds landmarks, not faces"):
        face_detector("mean-shape")
    with pytest.raises(UserError, match="unknown method"):
        face_detector("nobody")
    assert face_detector("none") is None


def moving(count: int = 40, jitter: float = 2.0) -> list[list[Face]]:
    rng = np.random.default_rng(0)
    frames = []
    for i in range(count):
        faces = []
        for k in range(2):
            box = np.array([10.0 + i + 200 * k, 20, 90 + i + 200 * k, 100])
            if i == 17 and k == 0:
                continue
            faces.append(
                Face(
                    f"f{i}",
                    "v",
                    i,
                    i / 25,
                    box,
                    0.9,
                    box[:2] + rng.normal(0, jitter, (68, 2)),
                    upright=(box, box[None, :2]),
                )
            )
        frames.append(faces[::-1] if i % 2 else faces)
    return frames


def test_tracks_keep_their_faces():
    frames = track(moving())
    for faces in frames:
        assert {face.track: face.box[0] < 150 for face in faces}.items() <= {0: True, 1: False}.items()
    gone = track([*moving(3), *[[] for _ in range(30)], *moving(3)])
    assert {face.track for face in gone[-1]} == {2, 3}


def test_smoothing_lowers_jitter_and_keeps_the_path():
    frames = track(moving())
    calm = smooth(frames, 2.0)
    truth = [face.box[:2] for faces in frames[8:-8] for face in faces]

    def error(rows):
        return np.mean([np.abs(f.points - t) for f, t in zip([f for r in rows[8:-8] for f in r], truth, strict=True)])

    assert error(calm) < 0.6 * error(frames)
    assert smooth(frames, 0.0) is frames
    still = [
        [Face("f", "v", i, 0.0, np.array([0.0, 0, 9, 9]), points=np.full((68, 2), 5.0), track=0)] for i in range(9)
    ]
    assert all(np.allclose(faces[0].points, 5.0) for faces in smooth(still, 3.0))


def test_overlap_closed_forms():
    a = np.array([0.0, 0, 10, 10])
    assert overlap(a, a) == 1 and overlap(a, a + 20) == 0
    assert overlap(a, np.array([5.0, 0, 15, 10])) == pytest.approx(1 / 3)


def test_video_end_to_end(tmp_path):
    path = tmp_path / "v.avi"
    writer = cv2.VideoWriter(str(path), cv2.VideoWriter.fourcc(*"MJPG"), 10, (160, 96))
    if not writer.isOpened():
        pytest.skip("this OpenCV writes no video")
    for i in range(6):
        image = np.zeros((96, 160, 3), np.uint8)
        image[20:70, 10 + 5 * i : 60 + 5 * i] = 255
        writer.write(image)
    writer.release()
    outcome = job.run([str(path)], Request("flat", tmp_path / "out", draw=True, smoothing=1.0))
    found = list(rows(outcome.table).values())
    assert [row["frame"] for row in found] == list("012345") and {row["track"] for row in found} == {"0"}
    assert float(found[5]["seconds"]) == pytest.approx(0.5)
    drawn = tmp_path / "out" / "overlays" / "v.mp4"
    assert drawn.stat().st_size > 500
    drawn.write_text("mine")
    with pytest.raises(UserError, match=r"v\.mp4: exists already"):
        job.run([str(path)], Request("solid", tmp_path / "out", draw=True))
    assert drawn.read_text() == "mine"


def test_names_that_are_no_utf8(tmp_path):
    """Old archives hold such names; the bytes are told, and everything can be written."""
    root = tmp_path / "in"
    picture(root / "x.png", (10, 20, 40, 50))
    (root / "x.png").rename(os.fsdecode(os.fsencode(root) + b"/caf\xe9.png"))
    outcome = job.run([str(root)], Request("flat", tmp_path / "out", draw=True))
    (found,) = rows(outcome.table).values()
    assert found["id"] == "caf\\xe9" and found["x0"] and found["image"].endswith("caf\\xe9.png")
    assert (tmp_path / "out" / "overlays" / "caf\\xe9.png").is_file()
    json.loads(job.run([str(root)], Request("flat", tmp_path / "out", "json")).table.read_bytes())


def test_options_must_say_whose_they_are(folder):
    with pytest.raises(UserError, match=r"--set weights: write method\.weights=\.\.\. or detector\.weights"):
        job.run([str(folder)], Request("flat", options={"weights": "x"}))
    assert Request("flat", options={"method.passes": 2, "detector.side": 99}).of("method") == {"passes": 2}


def test_a_network_that_looks_twice_is_as_sure_as_both_looks_on_average(folder, tmp_path):
    size = ["image_size=64", "method.backbone_options={channels: [8, 8, 16, 16], layers: [1, 1, 1, 1]}"]
    recipe = compose("heatmap", "300w", "quick", size)
    torch.manual_seed(0)
    method = build_method("heatmap", "ibug68", recipe).eval()
    assert method.flip_test
    image, looks = None, {}
    for twice in (True, False):
        method.flip_test = twice
        predictor = Predictor(method, Blobs(), batch_size=2)
        ((shot, (face,)),) = predictor.faces(shots(find([str(folder / "one.png")])[0]))
        looks[twice], image = face, shot.image
    left, top, right, bottom = looks[False].box
    width = image.shape[1]
    turned = np.array([[width - 1 - right, top, width - 1 - left, bottom]])
    method.predict([np.ascontiguousarray(image[:, ::-1])], turned)
    mirrored = method.confidence[0][get_schema("ibug68").flip]
    np.testing.assert_allclose(looks[True].sure, (looks[False].sure + mirrored) / 2, atol=0.02)
    assert looks[True].sure.shape == (68,) and not np.allclose(looks[True].points, looks[False].points)
