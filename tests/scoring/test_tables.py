"""Landmark tables: read exactly, and every wrong one named by file, row and column."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from parface_bench.data.tables import align, read_table
from parface_bench.evaluation import score_tables
from parface_bench.registry import UserError

HEADER = "id,x0,y0,x1,y1\n"


@pytest.fixture
def csv(tmp_path: Path) -> Callable[[str], Path]:
    def write(text: str, name: str = "pred.csv") -> Path:
        file = tmp_path / name
        file.write_text(text, encoding="utf-8")
        return file

    return write


def test_numbers_survive_to_the_last_bit(table: Any, tmp_path: Path) -> None:
    points = np.random.default_rng(0).normal(0, 1e3, size=(50, 68, 3)) * 10.0 ** np.arange(-8, -5)
    table(points).to_csv(tmp_path / "a.csv", index=False)
    table(points).to_parquet(tmp_path / "a.parquet")
    for file in (tmp_path / "a.csv", tmp_path / "a.parquet"):
        assert np.array_equal(read_table(file).points, points)


def test_ids_are_text(csv: Any, tmp_path: Path) -> None:
    assert read_table(csv(HEADER + "001,1,2,3,4\n1,1,2,3,4\nNA,1,2,3,4\n")).ids.tolist() == ["001", "1", "NA"]
    frame = pd.DataFrame({"id": [7, 8], "x0": [1, 2], "y0": [3.5, 4]})
    frame.to_parquet(tmp_path / "n.parquet")
    read = read_table(tmp_path / "n.parquet")
    assert read.ids.tolist() == ["7", "8"] and read.points.tolist() == [[[1, 3.5]], [[2, 4]]]


def test_order_and_further_columns_do_not_matter(csv: Any) -> None:
    read = read_table(csv("note,y1,x1,id,x0,confidence,y0\nhi,4,3,a,1,,2\n"))
    assert read.points.tolist() == [[[1, 2], [3, 4]]]


def test_what_a_table_of_truth_may_add(csv: Any) -> None:
    text = "id,x0,y0,x1,y1,bbox_x1,bbox_y1,bbox_x2,bbox_y2,yaw,box_size,v0,v1,subset:a b,subset:c\n"
    file = csv(text + "p,1,2,3,4,0,0,9,9,-30.5,7,1,1,1,0\nq,1,2,,,0,0,9,9,10,8,1,0,0,1.0\n")
    read = read_table(file, truth=True)
    assert read.bbox is not None and read.bbox[0].tolist() == [0, 0, 9, 9]
    assert read.numbers["yaw"].tolist() == [-30.5, 10] and read.numbers["box_size"].tolist() == [7, 8]
    assert {k: v.tolist() for k, v in read.subsets.items()} == {"a b": [True, False], "c": [False, True]}
    assert read.visible is not None and read.visible.tolist() == [[True, True], [True, False]]
    assert np.isnan(read.points[1, 1]).all()  # not visible, not annotated
    with pytest.raises(UserError, match="row 2 .*column 'x1': found an empty cell"):
        read_table(file)  # as predictions, everything must be there


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "is empty"),
        ("id,x0,y0\n", "holds a header and no faces"),
        ("id,x0,y0", "holds a header and no faces"),
        ("name,x0,y0\na,1,2\n", "there is no column 'id'"),
        ("a,0,0,1,1\nb,0,0,1,1\n", "there is no column 'id'"),
        ("id, x0, y0\na, 1, 2\n", "the column name ' x0' has spaces around it"),
        (HEADER + "a,1,2,3,1_0\n", r"row 1 \(id 'a'\), column 'y1': found '1_0'"),
        (HEADER + "a,1,2,3,1e400\n", r"row 1 \(id 'a'\), column 'y1': found '1e400'"),
        ("id;x0;y0\na;1;2\n", "there is no column 'id'.*separated by ';'"),
        ("id,a,b\nx,1,2\n", "there are no landmark columns"),
        ("id,x0,y0,x1\na,1,2,3\n", "the column 'y1' is missing"),
        ("id,x0,y0,x2,y2\na,1,2,3,4\n", "the column 'x1' is missing"),
        ("id,x0,y0,z0,x1,y1\na,1,2,3,4,5\n", "the column 'z1' is missing; each landmark, 0 to 1, needs x, y and z"),
        ("id,x0,y0,x0\na,1,2,3\n", "the column 'x0' occurs more than once"),
        (HEADER + "a,1,2,3\n", "row 1: it has 4 columns, the header has 5"),
        (HEADER + "a,1,2,3,4\nb,1,2,3,4,5\n", "row 2: it has 6 columns, the header has 5"),
        (HEADER + "a,1,2,3,4\nb,1,two,3,4\n", r"row 2 \(id 'b'\), column 'y0': found 'two', needs a finite number"),
        (HEADER + "a,1,2,3,\n", r"row 1 \(id 'a'\), column 'y1': found an empty cell"),
        (HEADER + "a,1,2,NaN,4\n", r"row 1 \(id 'a'\), column 'x1': found 'NaN'"),
        (HEADER + "a,1,2,3,4\nb,1,2,3,4\nc,inf,2,3,4\n", r"row 3 \(id 'c'\), column 'x0': found 'inf'"),
        (HEADER + "a,1,2,3,-2e9\n", r"row 1 \(id 'a'\), column 'y1': found '-2e9', needs at most 1e\+09 pixels"),
        (HEADER + ",1,2,3,4\n", "row 1: the id is empty"),
        (HEADER + "a,1,2,3,4\nb,1,2,3,4\na,1,2,3,4\n", r"1 id occurs \(a\) more than once"),
    ],
)
def test_wrong_csv(csv: Any, text: str, says: str) -> None:
    with pytest.raises(UserError, match=says) as error:
        read_table(csv(text))
    assert "pred.csv" in str(error.value)


@pytest.mark.parametrize(
    ("columns", "says"),
    [
        ("bbox_x1,bbox_y1", "a box needs the four columns"),
        ("v0", "visibility needs a column for every landmark, v0 to v1"),
    ],
)
def test_incomplete_truth(csv: Any, columns: str, says: str) -> None:
    text = HEADER.strip() + f",{columns}\na,1,2,3,4," + ",".join("0" * (columns.count(",") + 1)) + "\n"
    with pytest.raises(UserError, match=says):
        read_table(csv(text), truth=True)


@pytest.mark.parametrize("cell", ["2", "0.5", "yes", ""])
def test_subset_columns_are_0_or_1(csv: Any, cell: str) -> None:
    with pytest.raises(UserError, match=r"row 1 \(id 'a'\), column 'subset:s': found .*, needs 0 or 1"):
        read_table(csv(f"id,x0,y0,subset:s\na,1,2,{cell}\n"), truth=True)


def test_wrong_parquet(tmp_path: Path, table: Any) -> None:
    frame = table(np.ones((3, 2, 2)))
    file = tmp_path / "p.parquet"
    file.write_bytes(b"PAR1 and then nothing of the kind")
    with pytest.raises(UserError, match=r"p\.parquet is not a readable Parquet file"):
        read_table(file)
    file.write_text("id,x0\n")
    with pytest.raises(UserError, match=r"p\.parquet is not a readable Parquet file"):
        read_table(file)
    frame.assign(y1=["1", "2", "x"]).to_parquet(file)
    with pytest.raises(UserError, match=r"row 3 \(id 'face2'\), column 'y1': found 'x'"):
        read_table(file)
    frame.assign(x1=[1.0, np.nan, 2.0]).to_parquet(file)
    with pytest.raises(UserError, match=r"row 2 \(id 'face1'\), column 'x1'"):
        read_table(file)
    whole = tmp_path / "whole.parquet"
    pd.concat([frame] * 50_000, ignore_index=True).assign(id=lambda f: f.index.astype(str)).to_parquet(whole)
    data = bytearray(whole.read_bytes())
    data[2000:2400] = b"\xff" * 400  # a flaw within the pages, which the footer does not show
    whole.write_bytes(data)
    with pytest.raises(UserError, match=r"whole\.parquet"):
        read_table(whole)


def test_missing_file_and_folder(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"none\.csv cannot be read: No such file or directory"):
        read_table(tmp_path / "none.csv")
    with pytest.raises(UserError, match="cannot be read: Is a directory"):
        read_table(tmp_path)


def test_binary_that_is_neither(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(bytes(range(128, 256)) * 10)
    with pytest.raises(UserError, match="neither CSV in UTF-8 nor Parquet"):
        read_table(tmp_path / "a.csv")


class TestMatching:
    def pair(self, csv: Any, pred: str, gt: str) -> tuple[Any, Any]:
        rows = ["".join(f"{i},1,2,3,4\n" for i in ids.split()) for ids in (pred, gt)]
        return read_table(csv(HEADER + rows[0])), read_table(csv(HEADER + rows[1], "gt.csv"))

    def test_by_id(self, csv: Any) -> None:
        pred, gt = self.pair(csv, "c a b", "a b c")
        assert align(pred, gt.ids, "gt.csv").tolist() == [1, 2, 0]

    def test_missing(self, csv: Any) -> None:
        pred, gt = self.pair(csv, "a", "a b c d e f g")
        with pytest.raises(UserError, match=r"6 of the 7 faces of gt\.csv have no prediction: b, c, d, e, f, \.\.\.;"):
            align(pred, gt.ids, "gt.csv")

    def test_missing_and_extra_together(self, csv: Any) -> None:
        pred, gt = (
            read_table(csv(HEADER + "a,1,2,3,4\nb ,1,2,3,4\n")),
            read_table(csv(HEADER + "a,1,2,3,4\nb,1,2,3,4\n", "gt.csv")),
        )
        with pytest.raises(UserError, match=r"1 of the 2 faces .*: b \(while 1 of its ids are unknown there: 'b '\)"):
            align(pred, gt.ids, "gt.csv")

    def test_extra(self, csv: Any) -> None:
        pred, gt = self.pair(csv, "a b c", "a")
        with pytest.raises(UserError, match=r"2 extra ids are not in gt\.csv: b, c; remove"):
            align(pred, gt.ids, "gt.csv")

    def test_none_in_common(self, csv: Any) -> None:
        pred, gt = self.pair(csv, "1 2", "001 002")
        with pytest.raises(UserError, match=r"none of its ids is in gt\.csv: it has '1', \.\.\., the truth has '001'"):
            align(pred, gt.ids, "gt.csv")


def test_fingerprint_ignores_the_order_of_rows(table: Any, tmp_path: Path) -> None:
    points = np.random.default_rng(1).normal(size=(20, 5, 2))
    frame = table(points, yaw=np.arange(20.0))
    prints = []
    for i, f in enumerate((frame, frame.sample(frac=1, random_state=3), frame.assign(yaw=0.0), frame.assign(x0=0.0))):
        f.to_csv(tmp_path / f"{i}.csv", index=False)
        prints.append(read_table(tmp_path / f"{i}.csv", truth=True).fingerprint())
    assert prints[0] == prints[1] and len({*prints}) == 3


class TestScoreTables:
    @pytest.fixture
    def files(self, faces: Any, table: Any, tmp_path: Path) -> Callable[..., tuple[Path, Path]]:
        def make(dims: int = 3, pred_dims: int = 3, points: int = 68, pred_points: int = 68) -> tuple[Path, Path]:
            truth, predicted = faces(4, 3)
            pred, gt = tmp_path / "pred.csv", tmp_path / "gt.csv"
            table(predicted[:, :pred_points, :pred_dims]).to_csv(pred, index=False)
            table(truth[:, :points, :dims]).to_csv(gt, index=False)
            return pred, gt

        return make

    def test_points_that_do_not_fit_the_protocol(self, files: Any) -> None:
        with pytest.raises(UserError, match="protocol 'wflw' scores 98 .wflw98. landmarks, these faces have 68"):
            score_tables(*files(), protocol="wflw")

    def test_points_that_do_not_fit_each_other(self, files: Any) -> None:
        with pytest.raises(UserError, match=r"pred\.csv has 67 landmarks a face .*gt\.csv has 68"):
            score_tables(*files(pred_points=67), protocol="300w")

    def test_depth_must_be_there_or_waived(self, files: Any) -> None:
        pair = files(pred_dims=2)
        with pytest.raises(UserError, match=r"has no depth \(columns z0 to z67\).*--without-depth"):
            score_tables(*pair, protocol="parface")
        assert "GTE" not in score_tables(*pair, protocol="parface", without_depth=True).document["subsets"]["full"]
        assert "GTE" in score_tables(*files(), protocol="parface").document["subsets"]["full"]

    def test_what_to_score_against_must_be_said_once(self, files: Any) -> None:
        pred, gt = files()
        for arguments in ({}, {"gt": gt, "dataset": "palsy"}):
            with pytest.raises(UserError, match="either a table .--gt. or a data set"):
                score_tables(pred, **arguments, protocol="parface")
        with pytest.raises(UserError, match="--protocol"):
            score_tables(pred, gt)

    def test_document_names_its_data(self, files: Any) -> None:
        document = score_tables(*files(), protocol="parface").document
        assert document["dataset"] == "gt" and len(document["data_fingerprint"]) == 16


def test_a_subset_without_a_face_is_an_error(csv: Any) -> None:
    file = csv("id,x0,y0,x1,y1,subset:dark,subset:nobody\na,1,2,3,4,1,0\nb,1,2,3,4,0,0\n")
    with pytest.raises(UserError, match="subset 'nobody' is empty: remove the column 'subset:nobody'"):
        read_table(file, truth=True)
    assert len(read_table(file)) == 2


class TestFacesWithoutPrediction:
    """Left out on request: the numbers are those of the other faces, and the faces are named."""

    def pair(self, tmp_path: Path) -> tuple[pd.DataFrame, pd.DataFrame]:
        rng = np.random.default_rng(0)
        points = rng.uniform(0, 100, (6, 68, 2))
        columns = [f"{axis}{i}" for i in range(68) for axis in "xy"]
        truth = pd.DataFrame(points.reshape(6, -1), columns=columns).assign(id=[f"f{i}" for i in range(6)])
        found = truth.copy()
        found[columns] += rng.normal(0, 2, (6, 136))
        truth["subset:odd"] = [0, 1, 0, 1, 0, 1]
        return truth, found

    @pytest.mark.parametrize("suffix", ["csv", "parquet"])
    def test_left_out_counted_and_named(self, tmp_path: Path, suffix: str) -> None:
        truth, found = self.pair(tmp_path)
        found.iloc[3, :136] = np.nan  # a row without coordinates, as `pfbench predict` writes it
        found = found.drop(index=5)  # no row
        files = [
            tmp_path / f"truth.{suffix}",
            tmp_path / f"found.{suffix}",
            tmp_path / "rest.csv",
            tmp_path / "some.csv",
        ]
        for table, file in zip((truth, found, truth.iloc[[0, 1, 2, 4]], found.iloc[[0, 1, 2, 4]]), files, strict=True):
            table.to_csv(file, index=False) if file.suffix == ".csv" else table.to_parquet(file, index=False)
        document = score_tables(files[1], files[0], protocol="300w", exclude_missing=True).document
        expected = score_tables(files[3], files[2], protocol="300w").document
        assert document["subsets"] == expected["subsets"] and document["n"] == 4
        assert document["excluded"] == [{"id": i, "reason": "no prediction"} for i in ("f3", "f5")]
        assert "2 of 6 faces have no prediction and are excluded" in document["warnings"]
        with pytest.raises(UserError, match="found an empty cell"):
            score_tables(files[1], files[0], protocol="300w")

    def test_half_a_row_is_still_a_fault(self, tmp_path: Path) -> None:
        truth, found = self.pair(tmp_path)
        found.iloc[3, :100] = np.nan
        truth.to_csv(tmp_path / "t.csv", index=False)
        found.to_csv(tmp_path / "f.csv", index=False)
        with pytest.raises(UserError, match=r"row 4 \(id 'f3'\), column 'x0': found an empty cell"):
            score_tables(tmp_path / "f.csv", tmp_path / "t.csv", protocol="300w", exclude_missing=True)

    def test_none_found_and_the_remedy(self, tmp_path: Path) -> None:
        truth, found = self.pair(tmp_path)
        truth.to_csv(tmp_path / "t.csv", index=False)
        found.iloc[:4].to_csv(tmp_path / "f.csv", index=False)
        with pytest.raises(
            UserError, match="f4, f5; add a row for each, or leave these faces out with --exclude-missing"
        ):
            score_tables(tmp_path / "f.csv", tmp_path / "t.csv", protocol="300w")
        found.iloc[:, :136] = np.nan
        found.to_csv(tmp_path / "f.csv", index=False)
        with pytest.raises(UserError, match="no face has landmarks"):
            score_tables(tmp_path / "f.csv", tmp_path / "t.csv", protocol="300w", exclude_missing=True)
