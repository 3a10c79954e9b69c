"""The workflows of CI: they can be read, and what they call exists."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml

ROOT = Path(__file__).resolve().parents[1]
WORKFLOWS = sorted((ROOT / ".github" / "workflows").glob("*.yml"))


def jobs(path: Path) -> dict[str, dict[str, Any]]:
    content = yaml.safe_load(path.read_text(encoding="utf-8"))
    # YAML 1.1 reads the key `on` as true
    assert content["name"] == path.stem and (content.get("on") or content.get(True))
    return content["jobs"]


def commands(path: Path) -> list[tuple[dict[str, Any], str]]:
    return [(step, step["run"]) for job in jobs(path).values() for step in job["steps"] if "run" in step]


def test_there_are_some() -> None:
    assert {path.stem for path in WORKFLOWS} >= {"ci", "nightly"}


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_every_job_is_bounded_and_every_step_does_one_thing(path: Path) -> None:
    for name, job in jobs(path).items():
        assert job["runs-on"] == "ubuntu-latest" and 0 < job["timeout-minutes"] <= 180, name
        assert set(job.get("needs", [])) <= set(jobs(path))
        for step in job["steps"]:
            assert ("uses" in step) != ("run" in step), (name, step)
            if "uses" in step:
                assert re.fullmatch(r"actions/[a-z-]+@v\d+", step["uses"]), step
        used = [step["uses"].split("@")[0] for step in job["steps"] if "uses" in step]
        if any("run" in step for step in job["steps"]):
            assert used[:2] == ["actions/checkout", "actions/setup-python"], name


@pytest.mark.parametrize("path", WORKFLOWS, ids=lambda p: p.name)
def test_what_it_calls_is_there(path: Path) -> None:
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]["optional-dependencies"]
    text = path.read_text(encoding="utf-8")
    assert set(re.findall(r"'\.\[(\w+)\]'", text)) <= set(extras)
    for step, line in commands(path):
        folder = ROOT / step.get("working-directory", "")
        assert folder.is_dir()
        for word in line.split():
            if re.fullmatch(r"\.?\w[\w.-]*(/[\w.-]+)+", word):
                assert (folder / word).exists(), line
    for script in re.findall(r'command: "(\w+\.py)', text):
        assert (ROOT / "benchmarks" / "campaigns" / script).is_file()
    for used in re.findall(r"\$\{\{ matrix\.(\w+) \}\}", text):
        assert f"{used}:" in text


def test_the_board_and_the_notebook_are_published() -> None:
    """The docs are built with the hook that writes the board, the notebook is run, and the site is deployed."""
    lines = [line for _, line in commands(ROOT / ".github" / "workflows" / "ci.yml")]
    assert any("--nbmake" in line for line in lines) and "mkdocs build --strict" in lines
    assert any(line.startswith("pdflatex") for line in lines)
    publish = jobs(ROOT / ".github" / "workflows" / "ci.yml")["publish"]
    assert publish["needs"] == ["docs"] and "refs/heads/main" in publish["if"]
    assert "docs/board.py" in (ROOT / "mkdocs.yml").read_text(encoding="utf-8")
