"""``pfbench doctor``: what is there, what is not, and what to do about it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from parface_bench.cli.main import build_app
from parface_bench.doctor import examine
from parface_bench.registry import DATASETS, Catalogue, MethodSpec
from parface_bench.registry import catalogue as shared


def run(*arguments: str) -> Result:
    return CliRunner().invoke(build_app(), ["doctor", *arguments], catch_exceptions=False)


@pytest.fixture
def catalogue() -> Iterator[Catalogue]:
    """The shared catalogue, put back as it was after the test."""
    with shared.temporarily():
        yield shared


def test_this_installation_is_sound() -> None:
    done = run()
    assert done.exit_code == 0, done.stdout
    assert f"torch                      {version('torch')}" in done.stdout
    assert done.stdout.endswith("no problems\n")


def test_json_names_roots(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PFBENCH_DATA_300W", str(tmp_path))
    monkeypatch.setenv("PFBENCH_DATA_WFLW", str(tmp_path / "absent"))
    found = json.loads(run("--json").stdout)
    data = {one["name"]: one for one in found["data"]}
    assert set(data) == set(DATASETS.names())
    assert (data["300w"]["root"], data["300w"]["said_by"]) == (str(tmp_path), "PFBENCH_DATA_300W")
    assert "does not exist" in data["wflw"]["error"]
    assert data["palsy"]["note"] == "not set, palsy-twin is used instead"


class NeedsWeights:
    """A detector whose weights are not there."""

    @staticmethod
    def lacks() -> str:
        """What is missing."""
        return "weights.dat is not there: fetch it from ..."


def test_what_plugins_lack(catalogue: Catalogue) -> None:
    catalogue.add(MethodSpec(name="a-needs", target="nowhere:X", needs="no-such-distribution", owner="a.py"))
    catalogue.add(MethodSpec(name="b-broken", target="nowhere:X", owner="b.py"))
    catalogue.add(MethodSpec(name="c-weights", target=NeedsWeights, owner="c.py"))
    found = {one["name"]: one for one in examine()["plugins"]}
    assert found["a-needs"]["install"] == "pip install 'no-such-distribution'"
    assert "No module named 'nowhere'" in found["b-broken"]["problem"]
    assert found["c-weights"]["problem"] == "weights.dat is not there: fetch it from ..."
    text = run().stdout
    assert "method a-needs: needs no-such-distribution: pip install 'no-such-distribution'" in text


def test_a_home_that_cannot_be_written(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("PFBENCH_HOME", str(blocked / "cache"))
    done = run()
    assert done.exit_code == 1
    assert f"problem: {blocked / 'cache'}: cannot be written" in done.stdout


def test_broken_plugins_are_shown_with_their_traceback(catalogue: Catalogue) -> None:
    with pytest.warns(UserWarning, match="is broken"), catalogue.noting("somebody 1.0"):
        raise ImportError("no luck")
    done = run()
    assert done.exit_code == 1
    assert "broken plugin somebody 1.0: ImportError: no luck" in done.stdout
    assert "Traceback" in done.stdout
