"""``pfbench measure`` on what people have: tables, .pts files, predictions, photographs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pandas as pd
import pytest

from parface_bench.predicting.formats import pts
from parface_bench.testing import sample_shapes


def table(path: Path, points: np.ndarray, **more: Any) -> Path:
    names = [f"{axis}{i}" for i in range(points.shape[1]) for axis in "xyz"[: points.shape[2]]]
    frame = pd.DataFrame(points.reshape(len(points), -1), columns=names)
    frame.insert(0, "id", [f"f{i}" for i in range(len(points))])
    frame = frame.assign(**more)
    frame.to_csv(path, index=False) if path.suffix == ".csv" else frame.to_parquet(path, index=False)
    return path


@pytest.fixture
def faces() -> np.ndarray:
    return sample_shapes(3).points + np.array([100.0, 60.0])


def test_golden_sets_through_the_command(pfbench: Any, golden: Path, tmp_path: Path) -> None:
    sets = json.loads((golden / "clinical.json").read_text(encoding="utf-8"))["sets"]
    for schema, count in (("ibug68", 68), ("wflw98", 98)):
        chosen = {name: one for name, one in sets.items() if one["points"] == count}
        file = table(tmp_path / f"{schema}.csv", np.array([one["landmarks"] for one in chosen.values()]))
        for frame in ("canthi", "lids" if count == 68 else "given"):
            done = pfbench("measure", file, "--schema", schema, "--frame", frame, "--unit", "px", "--json")
            assert done.code == 0, done.err
            document = json.loads(done.out)
            assert (document["schema"], document["frame"], document["unit"]) == (schema, frame, "px")
            for number, one in enumerate(chosen.values()):
                for key, value in one["reference"][frame].items():
                    assert document["faces"][f"f{number}"][key] == pytest.approx(value, abs=1.1e-5), key


def test_pts_and_tables_agree(pfbench: Any, faces: np.ndarray, tmp_path: Path) -> None:
    for number, points in enumerate(faces):
        (tmp_path / "pts").mkdir(exist_ok=True)
        (tmp_path / "pts" / f"f{number}.pts").write_text(pts(points), encoding="utf-8")
    found = [
        json.loads(pfbench("measure", given, "--json").out)["faces"]
        for given in (tmp_path / "pts", table(tmp_path / "a.csv", faces), table(tmp_path / "a.parquet", faces))
    ]
    for name, one in found[0].items():
        for key, value in one.items():
            assert found[1][name][key] == pytest.approx(value, abs=2e-3)  # .pts files have four digits
            assert found[2][name][key] == pytest.approx(found[1][name][key], abs=1e-9)


def test_unit_eyes_is_percent_of_the_outer_eye_distance(pfbench: Any, faces: np.ndarray, tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", faces)
    eyes, px = (json.loads(pfbench("measure", file, "--unit", u, "--json").out)["faces"]["f0"] for u in ("eyes", "px"))
    d = px["outer_px"]
    assert eyes["outer_px"] == d
    assert eyes["commissure_position_left"] == pytest.approx(100 * px["commissure_position_left"] / d)
    assert eyes["eye_area_left"] == pytest.approx(100 * px["eye_area_left"] / d**2)
    assert eyes["smile_angle_left"] == px["smile_angle_left"]


def test_faces_without_landmarks_are_named(pfbench: Any, faces: np.ndarray, tmp_path: Path) -> None:
    faces[1] = np.nan
    file = table(tmp_path / "a.csv", faces, reason=["", "no face found", ""])
    done = pfbench("measure", file, "--json")
    assert done.code == 0 and "f1: no landmarks (no face found)" in done.err
    assert set(json.loads(done.out)["faces"]["f1"].values()) == {None}


def test_faces_that_cannot_be_measured_are_named(pfbench: Any, faces: np.ndarray, tmp_path: Path) -> None:
    faces[0] = 40
    faces[1, :, 0] *= -1
    faces[2] = 50
    done = pfbench("measure", table(tmp_path / "a.csv", faces), "--json")
    assert done.code == 0 and "RuntimeWarning" not in done.err and "closed" not in done.err
    assert "corners of the eyes are missing or coincide: f0, f2" in done.err
    assert "right and left seem to be exchanged" in done.err and "numbers wrong: f1" in done.err


def test_text_and_files(pfbench: Any, faces: np.ndarray, tmp_path: Path) -> None:
    file = table(tmp_path / "a.csv", faces[:1])
    done = pfbench("measure", file, "--measure", "fai", "--measure", "opening", "--out", tmp_path / "out")
    assert done.code == 0 and "right - left" in done.out and "commissure" not in done.out
    written = pd.read_csv(tmp_path / "out" / "measures.csv")
    assert list(written)[-3:] == ["fai", "opening_right", "opening_left"] or "fai" in written
    many = pfbench("measure", table(tmp_path / "b.csv", np.repeat(faces, 2, axis=0)))
    assert many.out.startswith("id,outer_px,")


def test_drawing(pfbench: Any, faces: np.ndarray, tmp_path: Path) -> None:
    cv2.imwrite(str(tmp_path / "face.png"), np.full((240, 240, 3), 120, np.uint8))
    (tmp_path / "face.pts").write_text(pts(faces[0]), encoding="utf-8")
    done = pfbench("measure", tmp_path / "face.pts", "--draw", "--out", tmp_path / "out")
    assert done.code == 0, done.err
    image = cv2.imread(str(tmp_path / "out" / "face.png"))
    assert image.shape[0] >= 1000
    green = (np.abs(image.astype(int) - [122, 214, 55]).max(axis=2) < 12).sum()  # the lines to the corners of the mouth
    assert green > 500


def test_lines_end_where_the_landmarks_are(faces: np.ndarray) -> None:
    from parface_bench.clinical.frames import lay
    from parface_bench.predicting.draw_measures import lines, to_picture

    turn = np.radians(20)
    rolled = faces[:1] @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    shapes = lay(rolled, "ibug68")
    ends = np.concatenate([to_picture(shapes, rolled[0], line.ends) for line in lines(shapes)])
    for landmark in (48, 54, 30, 51, 8):
        assert np.linalg.norm(ends - rolled[0, landmark], axis=1).min() < 1e-9


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--frame", "given"), "no pupils"),
        (("--frame", "head"), "no depth"),
        (("--schema", "wflw98"), "'wflw98' has 98"),
        (("--unit", "cm"), "unknown unit"),
        (("--measure", "browheight"), "unknown measure"),
        (("--unit", "mm"), "name the scale with --scale"),
        (("--scale", "pupils"), "unit 'mm' and a scale go together"),
        (("--unit", "mm", "--scale", "iris:7"), "that of one face"),
        (("--measure", "depth_asymmetry"), "needs 3D landmarks"),
        (("--draw",), "photograph of 'f0' is not known"),
    ],
)
def test_bad_requests(pfbench: Any, faces: np.ndarray, tmp_path: Path, arguments: tuple[str, ...], words: str) -> None:
    done = pfbench("measure", table(tmp_path / "a.csv", faces), *arguments)
    assert done.code == 2 and words in done.err and "Traceback" not in done.err


def test_bad_files(pfbench: Any, faces: np.ndarray, tmp_path: Path) -> None:
    (tmp_path / "a.pts").write_text(pts(faces[0][:29]), encoding="utf-8")
    assert "can be taken from" in pfbench("measure", tmp_path / "a.pts", "--schema", "cofw29").err
    assert "name the layout with --schema" in pfbench("measure", tmp_path / "a.pts").err
    assert "no such file" in pfbench("measure", tmp_path / "nothing.jpg").err
    assert "no readable picture" in pfbench("measure", __file__).err
    (tmp_path / "b.json").write_text("{}", encoding="utf-8")
    assert "not a document of" in pfbench("measure", tmp_path / "b.json").err
    both = (tmp_path / "c.csv", tmp_path / "d.csv")
    table(both[0], faces), table(both[1], np.random.default_rng(0).uniform(0, 200, (2, 98, 2)))
    assert "different layouts" in pfbench("measure", *both).err


def test_what_is_not_ours_is_kept(pfbench: Any, faces: np.ndarray, tmp_path: Path) -> None:
    mine = tmp_path / "out" / "measures.csv"
    mine.parent.mkdir()
    mine.write_text("mine")
    words = ("measure", table(tmp_path / "a.csv", faces), "--out", tmp_path / "out")
    done = pfbench(*words)
    assert done.code == 2 and "--force" in done.err and mine.read_text() == "mine"
    assert pfbench(*words, "--force").code == 0 and mine.read_text().startswith("id,")
    assert pfbench(*words).code == 0  # now it is ours


@pytest.mark.parametrize(
    "text",
    [
        "[" * 100_000, '{"faces": 7}', '{"faces": [{"id": "a", "landmarks": 5}]}',
        '{"faces": [{"id": "a", "landmarks": [5]}]}', '{"faces": [{"id": "a", "landmarks": [[1, 1e300]]}]}',
        '{"faces": [{"id": "a", "landmarks": [[NaN, 1]]}]}',
        '{"faces": [{"id": "a", "landmarks": [[1, 1' + "0" * 400 + "]]}]}",
        '{"faces": [7]}', '{"faces": []}', "[]", "7",
    ],
)  # fmt: skip
def test_documents_that_are_none(pfbench: Any, tmp_path: Path, text: str) -> None:
    (tmp_path / "a.json").write_text(text)
    done = pfbench("measure", tmp_path / "a.json")
    assert done.code == 2 and "a.json" in done.err and "internal" not in done.err


def test_pipes_are_not_waited_for(pfbench: Any, tmp_path: Path) -> None:
    for name in ("a.json", "a.pts", "a.csv", "a.parquet"):
        os.mkfifo(tmp_path / name)
        done = pfbench("measure", tmp_path / name)
        assert done.code == 2 and name in done.err
