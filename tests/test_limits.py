"""Files and words that ask for more than anything real does: refused with a sentence, before any work."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from parface_bench import outputs
from parface_bench.data.images.reading import decode_image
from parface_bench.data.roots import remember, remembered
from parface_bench.data.tables import read_table
from parface_bench.limits import expanded, read_file, read_json, read_yaml
from parface_bench.methods.recipe import compose
from parface_bench.predicting.shots import find
from parface_bench.registry import UserError
from parface_bench.registry.errors import printable
from parface_bench.results.record import folder_name
from parface_bench.runs.options import chosen_stages
from parface_bench.scoring.audit import audit_table
from parface_bench.scoring.protocol import load_protocol


def alias_bomb(depth: int = 9) -> str:
    lines = ["a0: &a0 [1, 2, 3, 4, 5, 6, 7, 8, 9, 0]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, depth)]
    return "\n".join(lines)


@pytest.mark.parametrize(
    "text", [alias_bomb(), "[" * 5000, "a: &a [*a]", "2024-13-45", "{[1]: 2}", "\ud800", "!!int x"]
)
def test_settings_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="here"):
        read_yaml(text, "here")


def test_bombs_in_files(tmp_path: Path) -> None:
    file = tmp_path / "bomb.yaml"
    file.write_text(alias_bomb())
    with pytest.raises(UserError, match="alias bomb"):
        load_protocol(file)
    with pytest.raises(UserError, match=r"m\.json"):
        read_json("[" * 100_000, "m.json")
    with pytest.raises(UserError, match=r"m\.json"):
        read_json("9" * 5000, "m.json")


def test_pipes_devices_and_giants(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for path in (tmp_path / "pipe", Path("/dev/zero"), tmp_path):
        with pytest.raises(UserError, match="no regular file"):
            read_file(path)
        for read in (read_table, audit_table):
            with pytest.raises(UserError, match="no regular file|Is a directory"):
                read(path)
    (tmp_path / "large").write_bytes(b"12345")
    with pytest.raises(UserError, match="MiB"):
        read_file(tmp_path / "large", 4)


def test_small_files_that_ask_for_gigabytes(tmp_path: Path) -> None:
    frame = b"\xff\xc0" + struct.pack(">HBHHB", 17, 8, 20000, 65000, 3) + bytes([1, 0x22, 0, 2, 0x11, 1, 3, 0x11, 1])
    png = b"\x89PNG\r\n\x1a\n" + struct.pack(">I4sIIBBBBB", 13, b"IHDR", 60000, 60000, 8, 2, 0, 0, 0) + b"\0" * 300
    for data in (b"\xff\xd8" + frame + b"\0" * 300 + b"\xff\xd9", png):
        with pytest.raises(UserError, match="pixels in"):
            decode_image(data, "bomb.jpg")
    rows = 60_000_000
    column = pa.chunked_array([pa.DictionaryArray.from_arrays(pa.array(np.zeros(rows, np.int8)), pa.array([1.0]))])
    pq.write_table(pa.table({"id": column, "x0": column}), tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 1_000_000
    with pytest.raises(UserError, match="rows in"):
        read_table(tmp_path / "bomb.parquet")


@pytest.mark.parametrize("name", ["x" * 2_000_000, "a\x1b[2Jb", "x" * 200_000 + "\n"])
def test_ids_that_are_none(tmp_path: Path, name: str) -> None:
    file = tmp_path / "t.csv"
    pd.DataFrame({"id": [name, "b"], "x0": [1, 2], "y0": [1, 2]}).to_csv(file, index=False)
    with pytest.raises(UserError, match=r"t\.csv") as caught:
        read_table(file)
    assert len(str(caught.value)) < 1000 and "\x1b" not in str(caught.value)


def test_a_wrong_cell_far_from_small(tmp_path: Path) -> None:
    file = tmp_path / "t.csv"
    file.write_text("id,x0,y0\na," + "1" * 200_000 + ",x\n")
    with pytest.raises(UserError, match=r"t\.csv"):
        read_table(file)


@pytest.mark.parametrize("start", [b"", b"id,x0,y0\na,1,2\n"])
def test_a_file_of_zeros_is_no_table(tmp_path: Path, start: bytes) -> None:
    file = tmp_path / "t.csv"
    file.write_bytes(start)
    os.truncate(file, 20 << 30)
    for read in (read_table, audit_table):
        with pytest.raises(UserError, match=r"t\.csv"):
            read(file)


@pytest.mark.parametrize("cell", ["1e-99999999", "1e99999999", "9" * 100_000, "1e400"])
def test_numbers_that_nobody_measured(tmp_path: Path, cell: str) -> None:
    file = tmp_path / "t.csv"
    file.write_text(f"method,NME,FR@10\na,{cell},1\n")
    with pytest.raises(UserError, match=r"t\.csv, row 1|no CSV"):
        audit_table(file)


@pytest.mark.parametrize("text", ["1-99999999999", "²", "1-²", "99999", "0", "9" * 5000])
def test_stages_that_are_none(text: str) -> None:
    with pytest.raises(UserError, match="--stages"):
        chosen_stages(text)


def test_users_and_folders_that_are_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UserError, match="no such user"):
        expanded("~nosuchuserhere/x")
    with pytest.raises(UserError, match="no such user"):
        remember("300w", "~nosuchuserhere/x")
    for read in (expanded, read_file, load_protocol):
        with pytest.raises(UserError, match="null character"):
            read(Path("~a\0b.yaml"))


def _counted(read: list[object], real: Any, *arguments: Any) -> Any:
    read.append(arguments)
    return real(*arguments)


def test_folders_that_hold_themselves(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("a", "b"):
        (tmp_path / name).symlink_to(tmp_path)
    (tmp_path / "x.jpg").write_bytes(b"")
    read: list[object] = []
    with monkeypatch.context() as patch:
        patch.setattr(os, "scandir", partial(_counted, read, os.scandir))
        patch.setattr(os, "listdir", partial(_counted, read, os.listdir))
        assert [s.name for s in find([str(tmp_path)])] == ["x"]
        assert [s.name for s in find([str(tmp_path / "**" / "*.jpg")])] == ["x"]
    assert len(read) < 100  # 2^40 ways lead through the links


def test_names_of_further_faces_stay_apart(tmp_path: Path) -> None:
    for name in ("x.jpg", "x#2.jpg", "y.jpg"):
        (tmp_path / name).write_bytes(b"")
    names = [s.name for s in find([str(tmp_path)])]
    assert len(set(names)) == 3 and "x#2" not in names and {"x", "y"} <= set(names)


def test_boards_see_every_name() -> None:
    assert folder_name("_truth") == "%5Ftruth" and folder_name(".x") == "%2Ex" and folder_name("a_b") == "a_b"


def test_nothing_printed_acts_on_a_terminal() -> None:
    assert printable("a\x1b[2J\x9b\x07b\u202e\n\tc") == "a\ufffd[2J\ufffd\ufffdb\ufffd\n\tc"


@pytest.mark.parametrize(
    "pair",
    [
        "train.clip_grad=-1", "validation.fraction=2", "predict.batch_size=0", "train.epochs=-1", "train.epochs=1.5",
        "train.ema=1", "train.amp=bf17", "train.keep=worst", "image_size=4", "image_size=.inf", "train.batch_size=.nan",
        "log.pictures=-1", "loading.cache=maybe", "loading.workers=1e9", "train.optimizers.main.lr=-1",
        "train.optimizers.main.lr=.inf", "train.schedule.type=linear", "train.schedule.warmup=3", "train.accumulate=0",
        "speed.deterministic=perhaps", "depth.lr=fast", "predict.flip_test=2", "validation.most=0",
    ],
)  # fmt: skip
def test_settings_out_of_range(pair: str) -> None:
    with pytest.raises(UserError, match=pair.split("=")[0].split(".")[-1]):
        compose("integral", "300w", "quick", [pair])


@pytest.mark.parametrize("method", ["integral", "heatmap", "regression", "parface", "3fabrec", "mean-shape"])
@pytest.mark.parametrize("profile", ["quick", "full"])
def test_every_shipped_recipe_is_in_range(method: str, profile: str) -> None:
    for dataset in ("300w", "wflw", "palsy-twin", "menpo2d", "aflw2000-3d"):
        assert compose(method, dataset, profile)["image_size"] >= 64


def test_only_our_own_files_are_written_over(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "home"))
    file = tmp_path / "board.md"
    file.write_text("mine")
    with pytest.raises(UserError, match="--force"):
        outputs.guard([file])
    outputs.guard([file], force=True)
    outputs.write(file, "ours")
    outputs.guard([file])
    outputs.write(file, "ours again")
    outputs.guard([file])
    file.write_text("mine again")
    with pytest.raises(UserError, match="changed since"):
        outputs.guard([file])
    with pytest.raises(UserError, match="it is a folder; name a file"):
        outputs.guard([tmp_path], force=True)


def test_roots_remembered_at_once_are_all_kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PFBENCH_HOME", str(tmp_path / "home"))
    code = "import sys; from parface_bench.data.roots import remember\n"
    code += "for n in range(10): remember(f'{sys.argv[1]}-{n}', '.')"
    workers = [subprocess.Popen([sys.executable, "-c", code, str(w)], cwd=tmp_path) for w in range(6)]
    assert [w.wait(120) for w in workers] == [0] * 6
    assert len(remembered()) == 60


CHILD = """
import os, pathlib, sys, time
from parface_bench.parent import end_with
end_with(os.getppid())
pathlib.Path(sys.argv[1]).write_text(str(os.getpid()))
time.sleep(600)
"""
PARENT = "import subprocess, sys; subprocess.run([sys.executable, '-c', sys.argv[2], sys.argv[1]])"


def test_a_worker_ends_with_its_parent(tmp_path: Path) -> None:
    said = tmp_path / "pid"
    process = subprocess.Popen([sys.executable, "-c", PARENT, str(said), CHILD])
    deadline = time.monotonic() + 300
    while not (said.exists() and said.read_text()) and time.monotonic() < deadline:
        time.sleep(0.05)
    command = Path(f"/proc/{said.read_text()}/cmdline")
    assert command.read_bytes()
    process.kill()
    process.wait()
    while time.monotonic() < deadline and command.exists() and command.read_bytes():  # empty: ended, not yet reaped
        time.sleep(0.1)
    assert not command.exists() or not command.read_bytes()
