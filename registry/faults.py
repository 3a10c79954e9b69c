"""Broken plugins: noted, told in one line, and kept from breaking the others."""

from __future__ import annotations

import sys
import traceback
import warnings
from contextlib import redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parface_bench.registry.errors import PfError, PluginWarning
from parface_bench.registry.moved import hint


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be loaded: who, why, and the traceback for ``pfbench list --verbose``."""

    owner: str
    error: str
    traceback: str


def prints_to_stderr() -> redirect_stdout[Any]:
    """A context in which plugins run: standard output is for results, so what they print goes to standard error."""
    return redirect_stdout(sys.stderr)


class FailureNotes:
    """Notes what fails inside it as the fault of a plugin, and lets the others go on (:func:`prints_to_stderr`)."""

    def __init__(self, notes: list[Broken], owner: str, where: str = "") -> None:
        self.notes, self.owner, self.where = notes, owner, where
        self._aside = prints_to_stderr()

    def __enter__(self) -> None:
        self._aside.__enter__()

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: Any) -> bool:
        self._aside.__exit__(kind, error, trace)
        if error is None or not isinstance(error, Exception | SystemExit):
            return False
        where = f"in {self.where}: " if self.where else ""
        broken = Broken(self.owner, where + sentence(error), "".join(traceback.format_exception(error)))
        self.notes.append(broken)
        warnings.warn(f"plugin {broken.owner} is broken: {broken.error}", PluginWarning, stacklevel=2)
        return True


def sentence(error: BaseException) -> str:
    """One line for a plugin's failure: our own errors' sentence, else type, message, file and line."""
    if isinstance(error, PfError):
        return str(error)
    said = str(error).strip().replace("\n", " ")
    frames = [f for f in traceback.extract_tb(error.__traceback__) if not f.filename.startswith("<")]
    # the last frame outside the registry: where the plugin, or what it called, went wrong
    own = [f for f in frames if Path(f.filename).resolve().parent != Path(__file__).resolve().parent]
    place = f" ({own[-1].filename}, line {own[-1].lineno})" if own and not isinstance(error, SyntaxError) else ""
    return f"{type(error).__name__}: {said}{place}{hint(error)}" if said else f"{type(error).__name__}{place}"
