"""What is printed fits the terminal, and steers none."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from parface_bench.cli.screen import fitting, wrapped
from parface_bench.grid import Cell, Grid, Head, one_line
from parface_bench.registry.errors import printable
from tests.cli.test_main import SCORE, write_table
from tests.terminals import in_terminal, widest


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("screen")
    write_table(folder)
    for name in ("one", "a-method-with-quite-a-long-name-that-must-be-folded"):
        in_terminal(100, *SCORE, "--record", "--name", name, cwd=folder)
    return folder


@pytest.mark.parametrize("columns", [40, 80, 100, 160])
@pytest.mark.parametrize(
    "words",
    [
        ("leaderboard",),
        ("leaderboard", "--all", "--reported"),
        ("list",),
        ("list", "protocol"),
        ("show", "metric", "NME"),
        ("score",),
        ("compare",),
        ("doctor",),
        ("measure", "t.csv"),
        ("import-checkpoint", "a-folder-that-is-not-there/with/a/long/name", "--out", "x.pt"),
        ("run", "integrall", "--dataset", "300w"),
    ],
    ids=" ".join,
)
def test_no_line_is_wider_than_the_terminal(recorded: Path, columns: int, words: tuple[str, ...]) -> None:
    if words == ("score",):
        words = tuple(SCORE)
    if words == ("compare",):
        words = ("compare", *sorted(str(p.parent) for p in recorded.glob("leaderboards/*/*/*/result.json")))
    printed = in_terminal(columns, *words, cwd=recorded)
    assert printed.strip()
    assert "Traceback" not in printed and "internal error" not in printed
    assert widest(printed) <= columns


def test_colour_only_where_it_is_wanted(recorded: Path) -> None:
    assert "\x1b[" in in_terminal(100, "leaderboard", cwd=recorded)
    assert not re.search(r"\x1b\[[0-9;]*3[0-9]", in_terminal(100, "leaderboard", cwd=recorded, NO_COLOR="1"))
    assert "\x1b[" not in in_terminal(100, "leaderboard", cwd=recorded, TERM="dumb")


def test_columns_that_matter_least_are_left_out_first() -> None:
    heads = [Head("name", words=True, keep=0), Head("12345", keep=2), Head("value", keep=0), Head("12345678", keep=1)]
    grid = Grid("", heads, [["x", "1", Cell("2", "best"), "3"]])
    assert fitting(grid, 80) == [0, 1, 2, 3]
    assert fitting(grid, 22) == [0, 2, 3]
    assert fitting(grid, 12) == [0, 2]
    assert fitting(grid, 3) == [0, 2]  # what always stays is folded instead


def test_no_text_steers_the_terminal() -> None:
    assert one_line("a\x1b[31mb\u202ec\nd") == "a\ufffd[31mb\ufffdc\ufffdd"
    assert printable("a\n\tb\x07") == "a\n\tb\ufffd"
    assert wrapped("  word " * 4, 12).split("\n")[1].startswith("    ")
