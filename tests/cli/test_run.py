"""``pfbench run`` and ``pfbench eval`` as they are typed."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from parface_bench.cli.main import build_app
from parface_bench.registry import UserError
from tests.training.conftest import PLUGIN, QUICK


@pytest.fixture(scope="module")
def dots_root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from parface_bench.registry import catalogue

    if "dot-net" not in catalogue["method"]:
        catalogue.load_file(PLUGIN)
    return sys.modules["pfbench_plugin_dots"].make_root(tmp_path_factory.mktemp("dots"))


@pytest.fixture
def pfbench(dots_root: Path, tmp_path: Path):
    def go(*words: str):
        places = ["--data-root", str(dots_root), "--out", str(tmp_path / "runs"), "--store", str(tmp_path / "store")]
        sets = [w for pair in QUICK for w in ("--set", pair)]
        common = ["--dataset", "dots", "--device", "cpu", *places, *sets]
        return CliRunner().invoke(build_app(), [*words, *common], catch_exceptions=False)

    return go


def test_run_prints_the_table_and_the_leaderboard_on_stdout(pfbench, tmp_path):
    done = pfbench("run", "dot-net")
    assert done.exit_code == 0
    assert "NME" in done.stdout
    assert "even" in done.stdout
    assert "epoch" not in done.stdout
    assert "epoch" in done.stderr
    assert "profile quick (by default on a CPU)" in done.stderr
    assert len(list((tmp_path / "store" / "dots" / "dot-net").iterdir())) == 1
    table, board = done.stdout.split("\n## dots")
    assert "The first that is ranked on dots" in table
    assert "subset" in table and "NME" in board and "|   1 | dot-net" in board


def test_json_is_one_document(pfbench):
    document = json.loads(pfbench("run", "dot-net", "--json", "--seed", "4").stdout)
    assert {"protocol", "n", "excluded", "subsets", "method", "dataset", "run_dir", "seconds"} <= document.keys()
    assert document["seed"] == 4
    assert {"value", "ci95"} <= document["subsets"]["full"]["NME"].keys()
    assert Path(document["run_dir"], "checkpoint.pt").is_file()
    again = json.loads(pfbench("eval", document["run_dir"] + "/checkpoint.pt", "--json").stdout)
    assert again["subsets"] == document["subsets"]


def test_stages_from_and_limit(pfbench):
    first = json.loads(pfbench("run", "dot-net", "--json").stdout)
    start = ["--from", first["run_dir"] + "/checkpoint.pt"]
    done = json.loads(pfbench("run", "dot-net", "--json", "--stages", "1", *start, "--limit", "6").stdout)
    assert done["n"] == 6
    assert "--from checkpoint.pt" in done["command"]


def test_mistakes(pfbench):
    with pytest.raises(UserError, match="did you mean 'dot-net'"):
        pfbench("run", "dot-nett")
    with pytest.raises(UserError, match="needs training first"):
        pfbench("eval", "dot-net")
    with pytest.raises(UserError, match="no such file"):
        pfbench("eval", "nowhere/checkpoint.pt")
    assert pfbench("run").exit_code == 2


def test_a_mistake_exits_with_2_and_one_sentence(tmp_path):
    words = [sys.executable, "-m", "parface_bench.cli.main", "run", "no-such", "--dataset", "300w"]
    done = subprocess.run(words, capture_output=True, text=True, cwd=tmp_path)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("pfbench: ")
    assert "Traceback" not in done.stderr
