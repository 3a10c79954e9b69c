"""The command line as a user's shell sees it, without the cost of a new process."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from parface_bench.cli.main import main


class Done(NamedTuple):
    code: int
    out: str
    err: str


@pytest.fixture
def pfbench(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Callable[..., Done]:
    """``pfbench("score", "--pred", path, ...)`` -> exit code, stdout, stderr."""

    def run(*arguments: object) -> Done:
        monkeypatch.setattr(sys, "argv", ["pfbench", *map(str, arguments)])
        capsys.readouterr()
        code = 0
        try:
            main()
        except SystemExit as stop:
            code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
        captured = capsys.readouterr()
        return Done(code, captured.out, captured.err)

    return run
