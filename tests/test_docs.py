"""The documentation tells the truth: its tutorial runs, its links lead somewhere, its commands exist."""

from __future__ import annotations

import importlib.util
import json
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from parface_bench.cli.main import build_app
from parface_bench.leaderboard.reported import load_reported
from parface_bench.leaderboard.table import Selection
from parface_bench.leaderboard.views import show
from parface_bench.registry import METHODS, catalogue

ROOT = Path(__file__).resolve().parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md", *sorted((ROOT / "docs").rglob("*.md"))]
# What makes the tutorial's runs short enough for a test; options given twice count as given last.
SHORT = ["--record", "--limit", "12", "--set", "train.epochs=1", "--set", "image_size=32", "--device", "cpu"]


def blocks(page: Path) -> list[tuple[str, str]]:
    """(language, text) of every fenced block, in order."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return [(str(language), str(text)) for language, text in found]


def run(line: str) -> str:
    program, *arguments = shlex.split(line)
    if program == "python":
        subprocess.run([sys.executable, *arguments], check=True)
        return ""
    assert program == "pfbench"
    arguments += SHORT if arguments[0] == "run" else []
    arguments += ["--set", "method.backbone=test_resnet"] if arguments[:2] == ["run", "my-net"] else []
    done = CliRunner().invoke(build_app(), arguments, catch_exceptions=False)
    assert done.exit_code == 0, f"{line}\n{done.output}"
    return done.stdout


def test_tutorial_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    printed = {}
    with catalogue.temporarily():
        for language, text in blocks(ROOT / "docs" / "get-started" / "tutorial.md"):
            if language == "python":
                Path(text.split()[1].rstrip(":")).write_text(text, encoding="utf-8")
            else:
                assert language == "bash"
                printed.update({line: run(line) for line in text.splitlines()})
    assert Path("sheet.png").stat().st_size > 0
    assert len(Path("my_net.py").read_text(encoding="utf-8").splitlines()) < 40
    (result,) = Path("runs/landmark-table/my-net").glob("*/result.json")
    document = json.loads(result.read_text(encoding="utf-8"))
    assert document["n"] == 12
    assert 0 < document["subsets"]["smiling"]["nme-mouth"]["value"] < 1000
    board = printed["pfbench leaderboard --plugin nme_mouth.py"]
    assert "nme-mouth" in board
    assert "my-net" in board
    assert "mean-shape" in board


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\(([^)#\s]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8"))
    missing = [link for link in links if "://" not in link and not (page.parent / link).exists()]
    assert missing == []


@pytest.mark.parametrize("page", PAGES, ids=lambda p: p.name)
def test_commands_and_options_exist(page: Path) -> None:
    """Every `pfbench COMMAND --option` that a page shows is one that pfbench has."""
    app, wrong = build_app(), []
    for command in re.findall(r"(?:^ *|`)pfbench ([a-z][^`\n|#]*)", page.read_text(encoding="utf-8"), re.MULTILINE):
        words = command.split()
        path = words[:2] if words[0] == "data" and len(words) > 1 and words[1].isalpha() else words[:1]
        if not re.fullmatch(r"[a-z-]+", path[0]):
            continue
        help_text = CliRunner().invoke(app, [*path, "--help"], env={"COLUMNS": "200"})
        if help_text.exit_code:
            wrong.append(command)
        options = re.findall(r"(?<![\w-])--[a-z][a-z-]*", command)
        wrong += [f"{command}: {option}" for option in options if option not in help_text.stdout]
    assert wrong == []


def test_method_pages_are_filled_from_code_recipes_and_boards() -> None:
    spec = importlib.util.spec_from_file_location("method_pages", ROOT / "docs" / "method_pages.py")
    assert spec and spec.loader
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    boards = json.loads(show(ROOT / "leaderboards", Selection(), form="json"))
    measured = {row["method"] for board in boards for row in board["rows"]}
    pages = sorted((ROOT / "docs" / "reference" / "methods").glob("*.md"))
    assert {page.stem for page in pages} >= {s.name for s in METHODS if s.trainable}
    for page in pages:
        front = re.match(r"---\n(.*?)\n---\n", page.read_text(encoding="utf-8"), re.DOTALL)
        meta = yaml.safe_load(front[1]) if front else {}
        filled = hook.filled(page.stem, page.read_text(encoding="utf-8")[front.end() if front else 0 :], meta)
        assert "<!--" not in filled, page
        assert ("No row of it is on the boards" in filled) == (page.stem not in measured)
        papers = meta.get("papers", [])
        rows = [row for e in load_reported() for row in e["rows"] if row.get("paper", row["method"]) in papers]
        assert {row.get("paper", row["method"]) for row in rows} == set(papers)
        for row in rows:
            lines = [line for line in filled.splitlines() if line.startswith(f"| {row['method']} |")]
            cells = [value for metrics in row["values"].values() for value in metrics.values()]
            assert any(all(f" {cell} " in line for cell in cells) for line in lines), row


def test_the_notebook_is_executed_and_small() -> None:
    """Every cell has run in order, without an error; the file holds no photographs."""
    (path,) = (ROOT / "docs").rglob("*.ipynb")
    assert path.stat().st_size < 300_000
    notebook = json.loads(path.read_text(encoding="utf-8"))
    cells = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert [cell["execution_count"] for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell["outputs"]]
    assert {output["output_type"] for output in outputs} == {"execute_result"}
    assert sum("image/png" in output["data"] for output in outputs) == 3  # two curves, and differences
    assert "image/jpeg" not in path.read_text(encoding="utf-8")


def test_the_board_becomes_a_page(tmp_path: Path) -> None:
    """The hook of mkdocs writes the repository's recorded results as one page."""
    spec = importlib.util.spec_from_file_location("board", ROOT / "docs" / "board.py")
    assert spec is not None and spec.loader is not None
    hook = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(hook)
    hook.on_post_build({"config_file_path": str(ROOT / "mkdocs.yml"), "site_dir": str(tmp_path)})
    page = (tmp_path / "board.html").read_text(encoding="utf-8")
    for method in ("integral", "parface", "mean-shape"):
        assert method in page
