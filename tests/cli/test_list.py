"""``pfbench list``: every plugin by kind, at once, whatever is broken."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from parface_bench.cli.main import build_app
from parface_bench.registry import KINDS, catalogue


def run(*arguments: str) -> str:
    done = CliRunner().invoke(build_app(), list(arguments), catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


def test_all_kinds() -> None:
    text = run("list")
    for kind in KINDS:
        assert f"{catalogue[kind].plural} ({len(list(catalogue[kind]))})" in text.splitlines()
    for spec in catalogue["method"]:
        assert any(line.split()[0] == spec.name and spec.summary in line for line in text.splitlines() if line.strip())


@pytest.mark.parametrize("word", ["metric", "metrics"])
def test_one_kind_in_singular_or_plural(word: str) -> None:
    lines = run("list", word).splitlines()
    assert lines[0].startswith("metrics (")
    assert len(lines) == 1 + len(list(catalogue["metric"]))


def test_json() -> None:
    found = json.loads(run("list", "dataset", "--json"))
    assert [one["name"] for one in found] == catalogue["dataset"].names()
    own = {spec.name for spec in catalogue["dataset"] if spec.owner.startswith("parface-bench ")}
    assert own and all(one["kind"] == "dataset" and one["how_to_get"] for one in found if one["name"] in own)
    assert {one["kind"] for one in json.loads(run("list", "--json"))} == set(KINDS)


def test_verbose_names_owners() -> None:
    assert all("(parface-bench " in line for line in run("list", "loss", "--verbose").splitlines()[1:])


def test_plugin_file_is_listed(tmp_path: Path) -> None:
    file = tmp_path / "listed.py"
    file.write_text("from parface_bench import loss\n@loss('listed-by-a-test')\ndef f(): '''A loss of a test.'''\n")
    with catalogue.temporarily():
        assert "listed-by-a-test" in run("list", "loss", "--plugin", str(file))


def test_protocols_are_listed_and_shown_though_they_are_files() -> None:
    lines = run("list", "protocol").splitlines()
    names = [line.split()[0] for line in lines[1:]]
    assert lines[0] == f"protocols ({len(names)})" and {"any", "300w", "parface"} <= set(names)
    found = json.loads(run("list", "protocols", "--json"), parse_constant=lambda c: pytest.fail(f"{c} in JSON"))
    assert [one["name"] for one in found] == names
    (anything,) = [one for one in found if one["name"] == "any"]
    assert (anything["norm"], anything["metrics"], anything["schemas"]) == ("bbox", ["NME", "FR@10", "AUC@10"], [])
    assert json.loads(run("show", "protocol", "any", "--json")) == anything
    assert {"outer", "pupil", "bbox"} <= {line.split()[0] for line in run("list", "norm").splitlines()[1:]}


def test_a_layout_is_shown_whole() -> None:
    found = json.loads(run("show", "layout", "points5", "--json"))
    assert (found["points"], found["flip"], found["regions"]["mouth"]) == (5, [1, 0, 2, 4, 3], [3, 4])
