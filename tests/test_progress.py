"""What is seen while something works: one display that fits the terminal, plain lines where there is none."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.terminals import in_terminal, screens, widest

# A bench of two cells whose second one trains, among others' words on stderr; a name that would steer the terminal.
WORK = """
import sys, time
from parface_bench import progress
from parface_bench.progress import Progress

progress.QUIET_SECONDS = 0.05
bench = Progress()
bench.say("2 cells")
with bench.task("bench, cells", 2):
    bench.advance(1, running="a cell")
    run = Progress()
    with run.task("stage 1/2 a\x1b[2Jname that is longer than a narrow terminal", 100, 10):
        for step in range(30):
            run.advance(1, epoch=f"{step}/30", loss="0.01")
            run.mention("validation", "NME 5.310", "epoch 1: validation NME 5.310") if step == 20 else None
            print("a library's words", file=sys.stderr) if step == 25 else None
            time.sleep(0.05)
print("the result")
"""


def shown(columns: int, cwd: Path, **environment: str) -> str:
    return in_terminal(columns, "-c", WORK, cwd=cwd, program=(sys.executable,), **environment)


@pytest.mark.parametrize("columns", [40, 80])
def test_one_display_on_a_terminal(columns: int, tmp_path: Path) -> None:
    text = shown(columns, tmp_path)
    seen = screens(text)
    assert widest(text) <= columns
    assert any("bench, cells" in s and "1/2" in s and "stage 1/2 a" in s and "left" in s for s in seen)
    assert any("epoch" in s and "loss 0.01" in s for s in seen)
    assert any("━" in s for s in seen) is (columns == 80)
    assert "\x1b[2J" not in text
    if columns == 80:
        assert any("validation NME 5.310" in s for s in seen)
    # the display goes, what was said stays
    assert seen[-1].split("\n") == ["2 cells", "a library's words", "the result"]


def test_colour_is_left_out_where_it_is_not_wanted(tmp_path: Path) -> None:
    assert "\x1b[32m" in shown(80, tmp_path)
    plain = shown(80, tmp_path, NO_COLOR="1")
    assert "\x1b[32m" not in plain
    assert any("━" in s for s in screens(plain))


def test_a_dumb_terminal_gets_lines(tmp_path: Path) -> None:
    text = shown(80, tmp_path, TERM="dumb")
    assert "\x1b" not in text
    assert widest(text) <= 80
    flat = " ".join(text.split())
    assert "epoch 1: validation NME 5.310" in flat
    assert re.search(r"stage 1/2 a.{10,60} \d+/100, 0:00:0\d left, epoch \d+/30, loss 0.01", flat)


def test_a_pipe_gets_lines_and_only_the_result_on_stdout(tmp_path: Path) -> None:
    environment = {k: v for k, v in os.environ.items() if k != "COLUMNS"} | {"FORCE_COLOR": "1"}
    done = subprocess.run([sys.executable, "-c", WORK], cwd=tmp_path, env=environment, capture_output=True, text=True)
    assert done.stdout == "the result\n"
    assert "epoch 1: validation NME 5.310\n" in done.stderr
    assert "\x1b[2K" not in done.stderr and "━" not in done.stderr


def test_a_step_pays_for_an_addition(tmp_path: Path) -> None:
    """In a terminal 100,000 steps take less than 0.5 s of the processor, the drawing thread's share included."""
    code = """
import time
from parface_bench.progress import Progress
shown = Progress()
with shown.task("steps", 100000):
    start = time.process_time()
    for _ in range(100000):
        shown.advance(1)
    took = time.process_time() - start
print("took", took)
"""
    text = in_terminal(80, "-c", code, cwd=tmp_path, program=(sys.executable,))
    assert float(text.split("took")[-1]) < 0.5


def test_without_a_stderr_nothing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    """As under pythonw, or where a caller took the stream away."""
    from parface_bench.progress import Progress

    monkeypatch.setattr(sys, "stderr", None)
    progress = Progress()
    progress.say("nobody hears it")
    with progress.task("work", 2):
        pass
    assert not progress.drawn
