"""``pfbench data``: check, stats, preview, path, prepare."""

from __future__ import annotations

import json
from pathlib import Path

import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from parface_bench.cli.main import build_app
from parface_bench.registry import UserError, catalogue
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

    def test_a_table_of_ones_own(self, tmp_path: Path) -> None:
        layouts.landmark_table(tmp_path / "t")
        options = ("--data-root", tmp_path / "t", "--name", "my-clinic", "--base", 1)
        report = json.loads(run("check", "landmark-table", *options, "--json").stdout)
        assert (report["dataset"], report["faces"]["all"], report["faults"]) == ("my-clinic", 4, [])
        with pytest.raises(UserError, match="data set 'wflw' has no option 'base'"):
            run("check", "wflw", "--data-root", tmp_path, "--base", 1)

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
        with pytest.raises(UserError, match="give another place"):
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
    page = (Path(__file__).resolve().parents[2] / "docs/how-to/add-a-dataset.md").read_text("utf-8")
    code = next(block for block in page.split("```python\n")[1:] if "@dataset(" in block).split("```")[0]
    (tmp_path / "my_clinic.py").write_text(code)
    rows = []
    for n in range(3):
        layouts.picture(tmp_path / f"clinic/photos/{n}.jpg")
        layouts.put(tmp_path / f"clinic/points/{n}.pts", layouts.pts(layouts.shape(68, n)))
        rows.append(f"photos/{n}.jpg,points/{n}.pts,left,{n},{'train' if n else 'test'}")
    layouts.put(tmp_path / "clinic/labels.csv", "image,pts,side,grade,split\n" + "\n".join(rows) + "\n")
    options = ("my-clinic", "--plugin", tmp_path / "my_clinic.py", "--data-root", tmp_path / "clinic")
    with catalogue.temporarily():
        report = json.loads(run("check", *options, "--json").stdout)
        assert (report["faces"], report["faults"]) == ({"train": 2, "test": 1}, [])
        assert run("preview", *options).exit_code == 0


class TestNamesThatLeaveTheRoot:
    """The sentence names the annotation's file and row, and a check goes on with the other rows."""

    @pytest.mark.parametrize("bad", ["../../etc/passwd.jpg", "/etc/passwd", "a/../../b.jpg", "..\\..\\b.jpg"])
    @pytest.mark.parametrize("name", ["wflw", "landmark-table", "coco", "ls3d", "celeba", "aflw"])
    def test_is_refused_with_its_place(self, name: str, bad: str, tmp_path: Path) -> None:
        root = tmp_path / "faces"
        if name == "wflw":
            layouts.wflw(root)
            file = next(root.rglob("list_98pt_rect_attr_test.txt"))
            lines = file.read_text().splitlines()
            file.write_text("\n".join([lines[0], " ".join([*lines[1].split()[:206], bad]), *lines[2:]]))
            # the subset lists name the face that is gone: another file's fault, and a right one
            for other in root.rglob("list_98pt_test_*.txt"):
                other.unlink()
            place, split, left = f"{file}:2", "test", len(lines) - 1
        elif name == "aflw":
            import sqlite3

            layouts.aflw_database(root)
            base = sqlite3.connect(next(root.rglob("aflw.sqlite")))
            base.execute("update FaceImages set filepath = ? where rowid = 1", (bad,))
            base.commit()
            base.close()
            place, split, left = "AFLW's face", "", None  # the split follows from the name
        elif name == "celeba":
            layouts.celeba(root)
            file = next(root.rglob("list_eval_partition.txt"))
            file.write_text(file.read_text().rstrip("\n") + f"\n{bad} 0\n")
            place, split, left = f"{file}:", "all", None
        else:
            marks = layouts.shape(68, 0)
            for number in range(3):
                layouts.picture(root / f"{number}.jpg")
            names = ["0.jpg", bad, "2.jpg"]
            if name == "landmark-table":
                file = root / "labels.csv"
                head = ",".join(["image", *(f"{axis}{i}" for i in range(68) for axis in "xy")])
                file.write_text("\n".join([head, *(f"{n}," + ",".join(map(str, marks.ravel())) for n in names)]))
                place = f"{file}: row 3"
            elif name == "coco":
                file = root / "faces.json"
                keypoints = [v for x, y in marks for v in (float(x), float(y), 2)]
                images = [{"id": i, "file_name": n} for i, n in enumerate(names)]
                notes = [{"image_id": i, "keypoints": keypoints} for i in range(3)]
                file.write_text(json.dumps({"images": images, "annotations": notes}))
                place = str(file)
            else:
                file = root / "ls3d.ljson"
                file.write_text(json.dumps([{"img_path": n, "landmarks": marks.tolist()} for n in names]))
                place = f"{file}: row 1"
            split, left = "all", 2
        with pytest.raises(UserError, match="is absolute or leaves its folder"):
            run("check", name, "--data-root", root, "--json", "--out", tmp_path / "report.json")
        report = json.loads((tmp_path / "report.json").read_text())
        assert any(place in fault and "leaves its folder" in fault for fault in report["faults"])
        if left is not None:
            assert report["faces"][split] == left
        with pytest.raises(UserError, match="leaves its folder"):
            run("preview" if split else "stats", name, "--data-root", root, *(["--split", split] if split else []))
        assert not list(tmp_path.glob("*.png"))


def test_one_fault_is_said_at_once(tmp_path: Path) -> None:
    layouts.wflw(tmp_path / "w")
    next((tmp_path / "w").rglob("*.jpg")).write_bytes(b"")
    with pytest.raises(UserError, match=r"1 fault in data set 'wflw': .*\.jpg: the picture is empty .* copy it again$"):
        run("check", "wflw", "--data-root", tmp_path / "w")


def test_repeated_faces_are_noted(tmp_path: Path) -> None:
    layouts.wflw(tmp_path / "w")
    file = next((tmp_path / "w").rglob("list_98pt_rect_attr_train.txt"))
    lines = file.read_text().splitlines()
    file.write_text("\n".join([*lines, lines[0]]))
    done = run("check", "wflw", "--data-root", tmp_path / "w")
    assert "1 face of split 'train' a second time" in done.stdout


def test_an_aflw_database_without_faces(tmp_path: Path) -> None:
    import sqlite3

    layouts.aflw_database(tmp_path / "a")
    base = sqlite3.connect(next((tmp_path / "a").rglob("aflw.sqlite")))
    base.execute("delete from Faces")
    base.commit()
    base.close()
    with pytest.raises(UserError, match=r"aflw\.sqlite: holds no face"):
        run("check", "aflw", "--data-root", tmp_path / "a")


@pytest.mark.parametrize("pose", ["nan", "missing", "short"])
def test_a_pose_that_tells_no_yaw_is_a_fault(pose: str, tmp_path: Path) -> None:
    """Without it the face would be in no yaw bin, silently."""
    import scipy.io

    layouts.aflw2000_3d(tmp_path / "a")
    file = sorted((tmp_path / "a").rglob("image*.mat"))[0]
    content = {k: v for k, v in scipy.io.loadmat(file).items() if not k.startswith("__")}
    if pose == "missing":
        del content["Pose_Para"]
    elif pose == "short":
        content["Pose_Para"] = np.zeros((1, 1))
    else:
        content["Pose_Para"][0, 1] = np.nan
    scipy.io.savemat(file, content)
    with pytest.raises(UserError, match=rf"1 fault .*{file.name}.*Pose_Para"):
        run("check", "aflw2000-3d", "--data-root", tmp_path / "a")


FAILING = '''
import pandas as pd
from parface_bench import dataset

@dataset("fails-here", schema="ibug68", protocol="300w")
def fails_here(root, split):
    """Reads what is not there."""
    if split == "train":
        return pd.DataFrame({"a": [1]})["b"]
    return [1, 2, 3]
'''


def test_a_users_function_that_fails_is_named_with_its_line(tmp_path: Path) -> None:
    (tmp_path / "fails.py").write_text(FAILING)
    (tmp_path / "root").mkdir()
    with catalogue.temporarily():
        catalogue.load_file(tmp_path / "fails.py")
        with pytest.raises(UserError, match=r"fails\.py:9 \(KeyError: 'b'\); correct it or the files in"):
            run("stats", "fails-here", "--data-root", tmp_path / "root", "--split", "train")
        with pytest.raises(UserError, match="2 faults in data set 'fails-here'"):
            run("check", "fails-here", "--data-root", tmp_path / "root")


def test_names_that_are_no_utf8(tmp_path: Path) -> None:
    import os

    layouts.w300(tmp_path / "w")
    for suffix in (".jpg", ".pts"):
        old = tmp_path / "w/ibug" / f"image_5_1{suffix}"
        old.rename(os.fsdecode(os.fsencode(old.parent) + b"/caf\xe9" + suffix.encode()))
    with pytest.raises(
        UserError, match=r"2 faults in data set '300w': .*ibug/caf\\xe9.jpg is no UTF-8; rename the file"
    ):
        run("check", "300w", "--data-root", tmp_path / "w")
    with pytest.raises(UserError, match="is no UTF-8; rename"):
        run("stats", "300w", "--data-root", tmp_path / "w")
