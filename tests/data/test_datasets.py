"""Every data set, from small files in its original layout, and from the real ones where they are."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io

from parface_bench.data.check import check
from parface_bench.data.images.reading import read_image
from parface_bench.data.index import stack
from parface_bench.data.preview import sheet
from parface_bench.data.source import load_index, open_source
from parface_bench.faces import get_schema
from parface_bench.plugins.datasets import aflw as aflw_reader
from parface_bench.plugins.datasets.aflw2000 import photograph
from parface_bench.registry import DATASETS, UserError
from tests.data import dataset_layouts as layouts

MADE_ELSEWHERE = {"palsy-twin", "palsy-twin-v1"}


@pytest.fixture(scope="module")
def roots(tmp_path_factory: pytest.TempPathFactory) -> dict[str, tuple[Path, layouts.Truth]]:
    """Folders with spaces and other letters in their names, each written once."""
    made: dict[str, tuple[Path, layouts.Truth]] = {}

    class Roots(dict):
        def __missing__(self, name: str) -> tuple[Path, layouts.Truth]:
            root = tmp_path_factory.mktemp("gesichter für tests") / name
            root.mkdir()
            self[name] = (root, layouts.LAYOUTS[name](root))
            return self[name]

    return Roots(made)


@pytest.fixture(autouse=True)
def _small_aflw(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one has 20,000 training faces."""
    assert aflw_reader.TRAIN == 20000
    monkeypatch.setattr(aflw_reader, "TRAIN", layouts.AFLW_TRAIN)


def test_every_builtin_set_is_tested() -> None:
    builtin = {s.name for s in DATASETS if s.owner.startswith("parface-bench")}
    assert builtin == set(layouts.LAYOUTS) | MADE_ELSEWHERE


@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_reads_its_layout(name: str, roots: dict) -> None:
    root, truth = roots[name]
    spec = DATASETS.spec(name)
    assert truth.keys() <= set(spec.splits)
    for split, faces in truth.items():
        frame = load_index(name, split, root)
        assert sorted(frame["id"]) == sorted(faces)
        assert frame.attrs["schema"] or not any(m is not None for m in frame["landmarks"])
        for row in frame.itertuples():
            expected = faces[row.id]
            if expected is None:
                assert row.landmarks is None
            else:
                np.testing.assert_allclose(row.landmarks, expected, atol=2e-6)
                assert len(row.landmarks) == len(get_schema(frame.attrs["schema"]))
        row = next(frame.itertuples())
        assert read_image(frame.attrs["root"], row.image).shape == (100, 120, 3)


@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_check_finds_no_fault_and_preview_draws(name: str, roots: dict) -> None:
    root, truth = roots[name]
    report = check(open_source(name, root))
    assert report.faults == []
    assert report.faces.keys() >= truth.keys()
    split = next(iter(truth))
    assert report.faces[split] == len(truth[split])
    picture = sheet(load_index(name, split, root), number=3, columns=3)
    assert picture.shape == (288, 288 * min(3, len(truth[split])), 3)
    assert picture.std() > 10


@pytest.mark.parametrize("name", [*sorted({*layouts.LAYOUTS} - {"300w-lp"}), "aflw database"])
def test_damaged_files_are_faults(name: str, tmp_path: Path) -> None:
    """Whatever becomes of a file: a report, never an exception; and an empty annotation is noticed.

    (300W-LP is read as AFLW2000-3D is.)
    """
    (layouts.LAYOUTS.get(name) or layouts.aflw_database)(tmp_path)
    notes = sorted(p for p in tmp_path.rglob("*") if p.is_file() and p.suffix not in (".jpg", ".png"))
    rng = np.random.default_rng(0)
    for file in notes[:2] + notes[-1:]:
        data = file.read_bytes()
        noise = np.frombuffer(data, np.uint8).copy()
        noise[rng.integers(0, len(noise), 30)] = rng.integers(0, 256, 30)
        for damaged in (b"", data[: len(data) * 5 // 9], noise.tobytes()):
            file.write_bytes(damaged)
            report = check(open_source(name.split()[0], tmp_path), pictures=False)
            unread = file.name.endswith(("_val.npy", "_aro.npy", "_pts.mat", "Shape.mat"))
            assert report.faults or unread or damaged, file
        file.write_bytes(data)


@pytest.mark.parametrize("name", layouts.LAYOUTS)
def test_cache_gives_what_the_files_give(name: str, roots: dict) -> None:
    root, truth = roots[name]
    split = next(iter(truth))
    source = open_source(name, root)
    first, second = source.index(split), source.index(split)
    assert first.attrs == second.attrs
    pd.testing.assert_frame_equal(first, second)


def test_facts_are_complete() -> None:
    for spec in DATASETS:
        if spec.owner.startswith("parface-bench") and spec.name not in MADE_ELSEWHERE:
            assert spec.how_to_get, spec.name
            assert set(spec.counts) <= set(spec.splits), spec.name
            assert {*spec.train_splits, *spec.test_splits} <= set(spec.splits), spec.name
            assert spec.citation or spec.name in ("landmark-table", "coco", "image-folder")


class TestW300:
    def test_understands_repackaged_folders(self, tmp_path: Path) -> None:
        names = {
            "afw": "images/train/afw",
            "helen/trainset": "images/train/helen",
            "lfpw/trainset": "images/LFPW_trainset",
            "helen/testset": "images/test/common/helen",
            "lfpw/testset": "images/LFPW_testset",
            "ibug": "images/test/challenging/ibug",
            "private/indoor": "images/test/300W/01_Indoor",
            "private/outdoor": "images/test/300W/02_Outdoor",
        }
        usual, other = tmp_path / "a", tmp_path / "b"
        layouts.w300(usual)
        layouts.w300(other, names)
        for split in layouts.SPLITS:
            one, two = load_index("300w", split, usual), load_index("300w", split, other)
            assert one.attrs["fingerprint"] == two.attrs["fingerprint"]

    def test_parts(self, tmp_path: Path, capsys: pytest.CaptureFixture) -> None:
        layouts.picture(tmp_path / "helen/testset/x.jpg")
        layouts.put(tmp_path / "helen/testset/x.pts", layouts.pts(layouts.shape(68, 0)))
        frame = load_index("300w", "full", tmp_path)
        assert list(frame["id"]) == ["helen/testset/x"]
        assert list(frame["common"]) == [True]
        assert "300W is incomplete: lfpw/testset, ibug missing" in capsys.readouterr().err

    def test_boxes(self, tmp_path: Path) -> None:
        layouts.picture(tmp_path / "helen/testset/x.jpg")
        layouts.put(tmp_path / "helen/testset/x.pts", layouts.pts(layouts.shape(68, 0)))
        box = {"imgName": "x.jpg", "bb_detector": [11.0, 12, 91, 92], "bb_ground_truth": [21.0, 22, 81, 82]}
        cells = np.empty((1, 1), dtype=object)
        cells[0, 0] = box
        layouts.mat(tmp_path / "Bounding Boxes/bounding_boxes_helen_testset.mat", {"bounding_boxes": cells})
        row = load_index("300w", "common", tmp_path).iloc[0]
        assert row["bbox"].tolist() == [20, 21, 80, 81]
        assert row["bbox_detector"].tolist() == [10, 11, 90, 91]

    def test_inside_a_tar(self, tmp_path: Path) -> None:
        marks = layouts.shape(68, 0)
        layouts.tar(tmp_path / "ibug.tar", {"ibug/a.jpg": layouts.picture(), "ibug/a.pts": layouts.pts(marks).encode()})
        frame = load_index("300w", "challenging", tmp_path)
        assert list(frame["image"]) == ["ibug.tar::ibug/a.jpg"]
        np.testing.assert_allclose(frame["landmarks"][0], marks, atol=1e-6)


class TestPoseSets:
    def test_renderings_of_a_photograph_stay_together(self, roots: dict) -> None:
        root, truth = roots["300w-lp"]
        train, val = (load_index("300w-lp", s, root) for s in ("train", "val"))
        assert sorted([*train["id"], *val["id"]]) == sorted(truth["all"])
        assert not {photograph(i) for i in train["image"]} & {photograph(i) for i in val["image"]}
        assert 0.02 < len(val) / len(truth["all"]) < 0.25

    def test_parface_json_is_the_same_set(self, tmp_path: Path) -> None:
        layouts.aflw2000_3d(tmp_path / "mats")
        mats = load_index("aflw2000-3d", "test", tmp_path / "mats")
        rows = [
            {"img_paths": f"AFLW2000/{r.id}.jpg", "landmarks": r.landmarks.tolist(), "bbox": [1, 2, 30, 40]}
            for r in mats.itertuples()
        ]
        for row in rows:
            layouts.picture(tmp_path / "json" / Path(row["img_paths"]).name)
        layouts.put(tmp_path / "json/csv/aflw2000_3D_anno_vd.json", json.dumps(rows))
        np.save(tmp_path / "json/csv/aflw2000_3D_yaw.npy", mats["yaw"].to_numpy() + 360)
        frame = load_index("aflw2000-3d", "test", tmp_path / "json")
        np.testing.assert_array_equal(stack(frame), stack(mats))
        np.testing.assert_allclose(frame["yaw"], mats["yaw"])
        assert frame["bbox"][0].tolist() == [1, 2, 31, 42]

    def test_base_can_be_chosen(self, roots: dict) -> None:
        root, _ = roots["aflw2000-3d"]
        shifted = load_index("aflw2000-3d", "test", root, base=0)
        np.testing.assert_allclose(
            stack(shifted) - stack(load_index("aflw2000-3d", "test", root)), [[[1, 1, 0]] * 68] * 4
        )


class TestClinical:
    def test_palsy_tags(self, roots: dict) -> None:
        frame = load_index("palsy", "full", roots["palsy"][0])
        assert frame.attrs["tags"] == ["side", "grade"]
        assert frame.attrs["dataset"] == "palsy"

    def test_palsy_in_a_tar_per_sequence(self, tmp_path: Path) -> None:
        marks = layouts.shape(68, 0, 3).tolist()
        rows = [{"img_path": f"/ds/palsy/{v}/frame.jpg", "landmarks_MAL3D": marks} for v in ("seq1", "seq2")]
        for video in ("seq1", "seq2"):
            layouts.tar(tmp_path / f"{video}.tar", {"frame.jpg": layouts.picture()})
        layouts.put(tmp_path / "csv/palsy_test.ljson", json.dumps(rows))
        frame = load_index("palsy", "parface", tmp_path)
        assert frame[["id", "image"]].to_numpy().tolist() == [
            [f"{v}/frame", f"{v}.tar::frame.jpg"] for v in ("seq1", "seq2")
        ]

    def test_neuroface_groups(self, roots: dict) -> None:
        frame = load_index("neuroface", "all", roots["neuroface"][0]).set_index("id")
        assert [i.split("/")[1] for i in frame.index[frame["healthy"]]] == ["HealthyControls"]
        assert frame[["ALS", "stroke", "healthy"]].sum().tolist() == [1, 1, 1]

    def test_meei_grades(self, roots: dict) -> None:
        frame = load_index("meei", "all", roots["meei"][0])
        cases = sorted(zip(frame["kind"], frame["grade"], strict=True))
        assert cases == [("flaccid", "severe"), ("normal", ""), ("synkinetic", "mild")]
        assert frame["bbox"][0].tolist() == [20.5, 10, 95, 90]


def test_aflw_database_alone(tmp_path: Path, capsys: pytest.CaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parface_bench.data.source._said", set())  # it is said once a process
    faces = layouts.aflw_database(tmp_path)
    frames = {s: load_index("aflw", s, tmp_path) for s in ("train", "full", "frontal")}
    assert len(frames["train"]) + len(frames["full"]) == len(faces)
    assert "split of pfbench's own" in capsys.readouterr().err
    row = frames["train"].iloc[0]
    expected = np.delete(faces[int(row["id"].split("#")[1])], [12, 16], axis=0)
    expected[~row["visible"]] = np.nan
    np.testing.assert_allclose(row["landmarks"], expected)
    assert row["box_size"] == 70
    assert set(frames["frontal"]["id"]) <= set(frames["full"]["id"])


def test_menpo_tables_and_tar(tmp_path: Path) -> None:
    marks = layouts.shape(68, 0)
    layouts.tar(tmp_path / "menpo_test.tar", {"IBUG/a.image.jpg": layouts.picture()})
    layouts.put(
        tmp_path / "csv/menpo_challenging.ljson",
        json.dumps({"img_path": {"0": "IBUG/a.image.jpg"}, "landmarks_2d": {"0": marks.tolist()}}),
    )
    frame = load_index("menpo2d", "challenging", tmp_path)
    assert frame["image"][0] == "menpo_test.tar::IBUG/a.image.jpg"
    np.testing.assert_array_equal(frame["landmarks"][0], marks)


def test_affectnet_tables(tmp_path: Path) -> None:
    marks = layouts.shape(68, 0)
    layouts.picture(tmp_path / "Manually_Annotated_Images/12/a.jpg")
    head = "subDirectory_filePath,face_x,face_y,face_width,face_height,facial_landmarks,expression,valence,arousal"
    flat = ";".join(map(str, marks.ravel()))
    layouts.put(
        tmp_path / "training.csv", f"{head}\n12/a.jpg,20,10,70,80,{flat},1,0.1,0.2\n12/b.jpg,0,0,0,0,{flat},10,0,0\n"
    )
    row = load_index("affectnet", "train", tmp_path).iloc[0]
    assert (row["expression"], row["bbox"].tolist()) == ("happy", [20, 10, 90, 90])
    np.testing.assert_array_equal(row["landmarks"], marks)


def test_vggface2_leaves_out_small_faces(roots: dict) -> None:
    assert len(load_index("vggface2", "train", roots["vggface2"][0], min_height=61)) == 2


class TestRealFiles:
    def test_300w(self, real_data: Path) -> None:
        train, full = (load_index("300w", s, real_data / "300w") for s in ("train", "full"))
        assert (len(train), len(full)) == (2012, 330)
        assert train["source"].value_counts().to_dict() == {"helen/trainset": 870, "lfpw/trainset": 805, "afw": 337}
        first = train[train["id"] == "afw/1051618982_1"].iloc[0]
        assert first["landmarks"][0].tolist() == [100.515199, 129.576428]

    def test_aflw2000(self, real_data: Path) -> None:
        frame = load_index("aflw2000-3d", "test", real_data / "aflw2000-3d")
        assert len(frame) == 8
        for row in frame.itertuples():
            mat = scipy.io.loadmat(real_data / "aflw2000-3d" / Path(row.image).with_suffix(".mat"))
            assert row.yaw == pytest.approx(np.degrees(mat["Pose_Para"][0, 1]), abs=1e-4)
            np.testing.assert_allclose(row.landmarks, mat["pt3d_68"].T - [1, 1, 0], atol=1e-4)
            assert row.landmarks[30, 2] > row.landmarks[[0, 16], 2].mean()  # the nose is nearer than the ears

    def test_sign_of_z(self, real_data: Path, golden: Path) -> None:
        """z has the sign of the faces that the original trains on, which its unused ``transform3D`` would turn."""
        numbers = np.load(golden / "geometry.npz")
        before, after = numbers["t3d_a_in"][:, 2], numbers["t3d_a_out"][:, 2]
        frontal = load_index("aflw2000-3d", "test", real_data / "aflw2000-3d").set_index("id").loc["image00050"]
        assert np.corrcoef(frontal["landmarks"][:, 2], before)[0, 1] > 0.8
        assert np.corrcoef(frontal["landmarks"][:, 2], after)[0, 1] < -0.8

    def test_300w_lp(self, real_data: Path) -> None:
        frame = load_index("300w-lp", "all", real_data / "300w-lp")
        assert frame["landmarks"][0].shape == (68, 2)
        assert frame["yaw"][0] == pytest.approx(-44.0087, abs=1e-3)

    def test_wflw(self, real_data: Path) -> None:
        frame = load_index("wflw", "test", real_data / "wflw")
        assert len(frame) == 104
        for part, tag in (("largepose", "pose"), ("makeup", "make-up"), ("blur", "blur"), ("occlusion", "occlusion")):
            listed = (real_data / f"wflw/WFLW_annotations/list_98pt_test/list_98pt_test_{part}.txt").read_text()
            assert frame[tag].sum() == len(listed.splitlines())

    @pytest.mark.parametrize(
        ("folder", "schema", "faces"),
        [
            ("300w", "ibug68", 2),
            ("300wlp", "ibug68", 2),
            ("aflw", "aflw19", 2),
            ("cofw", "cofw29", 2),
            ("lapa", "lapa106", 2),
            ("wflw", "wflw98", 4),
        ],
    )
    def test_coco_samples(self, real_data: Path, folder: str, schema: str, faces: int) -> None:
        frame = load_index("coco", "all", real_data / "mmpose-samples" / folder)
        assert (len(frame), frame.attrs["schema"]) == (faces, schema)

    @pytest.mark.parametrize("name", ["300w", "aflw2000-3d", "300w-lp", "wflw"])
    def test_check(self, real_data: Path, name: str) -> None:
        report = check(open_source(name, real_data / name), pictures=name != "300w")
        assert report.faults == []
        if name == "300w":
            assert report.faces == {"train": 2012, "common": 330, "full": 330}


class TestLandmarkTable:
    """Slips in a table of one's own."""

    @pytest.fixture
    def table(self, tmp_path: Path) -> Callable[..., Path]:
        def write(**changes: object) -> Path:
            layouts.picture(tmp_path / "a.jpg")
            rows = {"image": ["a.jpg"] * 3, "x0": [1.0, 2, 3], "y0": [4.0, 5, 6], **changes}
            pd.DataFrame(rows).to_csv(tmp_path / "t.csv", index=False)
            return tmp_path / "t.csv"

        return write

    def test_several_faces_of_a_picture(self, table: Callable[..., Path]) -> None:
        file = table(split=["train", "test", ""])
        frames = {split: load_index("landmark-table", split, file) for split in ("train", "test", "all")}
        assert {s: list(f["id"]) for s, f in frames.items()} == {
            "train": ["a"],
            "test": ["a#2"],
            "all": ["a", "a#2", "a#3"],
        }

    def test_a_split_that_is_none(self, table: Callable[..., Path]) -> None:
        with pytest.raises(UserError, match=r"t\.csv: row 3: the split 'tset' is none of train, val, test"):
            load_index("landmark-table", "all", table(split=["train", "tset", ""]))

    def test_half_a_box(self, table: Callable[..., Path]) -> None:
        with pytest.raises(UserError, match="a box needs the columns bbox_x1, .*; it has bbox_x1, bbox_y1"):
            load_index("landmark-table", "all", table(bbox_x1=1, bbox_y1=1))

    def test_other_separators(self, table: Callable[..., Path]) -> None:
        file = table()
        file.write_text(file.read_text().replace(",", ";"))
        with pytest.raises(UserError, match="lacks the columns image; is it separated by ';' or tabs"):
            load_index("landmark-table", "all", file)

    @pytest.mark.parametrize(
        ("options", "what"), [({"base": "x"}, "a number, found 'x'"), ({"schema": 5}, "text, found 5")]
    )
    def test_options_of_another_kind(self, table: Callable[..., Path], options: dict, what: str) -> None:
        with pytest.raises(UserError, match=f"option .* must be {what}"):
            load_index("landmark-table", "all", table(), **options)
