"""One bad plugin or one bad result harms nobody else: it is named, and the rest goes on."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from parface_bench.leaderboard.table import Selection
from parface_bench.leaderboard.views import show
from parface_bench.registry import UserError, catalogue
from parface_bench.registry.facts import facts
from parface_bench.results.record import after_score, record
from parface_bench.results.store import read_store
from parface_bench.scoring.protocol import load_protocol
from parface_bench.scoring.subsets import index_subsets


def document(method: str = "good", **more: Any) -> dict[str, Any]:
    return {
        "method": method,
        "dataset": "300w",
        "data_fingerprint": "0" * 16,
        "protocol": "300w",
        "protocol_version": "1",
        "n": 2,
        "excluded": [],
        "subsets": {"full": {"n": 2, "NME": {"value": 3.0, "ci95": [2.0, 4.0]}}},
        **more,
    }


ERRORS = pd.DataFrame({"id": ["a", "b"], "nme": [2.0, 4.0], "e0": [2.0, 4.0], "subset:full": [True, True]})


def plugin(tmp_path: Path, text: str) -> Path:
    file = tmp_path / "bad_plugin.py"
    file.write_text(text)
    return file


@pytest.mark.parametrize(
    "bad",
    [
        "[" * 200_000,
        '{"schema_version": 1, "n": ' + "9" * 5000 + "}",
        '{"schema_version": 1, "n": 1e400}',
        '{"schema_version": ' + "[" * 100_000 + "]" * 100_000 + "}",
        "\ud800",
        "null",
        "",
    ],
)
def test_a_bad_result_is_left_out_and_named(tmp_path: Path, bad: str) -> None:
    record(document(), ERRORS, tmp_path)
    folder = tmp_path / "300w" / "evil" / "run"
    folder.mkdir(parents=True)
    (folder / "result.json").write_bytes(bad.encode("utf-8", "surrogatepass"))
    contents = read_store(tmp_path)
    assert [r.document["method"] for r in contents.results] == ["good"]
    assert len(contents.problems) == 1 and str(folder) in contents.problems[0]


@pytest.mark.parametrize(
    "change",
    [
        lambda d: d.update(n=10**30),
        lambda d: d["subsets"]["full"]["NME"].update(value=1e300),
        lambda d: d.update(method="evil\x1b[2J"),
        lambda d: d["subsets"].update({"a\x1b]0;owned\x07": {"n": 1}}),
        lambda d: d.update(n=-3),
    ],
)
def test_numbers_and_texts_that_no_table_can_hold(tmp_path: Path, change: Any) -> None:
    place = record(document(), ERRORS, tmp_path)
    evil = json.loads((place / "result.json").read_text())
    evil["method"] = "evil"
    change(evil)
    folder = tmp_path / "300w" / "evil" / "run"
    folder.mkdir(parents=True)
    (folder / "result.json").write_text(json.dumps(evil))
    for form in ("md", "csv", "html", "json", "latex"):
        said: list[str] = []
        assert "good" in show(tmp_path, Selection(), form=form, warn=said.append)
        assert any(str(folder) in line for line in said)
        assert "\x1b" not in "".join(said)


@pytest.mark.parametrize(
    "body",
    [
        "result.clear()",
        "result['n'] = 'many'",
        "result['subsets'] = {}; del result['method']",
        "result['subsets']['full']['NME'] = 3",
        "raise SystemExit(0)",
    ],
)
def test_a_hook_that_spoils_the_document(tmp_path: Path, body: str) -> None:
    with catalogue.temporarily():
        catalogue.load_file(plugin(tmp_path, f"def pfbench_after_score(result):\n    {body}\n"))
        with pytest.warns(UserWarning, match="pfbench_after_score"):
            assert after_score(document()) == document()
    with catalogue.temporarily():
        catalogue.load_file(plugin(tmp_path, "def pfbench_after_score(result):\n    result['mine'] = 1\n"))
        assert after_score(document()) == {**document(), "mine": 1}


@pytest.mark.parametrize("columns", ["3", "[('a', 1)]", "[1, 2]", "[(b'a', len)]", "{}.x"])
def test_a_bad_column_hook(tmp_path: Path, columns: str) -> None:
    record(document(), ERRORS, tmp_path / "store")
    with catalogue.temporarily():
        catalogue.load_file(plugin(tmp_path, f"def pfbench_leaderboard_columns():\n    return {columns}\n"))
        with pytest.warns(UserWarning, match="pfbench_leaderboard_columns"):
            assert "good" in show(tmp_path / "store", Selection())


@pytest.mark.parametrize(
    "value", ["object()", "10**400", "float('nan')", "{'a': 1}", "d.clear()", "1/0", "'x' * 10**6"]
)
def test_what_a_column_holds_is_shown_or_left_empty(tmp_path: Path, value: str) -> None:
    record(document(), ERRORS, tmp_path / "store")
    with catalogue.temporarily():
        text = f"def pfbench_leaderboard_columns():\n    return [('Mine', lambda d: {value})]\n"
        catalogue.load_file(plugin(tmp_path, text))
        for form in ("md", "csv", "html", "json", "latex"):
            assert "good" in show(tmp_path / "store", Selection(), form=form)


@pytest.mark.parametrize("mask", ["[True]", "3", "{'x': [True]}", "{'full': [True, False]}", "{'x': object()}"])
@pytest.mark.filterwarnings("ignore")
def test_a_bad_subset_hook(tmp_path: Path, mask: str) -> None:
    frame = pd.DataFrame({"id": ["a", "b"]})
    with catalogue.temporarily():
        catalogue.load_file(plugin(tmp_path, f"def pfbench_subsets(index):\n    return {mask}\n"))
        before = len(catalogue.broken)
        assert index_subsets(frame, load_protocol("300w")) == {}
        assert len(catalogue.broken) == before + 1


def test_needs_that_are_no_requirement(tmp_path: Path) -> None:
    text = "from parface_bench.registry import metric\n@metric('bad-needs', needs='no requirement !!')\ndef f(x): ...\n"
    with catalogue.temporarily():
        catalogue.load_file(plugin(tmp_path, text))
        spec = catalogue["metric"].spec("bad-needs")
        assert "no requirement" in facts(spec)["missing"][0]
    with catalogue.temporarily(), pytest.raises(UserError, match="needs must be a text"):
        catalogue.load_file(plugin(tmp_path, text.replace("'no requirement !!'", "3")))


def test_sys_exit_in_a_plugin_is_no_success(tmp_path: Path) -> None:
    text = "import sys\nfrom parface_bench.registry import dataset\n@dataset('leaves')\ndef leaves(root, split):\n"
    file = plugin(tmp_path, f"{text}    sys.exit(0)\n")
    words = [sys.executable, "-m", "parface_bench.cli.main", "data", "stats", "leaves", "--data-root", str(tmp_path)]
    done = subprocess.run([*words, "--plugin", str(file)], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert "bad_plugin.py, line 5 ended the program" in done.stderr
