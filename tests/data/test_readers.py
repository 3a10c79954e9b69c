"""Readers of annotation files: what they give, the sentences they say, and whatever bytes do to them."""

from __future__ import annotations

import io
import json
import sqlite3
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import scipy.io
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from parface_bench.data.faults import gather, tolerant
from parface_bench.data.readers import box_table, coco, hdf, landmark_table, pose3d, pts, tables
from parface_bench.plugins.datasets import (
    affectnet,
    aflw,
    celeba,
    cofw,
    lapa,
    ls3d,
    merl_rav,
    neuroface,
    unlabelled,
    w300,
    wflw,
)
from parface_bench.registry import UserError
from tests.data import dataset_layouts as layouts

MARKS = layouts.shape(68, 0)
POSE = layouts.shape(68, 0, 3)


def mat(content: dict) -> bytes:
    out = io.BytesIO()
    scipy.io.savemat(out, content, do_compression=True)
    return out.getvalue()


def npy(value: object) -> bytes:
    out = io.BytesIO()
    np.save(out, np.asarray(value))
    return out.getvalue()


def boxes_mat() -> bytes:
    cells = np.empty((1, 2), dtype=object)
    for n in range(2):
        cells[0, n] = {"imgName": f"{n}.jpg", "bb_detector": [1.0, 2, 3, 4], "bb_ground_truth": [5.0, 6, 7, 8]}
    return mat({"bounding_boxes": cells})


def parquet() -> bytes:
    out = io.BytesIO()
    pd.DataFrame({"image": ["a.png"], "x0": [1.0], "y0": [2.0]}).to_parquet(out)
    return out.getvalue()


def release() -> bytes:
    names = np.empty((4, 1), dtype=object)
    names[:, 0] = [f"0/{n}.jpg" for n in range(4)]
    content = {"bbox": np.ones((4, 4)), "data": np.ones((4, 38)), "mask_new": np.ones((4, 19)), "nameList": names}
    return mat(content | {"ra": np.array([[2, 1, 4, 3]])})


WFLW_LINE = " ".join(map(str, range(196))).encode()
COCO = {
    "images": [{"id": 1, "file_name": "a.jpg"}],
    "annotations": [{"image_id": 1, "keypoints": [1, 2, 2, 3, 4, 1], "bbox": [1, 2, 3, 4], "box_size": 3}],
}
FFHQ = {"0": {"category": "training", "image": {"file_path": "a.png", "face_landmarks": MARKS.tolist()}}}
PALSY = [{"img_path": "a/b/c.jpg", "landmarks_MAL3D": POSE.tolist()}]
LAPA = ("106\n" + "\n".join("1.5 2" for _ in range(106))).encode()
ROWS = "\n".join(f"{x} {y}" for x, y in MARKS).encode()

PARSERS: dict[str, tuple[Callable[[bytes], object], bytes]] = {
    "pts": (lambda b: pts.parse_pts(b, "f", 68), layouts.pts(MARKS).encode()),
    "merl-rav": (lambda b: merl_rav.parse_visibility(b, "f"), layouts.pts(MARKS).encode()),
    "bounding_boxes.mat": (lambda b: w300._box_rows(b, "f"), boxes_mat()),
    "wflw list": (lambda b: wflw.parse_list(b, "f"), WFLW_LINE + b" 1 2 3 4 0 1 0 1 0 1 a b.jpg\n"),
    "wflw subset": (lambda b: wflw.parse_subset(b, "f"), WFLW_LINE + b" a b.jpg\n"),
    "pose .mat": (lambda b: pose3d.parse_face(b, "f"), mat({"pt3d_68": POSE.T, "Pose_Para": np.ones((1, 7))})),
    "pose flat .mat": (lambda b: pose3d.parse_face(b, "f"), mat({"pt2d": MARKS.T})),
    "yaws": (lambda b: pose3d.parse_yaws(b, "f", 3), npy([1.0, 2, 3])),
    "cofw68 points": (lambda b: cofw.parse_points(b, "f"), mat({"Points": MARKS, "Occ": np.zeros((68, 1))})),
    "aflw release": (lambda b: aflw.parse_release(b, "f"), release()),
    "lapa": (lambda b: lapa.parse_landmarks(b, "f"), LAPA),
    "ls3d": (lambda b: ls3d.parse_face(b, "f"), mat({"pts_3d": MARKS})),
    "neuroface": (lambda b: neuroface.parse_rows(b, "f", 68, 2), ROWS),
    "json table": (lambda b: tables.parse_json_table(b, "f", ["img_path"]), json.dumps(PALSY).encode()),
    "csv": (lambda b: tables.parse_csv(b, "f", ["image"]), b"image,x\na,1\n"),
    "parquet": (lambda b: tables.parse_parquet(b, "f", ["image"]), parquet()),
    "landmark table": (
        lambda b: landmark_table.parse_table(b, "f"),
        b"id,image,x0,y0,x1,y1,subset:old\n1,a,1,2,3,4,0\n",
    ),
    "landmark parquet": (lambda b: landmark_table.parse_table(b, "f"), parquet()),
    "coco": (lambda b: coco.parse_coco(b, "f"), json.dumps(COCO).encode()),
    "boxes": (lambda b: box_table.parse_boxes(b, "f"), b"image_path,x1,y1,x2,y2,scale\na/b.jpg,1,2,3,4,0.9\n"),
    "ffhq": (lambda b: unlabelled.parse_ffhq(b, "f"), json.dumps(FFHQ).encode()),
    "celeba": (lambda b: celeba.parse_list(b, "f", 4), b"2\nimage_id x y w h\n1.jpg 1 2 3 4\n2.jpg 1 2 3 4\n"),
    "affectnet landmarks": (lambda b: affectnet.parse_landmarks(b, "f"), npy(MARKS.ravel())),
    "affectnet expression": (lambda b: affectnet.parse_expression(b, "f"), npy("3")),
}


@st.composite
def damaged(draw: st.DrawFn, data: bytes) -> bytes:
    """``data`` with bytes changed, cut out, doubled or put in, or cut off."""
    for _ in range(draw(st.integers(1, 4))):
        at = draw(st.integers(0, len(data)))
        how = draw(st.sampled_from(["cut off", "change", "insert", "remove", "double", "word"]))
        if how == "cut off":
            data = data[:at]
        elif how == "change" and at < len(data):
            data = data[:at] + bytes([draw(st.integers(0, 255))]) + data[at + 1 :]
        elif how == "insert":
            data = data[:at] + draw(st.binary(max_size=8)) + data[at:]
        elif how == "remove":
            data = data[:at] + data[at + draw(st.integers(1, 40)) :]
        elif how == "double":
            data = data[:at] + data[max(0, at - 30) : at] + data[at:]
        else:
            words = [b"nan", b"inf", b"-1e999", b"null", b'"', b"{", b"}", b",", b"\n", b"[]", b"\0", b"1e5", b"\xff"]
            data = data[:at] + draw(st.sampled_from(words)) + data[at:]
    return data


@pytest.mark.parametrize("name", PARSERS)
def test_valid_files_are_read(name: str) -> None:
    parse, data = PARSERS[name]
    assert parse(data) is not None


@pytest.mark.parametrize("name", PARSERS)
def test_any_damage_gives_our_error_or_a_value(name: str) -> None:
    parse, valid = PARSERS[name]

    @settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
    @given(damaged(valid) | st.binary(max_size=80))
    def attempt(data: bytes) -> None:
        try:
            value = parse(data)
        except UserError as error:
            assert str(error).startswith("f")
            assert "\n" not in str(error).strip()
        else:
            marks = value[0] if isinstance(value, tuple) else value
            if isinstance(marks, np.ndarray) and name != "merl-rav":
                assert np.isfinite(marks).all()

    attempt()


class TestPts:
    def test_values(self) -> None:
        np.testing.assert_allclose(pts.parse_pts(layouts.pts(MARKS).encode(), "f"), MARKS, atol=1e-6)

    @pytest.mark.parametrize(
        "text", ["1,2\n3,4\n", "{\n1 2\n3 4\n}", "version: 1\nn_points: 2\n{\r\n1 2\r\n3 4}\r\n", "{1 2\n3 4\n}\n9 9\n"]
    )
    def test_without_header_or_with_commas(self, text: str) -> None:
        assert pts.parse_pts(text.encode(), "f", 2).tolist() == [[0, 1], [2, 3]]

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ("n_points: 3\n{\n1 2\n3 4\n}", r"^a\.pts: its header tells of 3 points but it holds 2"),
            ("{\n1 2\n3 4\n}", r"^a\.pts: 68 points expected, 2 found"),
            ("", r"^a\.pts: 68 points expected, 0 found"),
            ("{\n1 2 3\n}", r"^a\.pts:2: expected two numbers"),
            ("{\n1 2\nnan 3\n}", r"^a\.pts:3: .*no finite number"),
        ],
    )
    def test_sentences(self, text: str, words: str) -> None:
        with pytest.raises(UserError, match=words):
            pts.parse_pts(text.encode(), "a.pts", 68)


class TestTables:
    def test_records_and_columns_are_one_table(self) -> None:
        forms = [
            [{"a": 1, "b": [1, 2]}, {"a": 2, "b": [3, 4]}],
            {"a": [1, 2], "b": [[1, 2], [3, 4]]},
            {"a": {"0": 1, "1": 2}, "b": {"0": [1, 2], "1": [3, 4]}},
        ]
        frames = [tables.parse_json_table(json.dumps(f).encode(), "f") for f in forms]
        for frame in frames[1:]:
            pd.testing.assert_frame_equal(frame, frames[0])

    @pytest.mark.parametrize(
        ("text", "words"),
        [
            ('[{"a": 1}', "f:1: no JSON"),
            ('{"a": [1], "b": [1, 2]}', "one length"),
            ("[1]", "row 0"),
            ("3", "no table"),
            ('[{"b": 1}]', "lacks the columns a"),
            ("[" * 100_000, "no JSON"),
        ],
    )
    def test_sentences(self, text: str, words: str) -> None:
        with pytest.raises(UserError, match=words):
            tables.parse_json_table(text.encode(), "f", ["a"])

    def test_a_cell_is_named_by_row_and_column(self) -> None:
        with pytest.raises(UserError, match=r"f: row 3, column 'y0': 'x' is no finite number"):
            landmark_table.parse_table(b"image,x0,y0\na,1,2\nb,3,x\n", "f")

    def test_gaps(self) -> None:
        for head, gone in ((b"image,x0,y0,x2,y2", "x1"), (b"image,x0,y0,z0,x1,y1", "z1"), (b"image,x0", "y0")):
            with pytest.raises(UserError, match=gone):
                landmark_table.parse_table(head + b"\n", "f")

    def test_base(self) -> None:
        table, tags = landmark_table.parse_table(
            b"image,x0,y0,z0,subset:old,bbox_x1,bbox_y1,bbox_x2,bbox_y2\na,1,2,3,1,1,1,5,5\n", "f", 1
        )
        assert table["landmarks"][0].tolist() == [[0, 1, 3]]
        assert table["bbox"][0].tolist() == [0, 0, 4, 4]
        assert (tags, table["old"][0]) == (["old"], True)


class TestCoco:
    def test_flags(self) -> None:
        row = coco.parse_coco(json.dumps(COCO).encode(), "f").iloc[0]
        assert (row["visible"].tolist(), row["bbox"].tolist(), row["box_size"]) == ([True, False], [1, 2, 4, 6], 3)
        only_one = {**COCO, "annotations": [{"image_id": 1, "keypoints": [1, 2, 1, 0, 0, 0]}] * 2}
        frame = coco.parse_coco(json.dumps(only_one).encode(), "f")
        assert frame["visible"][0].tolist() == [True, False]
        assert np.isnan(frame["landmarks"][0][1]).all()
        assert frame["id"].tolist() == ["a", "a#2"]

    def test_an_image_that_is_not_listed(self) -> None:
        with pytest.raises(UserError, match="annotation 0 is of image 2"):
            coco.parse_coco(
                json.dumps({**COCO, "annotations": [{"image_id": 2, "keypoints": [1, 2, 2]}]}).encode(), "f"
            )


class TestPose:
    @given(st.floats(-1e4, 1e4))
    def test_wrap(self, yaw: float) -> None:
        wrapped = pose3d.wrap(yaw)
        assert -180 < wrapped <= 180
        assert np.isclose(np.cos(np.radians(wrapped - yaw)), 1, atol=1e-9)

    def test_bins_of_the_original(self, golden: Path) -> None:
        """Which of its three bins the original puts a yaw in is not changed by wrapping."""
        bins = json.loads((golden / "geometry.json").read_text())["yaw_bins"]
        low, high = np.array([-np.inf, 30, 60]), np.array([30, 60, np.inf])
        for k, yaw in enumerate(bins["yaws"]):
            size = abs(pose3d.wrap(yaw))
            assert [bins[b][k] for b in ("0_to_30", "30_to_60", "60_to_90")] == list((size > low) & (size <= high))

    def test_version_7_3(self) -> None:
        with pytest.raises(UserError, match=r"7\.3; save it with '-v7'"):
            pose3d.parse_face(b"\x89HDF\r\n\x1a\n" + bytes(600), "f")


class TestContainers:
    """Files that their libraries read from disk."""

    def test_cofw_pictures_and_damage(self, tmp_path: Path) -> None:
        layouts.cofw(tmp_path)
        file = tmp_path / "COFW_test_color.mat"
        assert hdf.picture(file, "IsT/2").shape == hdf.picture(file, "IsT/1").shape == (100, 120, 3)
        for member in ("IsT/3", "IsT/-1", "phisT/0", "x", "IsT", "/IsT/0"):
            with pytest.raises(UserError):
                hdf.picture(file, member)
        with pytest.raises(UserError, match="29 columns"):
            hdf.matrix(file, "phisT", 29)
        data = file.read_bytes()
        for share in (0, 0.1, 0.5, 0.9):
            file.write_bytes(data[: int(len(data) * share)])
            with pytest.raises(UserError, match="COFW_test_color"):
                hdf.matrix(file, "phisT", 87)

    @settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
    @given(data=st.data())
    def test_database(self, tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
        root = tmp_path_factory.getbasetemp() / "database"
        valid = root / "valid.sqlite"
        if not valid.exists():
            layouts.aflw_database(root, 3)
            (root / "aflw.sqlite").rename(valid)
        file = root / "aflw.sqlite"
        file.write_bytes(data.draw(damaged(valid.read_bytes())))
        try:
            aflw.read_sqlite(file)
        except UserError as error:
            assert "AFLW database" in str(error) or "copy it again" in str(error)

    def test_text_in_the_database(self, tmp_path: Path) -> None:
        layouts.aflw_database(tmp_path, 2)
        with sqlite3.connect(tmp_path / "aflw.sqlite") as base:
            base.execute("UPDATE FeatureCoords SET x = 'far' WHERE feature_id = 2")
        base.close()
        with pytest.raises(UserError, match="text where numbers are due"):
            aflw.read_sqlite(tmp_path / "aflw.sqlite")


def test_faults_are_gathered_or_raised() -> None:
    lines = WFLW_LINE + b" 1 2 3 4 0 1 0 1 0 7 a.jpg\n1 2 3\n" + WFLW_LINE + b" 1 2 3 4 0 1 0 1 0 1 b.jpg\n"
    with pytest.raises(UserError, match="f:1: the six attributes"):
        wflw.parse_list(lines, "f")
    with gather() as faults:
        assert list(wflw.parse_list(lines, "f")["image"]) == ["b.jpg"]
    assert [f.split(":")[1] for f in faults] == ["1", "2"]
    with pytest.raises(UserError), tolerant():
        raise UserError("outside")


def test_text_of_impossible_letters() -> None:
    data = npy("3")
    with pytest.raises(UserError, match="expression from 0 to 7"):
        affectnet.parse_expression(data[:-4] + b"\xff\xff\xff\x7f", "f")


def test_celeba_lists_without_heading() -> None:
    assert list(celeba.parse_list(b"000001.jpg 0\n000002.jpg 2\n", "f", 1)) == ["000001.jpg", "000002.jpg"]
    with pytest.raises(UserError, match="f:2"):
        celeba.parse_list(b"000001.jpg 0\n000002.jpg x\n", "f", 1)


@pytest.mark.parametrize(
    ("name", "group"),
    [
        ("ALS/A1_x", "ALS"),
        ("all.tar/S012_02", "stroke"),
        ("HealthyControls.tar/x", "healthy"),
        ("b/N3", "healthy"),
        ("b/q", ""),
    ],
)
def test_groups_of_neuroface(name: str, group: str) -> None:
    assert neuroface.group(name) == group


@pytest.mark.parametrize(
    ("name", "case"),
    [
        ("flaccid.tar::flaccid/near-normal_1", ("flaccid", "near-normal")),
        ("Nonflaccid/Moderate 3.png", ("synkinetic", "moderate")),
        ("normal/1.png", ("normal", "")),
        ("x/1.png", ("", "")),
    ],
)
def test_cases_of_meei(name: str, case: tuple[str, str]) -> None:
    assert unlabelled.meei_case(name) == case
