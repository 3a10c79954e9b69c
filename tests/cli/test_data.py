"""``pfbench data``: check, stats, preview, path, prepare."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from parface_bench.cli.main import build_app
from parface_bench.registry import UserError, WorkError
from tests.data import dataset_layouts as layouts

DETECTOR = """
import numpy as np
from parface_bench import method

@method("corner-finder", task="detection")
class CornerFinder:
    '''Finds a face in the middle of every picture.'''

    def detect(self, image):
        height, width = image.shape[:2]
        return np.array([[0.2 * width, 0.1 * height, 0.8 * width, 0.9 * height, 0.75]])
"""


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "home"))


def run(*arguments: object) -> Result:
    return CliRunner().invoke(build_app(), ["data", *map(str, arguments)], catch_exceptions=False)


class TestCheck:
    def test_all_faults_in_one_report(self, tmp_path: Path) -> None:
        root = tmp_path / "my faces"
        layouts.w300(root)
        (root / "afw/image_0_1.jpg").unlink()
        (root / "ibug/image_5_1.pts").unlink()
        good = (root / "ibug/image_5_2.jpg").read_bytes()
        (root / "ibug/image_5_2.jpg").write_bytes(good[: len(good) // 2])
        (root / "helen/testset/image_3_1.jpg").write_bytes(b"")
        layouts.put(root / "lfpw/testset/image_4_1.pts", layouts.pts(layouts.shape(66, 0)))
        layouts.put(root / "lfpw/testset/image_4_2.pts", layouts.pts(layouts.shape(68, 0) + 500))
        with pytest.raises(UserError, match="6 faults in data set '300w'"):
            run("check", "300w", "--data-root", root, "--out", tmp_path / "report.txt", "--json")
        faults = json.loads((tmp_path / "report.txt").read_text())["faults"]
        for words in ("image_0_1.pts", "image_5_1.jpg", "image_5_2.jpg", "image_3_1.jpg", "66", "68 of 68 landmarks"):
            assert sum(words in fault for fault in faults) == 1, words
        assert all(str(root) in fault for fault in faults)

    def test_a_sound_set(self, tmp_path: Path) -> None:
        layouts.wflw(tmp_path / "w")
        done = run("check", "wflw", "--data-root", tmp_path / "w", "--json")
        report = json.loads(done.stdout)
        assert (done.exit_code, report["faults"], report["faces"]) == (0, [], {"train": 4, "test": 4})
        assert report["expected"] == {"train": 7500, "test": 2500}
        assert "4 faces of 7500" in run("check", "wflw", "--data-root", tmp_path / "w").stdout

    def test_missing_pictures_are_all_named(self, tmp_path: Path) -> None:
        layouts.wflw(tmp_path / "w")
        for file in (tmp_path / "w/WFLW_images").rglob("*.jpg"):
            file.unlink()
        with pytest.raises(UserError, match="4 faults"):
            run("check", "wflw", "--data-root", tmp_path / "w", "--no-pictures")

    def test_nothing_there(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match=r"no root is set.*download"):
            run("check", "wflw")
        (tmp_path / "empty").mkdir()
        with pytest.raises(UserError, match="faults"):
            run("check", "wflw", "--data-root", tmp_path / "empty")

    def test_a_report_that_cannot_be_written(self, tmp_path: Path) -> None:
        layouts.wflw(tmp_path / "w")
        with pytest.raises(WorkError, match="give another place"):
            run("check", "wflw", "--data-root", tmp_path / "w", "--out", tmp_path / "w/WFLW_images")


def test_stats(tmp_path: Path) -> None:
    layouts.landmark_table(tmp_path / "t")
    found = json.loads(run("stats", "landmark-table", "--data-root", tmp_path / "t", "--json").stdout)["splits"]
    assert found["all"]["faces"] == 4
    assert found["all"]["tags"] == {"old": {"False": 2, "True": 2}}
    assert found["all"]["box_size"]["median"] == 70
    assert found["all"]["yaw"]["0..15"] == 2
    assert found["train"]["fingerprint"] != found["all"]["fingerprint"]
    text = run("stats", "landmark-table", "--data-root", tmp_path / "t", "--split", "val").stdout
    assert "faces: 1" in text
    assert "train" not in text


class TestPreview:
    def test_landmarks_are_drawn_where_they_are(self, tmp_path: Path) -> None:
        layouts.picture(tmp_path / "t/a.png")
        cv2.imwrite(str(tmp_path / "t/a.png"), np.zeros((100, 120, 3), np.uint8))
        marks = layouts.shape(68, 0)
        row = ",".join(f"{v}" for v in marks.ravel())
        head = ",".join(f"x{k},y{k}" for k in range(68))
        layouts.put(tmp_path / "t/t.csv", f"image,{head}\na.png,{row}\n")
        out = tmp_path / "sheet.png"
        assert run("preview", "landmark-table", "--data-root", tmp_path / "t", "--out", out).stdout.strip() == str(out)
        picture = cv2.imread(str(out))
        assert picture.shape == (288, 288, 3)
        green = (picture[:, :, 1] > 200) & (picture[:, :, 0] < 150) & (picture[:, :, 2] < 150)
        assert 100 < green.sum() < 5000

    def test_default_name_and_options(self, tmp_path: Path) -> None:
        layouts.coco(tmp_path / "c")
        assert (
            run(
                "preview", "coco", "--data-root", tmp_path / "c", "-n", "1", "--crop", "given", "--set", "base=1"
            ).exit_code
            == 0
        )
        assert (tmp_path / "coco-test.png").is_file()
        with pytest.raises(UserError, match="crop mode 'gven'"):
            run("preview", "coco", "--data-root", tmp_path / "c", "--crop", "gven")
        with pytest.raises(UserError, match=r"\.png or \.jpg"):
            run("preview", "coco", "--data-root", tmp_path / "c", "--out", "x.txt")
        with pytest.raises(UserError, match="expected KEY=VALUE"):
            run("preview", "coco", "--data-root", tmp_path / "c", "--set", "base")
        with pytest.raises(UserError, match="option 'bace'"):
            run("preview", "coco", "--data-root", tmp_path / "c", "--set", "bace=1")


def test_path_remembers(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="no root is set"):
        run("path", "lapa")
    layouts.lapa(tmp_path / "data sets/lapa")
    assert run("path", "lapa", "data sets/lapa").stdout.strip() == str(tmp_path / "data sets/lapa")
    assert "set by pfbench data path" in run("path", "lapa").stdout
    assert run("stats", "lapa").exit_code == 0
    with pytest.raises(UserError, match="unknown dataset 'lappa'"):
        run("path", "lappa", tmp_path)


class TestPrepare:
    def test_boxes_of_a_detector_plugin(self, tmp_path: Path) -> None:
        (tmp_path / "finder.py").write_text(DETECTOR)
        layouts.image_folder(tmp_path / "f")
        options = ("--data-root", tmp_path / "f", "--plugin", tmp_path / "finder.py", "--detector", "corner-finder")
        done = run("prepare", "image-folder", *options, "--split", "all")
        assert "6 boxes" in done.stdout
        out = tmp_path / "csv/celeba_annotations.csv"
        run("prepare", "image-folder", *options, "--split", "train", "--out", out)
        assert out.read_text().splitlines()[0] == "image_path,x1,y1,x2,y2,scale,id"
        stats = json.loads(
            run("stats", "image-folder", "--data-root", tmp_path / "f", "--split", "all", "--json").stdout
        )
        assert stats["splits"]["all"]["box_size"]["median"] == pytest.approx(np.sqrt(72 * 80), abs=0.1)

    def test_no_such_detector(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="'heatmap' is no face detector"):
            run("prepare", "image-folder", "--detector", "heatmap", "--data-root", tmp_path)


def test_clinic_plugin_of_the_docs(tmp_path: Path) -> None:
    """The page on adding a data set is run as it stands."""
    page = (Path(__file__).resolve().parents[2] / "docs/add-a-dataset.md").read_text("utf-8")
    code = next(block for block in page.split("```python\n")[1:] if "@dataset(" in block).split("```")[0]
    (tmp_path / "my_clinic.py").write_text(code)
    rows = []
    for n in range(3):
        layouts.picture(tmp_path / f"clinic/photos/{n}.jpg")
        layouts.put(tmp_path / f"clinic/points/{n}.pts", layouts.pts(layouts.shape(68, n)))
        rows.append(f"photos/{n}.jpg,points/{n}.pts,left,{n},{'train' if n else 'test'}")
    layouts.put(tmp_path / "clinic/labels.csv", "file,pts,side,grade,part\n" + "\n".join(rows) + "\n")
    options = ("my-clinic", "--plugin", tmp_path / "my_clinic.py", "--data-root", tmp_path / "clinic")
    report = json.loads(run("check", *options, "--json").stdout)
    assert (report["faces"], report["faults"]) == ({"train": 2, "test": 1}, [])
    assert run("preview", *options).exit_code == 0
