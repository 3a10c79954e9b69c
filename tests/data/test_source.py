"""Finding a data set's root, reading it by name, standing in for one another."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from parface_bench.data import source as source_module
from parface_bench.data.images.face_boxes import attach, choose, prepare, table_of
from parface_bench.data.index import index
from parface_bench.data.roots import find_root, remember, variable
from parface_bench.data.source import load_index, open_source
from parface_bench.home import home
from parface_bench.registry import DATASETS, DatasetSpec, UserError, catalogue
from tests.data import dataset_layouts as layouts


@pytest.fixture(autouse=True)
def _fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "home"))
    monkeypatch.setattr(source_module, "_said", set())


@pytest.fixture
def declare(monkeypatch: pytest.MonkeyPatch):
    """Declare a data set for one test, also in place of a built-in one."""

    def add(name: str, function, **facts) -> DatasetSpec:
        spec = DatasetSpec(name=name, target=function, owner="a test", **facts)
        monkeypatch.setitem(catalogue.specs("dataset"), name, spec)
        return spec

    return add


class TestRoots:
    def test_order(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        spec = DATASETS.spec("aflw2000-3d")
        for name in ("given", "own", "all/aflw2000-3d", "remembered", "ini"):
            (tmp_path / name).mkdir(parents=True)
        assert find_root(spec) is None
        (tmp_path / "local_config.ini").write_text(f"[Paths]\n\n# a remark\naflw20003d = {tmp_path / 'ini'}\n")
        found = []
        for step in (
            lambda: None,
            lambda: remember("aflw2000-3d", tmp_path / "remembered"),
            lambda: monkeypatch.setenv("PFBENCH_DATA_ROOT", str(tmp_path / "all")),
            lambda: monkeypatch.setenv("PFBENCH_DATA_AFLW2000_3D", str(tmp_path / "own")),
        ):
            step()
            root = find_root(spec)
            found.append(root.path.name if root else None)
        assert found == ["ini", "remembered", "aflw2000-3d", "own"]
        assert find_root(spec, tmp_path / "given").path.name == "given"  # type: ignore[union-attr]

    def test_variable(self) -> None:
        assert variable("palsy-twin") == "PFBENCH_DATA_PALSY_TWIN"

    def test_a_root_that_is_not_there(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setenv("PFBENCH_DATA_WFLW", str(tmp_path / "none"))
        with pytest.raises(UserError, match="set by PFBENCH_DATA_WFLW"):
            find_root(DATASETS.spec("wflw"))
        with pytest.raises(UserError, match="no such folder"):
            remember("wflw", tmp_path / "none")

    def test_the_original_file_as_delivered_sets_nothing(self, tmp_path: Path) -> None:
        (tmp_path / "local_config.ini").write_text("[Paths]\nwflw = /path/to/datasets/wflw/\n")
        with pytest.raises(UserError, match=r"PFBENCH_DATA_WFLW.*download WFLW_images"):
            open_source("wflw")

    def test_the_original_file_without_a_section(
        self, tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        """As the original's README prints it: `data` (models) and `outputs` (images) are named as not read."""
        monkeypatch.setattr("parface_bench.data.source._said", set())
        (tmp_path / "own").mkdir()
        entries = {"data": "models-of-old", "outputs": "runs-of-old", "aflw20003d": tmp_path / "own"}
        text = "# where things are\n" + "".join(f"{name} = {value}\n" for name, value in entries.items())
        (tmp_path / "local_config.ini").write_text(text)
        assert find_root(DATASETS.spec("aflw2000-3d")).path == tmp_path / "own"
        assert find_root(DATASETS.spec("wflw")) is None
        open_source("aflw2000-3d")
        open_source("aflw2000-3d")
        said = capsys.readouterr().err
        assert said.count("'outputs' is not read; say --out runs-of-old") == 1
        assert said.count("'data' is not read; say --out models-of-old") == 1

    def test_celeba_as_a_bare_folder_of_pictures(self, tmp_path: Path) -> None:
        import cv2

        for number in range(3):
            (tmp_path / "some").mkdir(exist_ok=True)
            cv2.imwrite(str(tmp_path / "some" / f"{number}.png"), np.full((8, 8, 3), number, np.uint8))
        frame = load_index("celeba", "train", tmp_path)
        assert list(frame["image"]) == ["some/0.png", "some/1.png", "some/2.png"]
        with pytest.raises(UserError, match="split 'test' is empty"):
            load_index("celeba", "test", tmp_path)

    @pytest.mark.parametrize("text", ["no section", "[Paths\nx", "[Paths]\nwflw\n", "\xff\xfe"])
    def test_a_broken_ini(self, tmp_path: Path, text: str) -> None:
        (tmp_path / "local_config.ini").write_bytes(text.encode("latin-1"))
        with pytest.raises(UserError, match=r"local_config\.ini"):
            find_root(DATASETS.spec("wflw"))

    @pytest.mark.parametrize("text", ["", "{", "[]", '{"wflw": 3}'])
    def test_broken_memory(self, text: str) -> None:
        layouts.put(home() / "data_roots.json", text)
        with pytest.raises(UserError, match="delete it"):
            find_root(DATASETS.spec("wflw"))


class TestStandIn:
    def test_palsy_without_root(self, declare, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        made = []

        def make(**options: object) -> Path:
            made.append(options)
            layouts.picture(tmp_path / "made/a.png")
            return tmp_path / "made"

        def table(root: Path, split: str, size: int = 1) -> pd.DataFrame:
            return index(pd.DataFrame({"file": ["a.png"]}), image="file", split=split)

        declare("palsy-twin", table, make_root=make, splits=("train", "test"))
        for asked, given in (("parface", "test"), ("full", "test"), ("train", "train"), ("test", "test")):
            frame = load_index("palsy", asked, size=3)
            assert (frame.attrs["dataset"], frame["split"][0]) == ("palsy-twin", given)
        assert made[0] == {"size": 3}
        assert capsys.readouterr().err.count("'palsy-twin' is used instead") == 1
        assert "palsy-twin" in str(open_source("palsy").name)

    def test_palsy_with_root(self, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        (tmp_path / "p").mkdir()
        monkeypatch.setenv("PFBENCH_DATA_PALSY", str(tmp_path / "p"))
        with pytest.raises(UserError, match=r"palsy_test\.ljson"):
            load_index("palsy", "parface")


class TestLoading:
    def test_unknown_names(self, tmp_path: Path) -> None:
        with pytest.raises(UserError, match="did you mean 'wflw'"):
            load_index("wfwl", "test", tmp_path)
        with pytest.raises(UserError, match=r"no split 'tset'; did you mean 'test'"):
            load_index("wflw", "tset", tmp_path)

    def test_changed_files_are_read_again(self, tmp_path: Path) -> None:
        layouts.landmark_table(tmp_path)
        first = load_index("landmark-table", "all", tmp_path)
        table = pd.read_csv(tmp_path / "landmarks.csv")
        table["x0"] += 1
        table.to_csv(tmp_path / "landmarks.csv", index=False)
        second = load_index("landmark-table", "all", tmp_path)
        assert first.attrs["fingerprint"] != second.attrs["fingerprint"]

    def test_a_changed_plugin_is_run_again(self, tmp_path: Path) -> None:
        code = (
            "from parface_bench import dataset, index\nimport pandas as pd\n\n"
            "@dataset('edited')\ndef edited(root, split):\n"
            "    return index(pd.DataFrame({{'f': ['a.png']}}), image='f', id=lambda r: '{}', split=split)\n"
        )
        layouts.picture(tmp_path / "data/a.png")
        names = []
        with catalogue.temporarily():
            for name in ("one", "two"):
                (tmp_path / "edited.py").write_text(code.format(name))
                catalogue.load_file(tmp_path / "edited.py")
                names += list(load_index("edited", "test", tmp_path / "data")["id"])
        assert names == ["one", "two"]

    def test_missing_pictures(self, tmp_path: Path) -> None:
        layouts.landmark_table(tmp_path)
        (tmp_path / "faces/2.png").unlink()
        with pytest.raises(UserError, match=r"1 of 4 pictures.*faces/2\.png"):
            load_index("landmark-table", "all", tmp_path)

    @pytest.mark.parametrize("name", ["../secret.png", "/etc/passwd", "C:\\x.png", "a/../../b.png"])
    def test_pictures_outside_the_root(self, tmp_path: Path, name: str) -> None:
        (tmp_path / "in").mkdir()
        layouts.picture(tmp_path / "secret.png")
        layouts.put(tmp_path / "in/t.csv", f"image,x0,y0\n{name},1,2\n")
        with pytest.raises(UserError, match="leaves its folder"):
            load_index("landmark-table", "all", tmp_path / "in")

    def test_an_empty_folder(self, tmp_path: Path) -> None:
        (tmp_path / "empty").mkdir()
        for spec in list(DATASETS):
            if spec.owner.startswith("parface-bench") and spec.make_root is None:
                with pytest.raises(UserError):
                    load_index(spec.name, spec.splits[0], tmp_path / "empty")


class Detector:
    """Finds two boxes, the second around the face of the layouts."""

    calls = 0

    def detect(self, image: np.ndarray) -> np.ndarray:
        Detector.calls += 1
        if Detector.calls == 3:
            raise KeyboardInterrupt
        return np.array([[0, 0, 10, 10, 0.9], [22.5, 11, 95, 85, 0.8]])


class TestDetectedBoxes:
    def test_prepare_and_resume(self, tmp_path: Path) -> None:
        truth = layouts.w300(tmp_path / "w")
        frame = load_index("300w", "full", tmp_path / "w")
        Detector.calls = 0
        with pytest.raises(KeyboardInterrupt):
            prepare([frame], Detector(), table_of("300w", tmp_path / "w"))
        assert not table_of("300w", tmp_path / "w").exists()
        count, missing = prepare([frame], Detector(), table_of("300w", tmp_path / "w"))
        assert (count, missing) == (len(truth["full"]), [])
        assert Detector.calls == len(truth["full"]) + 1
        boxes = load_index("300w", "full", tmp_path / "w")
        assert boxes["bbox_detector"][0].tolist() == [22.5, 11, 95, 85]
        assert boxes.attrs["fingerprint"] == frame.attrs["fingerprint"]
        assert "bbox_detector" in attach(frame, "300w")

    def test_boxes_of_one_folder_are_not_those_of_another(self, tmp_path: Path) -> None:
        """Two folders of pictures with the same names."""
        for name in ("one", "two"):
            layouts.picture(tmp_path / name / "a.jpg")
        Detector.calls = 10
        frames = [load_index("image-folder", split, tmp_path / "one") for split in ("train", "all")]
        assert prepare(frames, Detector(), table_of("image-folder", tmp_path / "one")) == (1, [])
        assert Detector.calls == 11  # the splits are the same pictures, which are looked at once
        assert load_index("image-folder", "all", tmp_path / "one")["bbox"][0].tolist() == [0, 0, 10, 10]
        assert load_index("image-folder", "all", tmp_path / "two")["bbox"][0] is None

    def test_choice(self) -> None:
        face = pd.Series({"bbox": np.array([0.0, 0, 10, 10]), "landmarks": None})
        found = np.array([[0, 0, 9, 9, 0.1], [50, 50, 60, 60, 0.9]])
        assert choose(found, face)[4] == 0.1  # type: ignore[index]
        assert choose(found[1:], face) is None
        face["bbox"] = None
        assert choose(found, face)[4] == 0.9  # type: ignore[index]
        assert choose(found[:0], face) is None


def test_notes_are_told_from_the_cache_too(
    tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    layouts.picture(tmp_path / "w/ibug/x.jpg")
    layouts.put(tmp_path / "w/ibug/x.pts", layouts.pts(layouts.shape(68, 0)))
    for _ in range(2):
        monkeypatch.setattr(source_module, "_said", set())
        load_index("300w", "full", tmp_path / "w")
        assert "helen/testset, lfpw/testset missing" in capsys.readouterr().err


def test_csv_beside_the_working_directory(tmp_path: Path) -> None:
    """As the original has it: tables in ./csv, pictures elsewhere."""
    layouts.picture(tmp_path / "far/away/v/0.jpg")
    layouts.put(
        tmp_path / "csv/palsy_test.ljson",
        json.dumps([{"img_path": "x/v/0.jpg", "landmarks_MAL3D": layouts.shape(68, 0, 3).tolist()}]),
    )
    assert list(load_index("palsy", "parface", tmp_path / "far/away")["id"]) == ["v/0"]


def test_a_limit_reaches_the_maker(tmp_path: Path) -> None:
    """A set that makes its faces makes no more than asked for, and the limited table is another one than the whole."""
    (tmp_path / "twin").mkdir()
    source = open_source("palsy-twin", tmp_path / "twin", test=60, image_size=64)
    few = source.index("test", limit=5)
    assert len(few) == 5
    assert len(list((tmp_path / "twin").rglob("*.jpg"))) == 50  # pictures are made in blocks of 50
    assert few.attrs["fingerprint"] != source.index("test").attrs["fingerprint"]
    assert len(source.index("test", limit=500)) == 60
