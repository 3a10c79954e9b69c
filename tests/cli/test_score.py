"""``pfbench score``: figures, files and sentences."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

from parface_bench.registry import METRICS, catalogue

PLUGIN = '''from parface_bench import metric

@metric("nme-mouth-of-a-test", unit="%", higher_is_better=False, reference="a test")
def nme_mouth(faces):
    """Mean normalised error over the mouth."""
    return faces.errors[:, faces.schema.region("mouth")].mean(axis=1)
'''


@pytest.fixture
def tables(tmp_path: Path) -> tuple[Path, Path]:
    """Predictions and truth of six faces in 3D, the third without extent, with subsets and yaw."""
    rng = np.random.default_rng(0)
    truth = rng.uniform(0, 200, size=(6, 68, 3))
    truth[2, :, :2] = 5
    names = [f"{axis}{i}" for i in range(68) for axis in "xyz"]

    def table(points: np.ndarray) -> pd.DataFrame:
        frame = pd.DataFrame(points.reshape(6, -1), columns=names)
        frame.insert(0, "id", [f"00{i}" for i in range(6)])
        return frame

    pred, gt = tmp_path / "mine.csv", tmp_path / "truth.csv"
    table(truth + rng.normal(0, 3, truth.shape)).sample(frac=1, random_state=0).to_csv(pred, index=False)
    subsets = {"subset:dark": [1, 1, 0, 0, 0, 0], "subset:third": [0, 0, 1, 0, 0, 0], "yaw": [0, 10, 20, -40, 50, 80]}
    table(truth).assign(**subsets).to_csv(gt, index=False)
    return pred, gt


def test_json_is_the_whole_of_standard_output(pfbench: Any, tables: Any) -> None:
    pred, gt = tables
    done = pfbench("score", "--pred", pred, "--gt", gt, "--protocol", "parface", "--name", "Mine", "--json")
    assert done.code == 0
    document = json.loads(done.out, parse_constant=lambda c: pytest.fail(f"{c} in JSON"))
    assert document["protocol"] == "parface" and document["method"] == "Mine"
    assert document["n"] == 5
    assert document["excluded"] == [{"id": "002", "reason": "normalising distance 'bbox' is 0"}]
    assert {k: row["n"] for k, row in document["subsets"].items()} == {
        "full": 5,
        "yaw-0-30": 2,
        "yaw-30-60": 2,
        "yaw-60-90": 1,
        "dark": 2,
        "third": 0,
    }
    for name in ("NME", "STD_NME", "FR@10", "AUC@10", "auc-sum50", "GTE", "STD_GTE"):
        estimate = document["subsets"]["full"][name]
        assert math.isfinite(estimate["value"]) and len(estimate["ci95"]) == 2
    assert "1 face excluded from all numbers:" in done.err and "002: normalising distance" in done.err
    assert "subset 'third' is empty" in done.err  # once its only face is excluded


def test_table_on_the_screen(pfbench: Any, tables: Any) -> None:
    pred, gt = tables
    done = pfbench("score", "--pred", pred, "--gt", gt, "--protocol", "parface", "--subset", "dark")
    assert done.code == 0
    lines = done.out.splitlines()
    assert lines[0] == "protocol parface version 1, errors over bbox"
    assert lines[1].split() == ["subset", "full", "dark"]
    assert any(line.startswith("NME ↓") for line in lines) and any(line.startswith("AUC@10 ↑") for line in lines)


def test_parquet_scores_alike(pfbench: Any, tables: Any, tmp_path: Path) -> None:
    pred, gt = tables
    outputs = [pfbench("score", "--pred", pred, "--gt", gt, "--protocol", "parface", "--json").out]
    files = [tmp_path / "mine.parquet", tmp_path / "truth.parquet"]
    for source, file in zip(tables, files, strict=True):
        pd.read_csv(source, dtype={"id": str}, float_precision="round_trip").to_parquet(file)
    outputs.append(pfbench("score", "--pred", files[0], "--gt", files[1], "--protocol", "parface", "--json").out)
    assert outputs[0] == outputs[1]


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--protocol", "parfce"], "unknown protocol 'parfce'; did you mean 'parface'?"),
        (["--protocol", "wflw"], "protocol 'wflw' scores 98 (wflw98) landmarks, these faces have 68"),
        (["--protocol", "parface", "--subset", "drak"], "no subset 'drak'; did you mean 'dark'?"),
        ([], "--protocol NAME, one of: 300w, 300w-pupil, "),
        (["--protocol", "parface", "--out", __file__], "test_score.py is a file: name a folder"),
        (["--protocol", "parface", "--dataset", "palsy"], "either a table (--gt) or a data set (--dataset)"),
        (["--protocol", "parface", "--plugin", "none.py"], "none.py"),
    ],
)
def test_wrong_arguments(pfbench: Any, tables: Any, arguments: list[str], says: str) -> None:
    done = pfbench("score", "--pred", tables[0], "--gt", tables[1], *arguments)
    assert done.code == 2
    assert done.out == "" and says in done.err and "Traceback" not in done.err
    assert len(done.err.strip().splitlines()) == 1


def test_wrong_cell_names_file_row_and_column(pfbench: Any, tables: Any) -> None:
    pred, gt = tables
    lines = pred.read_text().splitlines()
    cells = lines[3].split(",")
    cells[5] = "n/k"
    pred.write_text("\n".join([*lines[:3], ",".join(cells), *lines[4:]]) + "\n")
    done = pfbench("score", "--pred", pred, "--gt", gt, "--protocol", "parface")
    assert done.code == 2
    assert f"{pred}, row 3 (id '{cells[0]}'), column 'y1': found 'n/k', needs a finite number" in done.err


def test_recorded_and_written(pfbench: Any, tables: Any, tmp_path: Path) -> None:
    pred, gt = tables
    store, out = tmp_path / "store", tmp_path / "out"
    where = ("--store", store, "--out", out, "--record", "--name", "Mine")
    done = pfbench("score", "--pred", pred, "--gt", gt, "--protocol", "parface", *where)
    assert done.code == 0
    (result,) = store.glob("truth/Mine/*/result.json")
    document = json.loads(result.read_text())
    assert document["method"] == "Mine" and document["protocol_version"] == 1
    errors = pd.read_parquet(result.with_name("errors.parquet"))
    assert errors["id"].tolist() == ["000", "001", "003", "004", "005"]
    assert errors["nme"].mean() == pytest.approx(document["subsets"]["full"]["NME"]["value"])
    assert (out / "result.json").is_file() and (out / "errors.parquet").is_file()


def test_a_strangers_metric_has_a_column(pfbench: Any, tables: Any, tmp_path: Path) -> None:
    """The promise to plugin authors: under 15 lines from nothing to a column of the leaderboard."""
    assert len(PLUGIN.splitlines()) < 15
    plugin = tmp_path / "mouth.py"
    plugin.write_text(PLUGIN)
    pred, gt = tables
    store = ("--store", tmp_path / "store")
    name = "nme-mouth-of-a-test"
    with catalogue.temporarily():
        arguments = ("--pred", pred, "--gt", gt, "--protocol", "parface", "--plugin", plugin)
        done = pfbench("score", *arguments, "--record", *store)
        assert done.code == 0 and f"{name} ↓" in done.out
        assert name in pfbench("leaderboard", *store).out
    assert name not in METRICS
    assert name in pfbench("leaderboard", *store).out  # the result knows its metric without the plugin


def test_protocol_of_ones_own(pfbench: Any, tables: Any, tmp_path: Path) -> None:
    file = tmp_path / "diagonal.yaml"
    file.write_text("{base: 300w, name: diagonal, version: 3, norm: bbox-diag}")
    done = pfbench("score", "--pred", tables[0], "--gt", tables[1], "--protocol", file, "--json")
    document = json.loads(done.out)
    assert document["protocol"] == "diagonal" and document["protocol_version"].startswith("3-")


@pytest.mark.parametrize(
    ("options", "seen", "mark"),
    [
        ((), [], False),
        (("--name", "dlib"), ["300w:train", "300w:common", "300w:challenging", "300w:full"], False),
        (("--trained-on", "truth:all", "--trained-on", "300w"), ["truth:all", "300w"], True),
        (("--name", "dlib", "--trained-on", "wflw"), ["wflw"], False),
    ],
)
def test_what_the_method_has_seen(
    pfbench: Any, tables: Any, tmp_path: Path, options: tuple, seen: list, mark: bool
) -> None:
    pred, gt = tables
    done = pfbench("score", "--pred", pred, "--gt", gt, "--protocol", "parface", "--json", "--record",
                   "--store", tmp_path / "store", *options)  # fmt: skip
    document = json.loads(done.out)
    assert document["trained_on"] == seen and document["contaminated"] is mark
    assert ("seen data: the method was trained on" in done.err) is mark
    [recorded] = (tmp_path / "store").rglob("result.json")
    assert json.loads(recorded.read_text())["contaminated"] is mark


def test_tables_that_call_the_first_pixel_1(pfbench: Any, tmp_path: Path) -> None:
    points = np.random.default_rng(0).uniform(10, 90, (4, 37, 2)).round(3)
    for name, base in (("zero", 0), ("one", 1)):
        frame = pd.DataFrame(points.reshape(4, -1) + base, columns=[f"{a}{i}" for i in range(37) for a in "xy"])
        frame.insert(0, "id", list("abcd"))
        frame.to_csv(tmp_path / f"{name}.csv", index=False)
    zero, one = tmp_path / "zero.csv", tmp_path / "one.csv"

    def nme(*arguments: Any) -> float:
        done = pfbench("score", *arguments, "--protocol", "any", "--json")
        assert done.code == 0, done.err
        return json.loads(done.out)["subsets"]["full"]["NME"]["value"]

    assert nme("--pred", zero, "--gt", one, "--base", 1) == pytest.approx(0, abs=1e-9)
    assert nme("--pred", one, "--gt", zero, "--pred-base", 1) == pytest.approx(0, abs=1e-9)
    assert nme("--pred", zero, "--gt", one) > 1  # what forgetting it costs


@pytest.mark.parametrize("name", ["result.json", "errors.parquet", "faces.csv", "measures.parquet"])
def test_what_is_not_ours_is_kept(pfbench: Any, tables: tuple[Path, Path], tmp_path: Path, name: str) -> None:
    mine = tmp_path / "out" / name
    mine.parent.mkdir()
    mine.write_text("mine")
    words = ("score", "--pred", tables[0], "--gt", tables[1], "--protocol", "parface", "--resamples", "1")
    done = pfbench(*words, "--out", mine.parent)
    assert done.code == 2 and "--force" in done.err and mine.read_text() == "mine"
    assert list(mine.parent.iterdir()) == [mine]
    assert pfbench(*words, "--out", mine.parent, "--force").code == 0
    assert pfbench(*words, "--out", mine.parent).code == 0  # now it is ours


def test_the_recorded_command_names_no_place(
    pfbench: Any, tables: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    done = pfbench(
        "score", "--pred", tables[0].name, "--gt", tables[1], "--protocol=parface", f"--store={tmp_path / 'store'}",
        "--record", "--resamples", "1",
    )  # fmt: skip
    assert done.code == 0
    [file] = tmp_path.glob("store/*/*/*/result.json")
    command = json.loads(file.read_text())["command"]
    assert command.startswith("pfbench score --pred mine.csv --gt truth.csv --protocol=parface --store=store")


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (("score", "--pred", "a.csv", "--gt", "b.csv", "--protocol", "any", "--split", "x"), "--split belongs to"),
        (("score", "--pred", "a.csv", "--gt", "b.csv", "--protocol", "any", "--data-root", "x"), "--data-root belongs"),
        (("leaderboard", "--json", "--format", "csv"), "are two formats"),
        (("data", "path", "300w", "one", "--data-root", "other"), "are two folders"),
    ],
)
def test_options_that_contradict_each_other(pfbench: Any, words: tuple[str, ...], says: str) -> None:
    done = pfbench(*words)
    assert done.code == 2 and says in done.err
