"""Exit codes and sentences of the command line, as a user's shell sees them."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

FAILING = """
import typer
from parface_bench.registry import WorkError

def pfbench_commands(app):
    @app.command()
    def fail(how: str):
        if how == "work":
            raise WorkError("the work failed\\nin two lines")
        if how == "bug":
            raise ZeroDivisionError("one over nothing")
        if how == "disk":
            raise OSError(28, "No space left on device", "out.csv")
        if how == "wait":
            print("waiting", flush=True)
            import time
            time.sleep(300)
"""


def pfbench(*arguments: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "parface_bench.cli.main", *arguments]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, env=environment(cwd))


def environment(site: Path) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(site)}


def install(site: Path, source: str) -> None:
    """A distribution ``failing 1.0`` with this module, as pip would leave it."""
    (site / "failing.py").write_text(source, encoding="utf-8")
    info = site / "failing-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: failing\nVersion: 1.0\n", encoding="utf-8")
    (info / "entry_points.txt").write_text("[parface_bench]\nfailing = failing\n", encoding="utf-8")


def test_version(tmp_path: Path) -> None:
    done = pfbench("--version", cwd=tmp_path)
    assert done.returncode == 0
    assert done.stdout.startswith("parface-bench ")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        (["lst"], 2, "Did you mean 'list'?"),
        (["show", "method", "heatmpa"], 2, "pfbench: unknown method 'heatmpa'; did you mean 'heatmap'?"),
        (["list", "--plugin", "absent.py"], 2, "pfbench: --plugin absent.py: no such file"),
        (["fail", "work"], 1, "pfbench: the work failed in two lines"),
        (["fail", "bug"], 1, "pfbench: internal error (ZeroDivisionError: one over nothing); rerun with --debug"),
        (["fail", "disk"], 1, "pfbench: No space left on device: out.csv"),
    ],
)
def test_errors_are_one_sentence(arguments: list[str], code: int, says: str, tmp_path: Path) -> None:
    install(tmp_path, FAILING)
    done = pfbench(*arguments, cwd=tmp_path)
    assert done.returncode == code
    assert says in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("arguments", [["--debug", "fail", "bug"], ["fail", "bug", "--debug"]])
def test_debug_shows_the_traceback(arguments: list[str], tmp_path: Path) -> None:
    install(tmp_path, FAILING)
    done = pfbench(*arguments, cwd=tmp_path)
    assert done.returncode == 1
    assert "Traceback" in done.stderr
    assert "ZeroDivisionError: one over nothing" in done.stderr


def test_interrupt(tmp_path: Path) -> None:
    install(tmp_path, FAILING)
    command = [sys.executable, "-m", "parface_bench.cli.main", "fail", "wait"]
    pipes = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    # a shell that runs the suite in the background hands down an ignored SIGINT
    heed = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    process = subprocess.Popen(command, cwd=tmp_path, env=environment(tmp_path), preexec_fn=heed, **pipes)
    assert process.stdout is not None
    assert process.stdout.readline() == "waiting\n"
    process.send_signal(signal.SIGINT)
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 130
    assert errors == "pfbench: interrupted\n"


def test_broken_plugin_is_one_line_and_breaks_nothing(tmp_path: Path) -> None:
    install(tmp_path, "import no_such_module_anywhere\n")
    done = pfbench("list", "metric", cwd=tmp_path)
    assert done.returncode == 0
    assert "NME" in done.stdout
    (line,) = done.stderr.splitlines()
    assert line.startswith("pfbench: warning: plugin failing 1.0 is broken: ModuleNotFoundError")
    assert line.endswith("see 'pfbench list --verbose'")
    verbose = pfbench("list", "metric", "--verbose", cwd=tmp_path)
    assert "Traceback" in verbose.stderr
    assert "import no_such_module_anywhere" in verbose.stderr


def test_a_plugin_may_not_take_a_command(tmp_path: Path) -> None:
    install(tmp_path, "def pfbench_commands(app):\n    @app.command()\n    def score(): ...\n")
    done = pfbench("score", "--help", cwd=tmp_path)
    assert done.returncode == 0
    assert "the command 'score' exists already" in done.stderr
    assert "--protocol" in done.stdout


SCORE = ("score", "--pred", "t.csv", "--gt", "t.csv", "--protocol", "300w", "--resamples", "1")


def write_table(folder: Path) -> None:
    """Two faces of 68 landmarks, ``t.csv``."""
    header = ",".join(["id", *(f"{axis}{i}" for i in range(68) for axis in "xy")])
    rows = [",".join([str(n), *(str(float((i * 37 + n) % 101)) for i in range(136))]) for n in range(2)]
    (folder / "t.csv").write_text("\n".join([header, *rows]) + "\n")


@pytest.mark.parametrize("encoding", ["ascii", "latin-1", "cp1252"])
def test_arrows_on_a_terminal_that_knows_none(encoding: str, tmp_path: Path) -> None:
    write_table(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "parface_bench.cli.main", *SCORE],
        cwd=tmp_path,
        capture_output=True,
        check=False,
        env={**environment(tmp_path), "PYTHONIOENCODING": encoding},
    )
    assert done.returncode == 0, done.stderr
    assert b"NME" in done.stdout


LOUD = """
print("imported")
from parface_bench import metric

@metric("loud")
def loud(faces):
    print("called")
    return faces.nme

def pfbench_after_score(result):
    print("scored")

def pfbench_leaderboard_columns():
    print("columns")
    return [("twice", lambda document: print("filled") or document["n"] * 2)]
"""


def test_what_plugins_print_is_no_result(tmp_path: Path) -> None:
    install(tmp_path, LOUD)
    write_table(tmp_path)
    scored = pfbench(*SCORE, "--record", "--json", cwd=tmp_path)
    assert json.loads(scored.stdout)["subsets"]["full"]["loud"]["value"] == 0
    assert all(word in scored.stderr for word in ("imported", "called", "scored"))
    ranked = pfbench("leaderboard", "--json", cwd=tmp_path)
    assert json.loads(ranked.stdout)[0]["rows"][0]["extra"] == {"twice": 4}
    assert all(word in ranked.stderr for word in ("imported", "columns", "filled"))
    assert isinstance(json.loads(pfbench("list", "--json", cwd=tmp_path).stdout), list)


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_closed_streams(closed: str, tmp_path: Path) -> None:
    command = f'"{sys.executable}" -m parface_bench.cli.main list metric {closed}'
    done = subprocess.run(["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert (done.returncode, done.stderr) == (0, "")
