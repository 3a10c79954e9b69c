"""What a person sees while it works, on stderr: a bar with the time left on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta

from rich.console import Console
from rich.progress import (
    BarColumn,
    MofNCompleteColumn,
    TaskID,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress import Progress as RichProgress

from parface_bench.training.distributed import rank

_QUIET_SECONDS = 15.0


class Progress:
    """One line of progress at a time; silent in all processes but the first."""

    def __init__(self) -> None:
        self.console = Console(stderr=True, quiet=rank() != 0, highlight=False)
        self._bar: RichProgress | None = None
        self._task: TaskID | None = None
        self._total = self._done = self._start = 0
        self._said = self._since = 0.0
        self._name = ""

    def say(self, text: str) -> None:
        """A line that stays."""
        self.console.print(text, soft_wrap=not self.console.is_terminal, markup=False)

    @contextmanager
    def task(self, name: str, total: int, done: int = 0) -> Iterator[Progress]:
        """Show progress of something with ``total`` steps, of which ``done`` are behind us."""
        outer = (self._bar, self._task, self._name, self._total, self._done, self._start, self._since)
        self._name, self._total, self._done, self._start = name, total, done, done
        self._said = self._since = time.monotonic()
        if self.console.is_terminal and not self.console.quiet:
            columns = (
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TimeElapsedColumn(),
                TextColumn("left"),
                TimeRemainingColumn(),
                TextColumn("{task.fields[note]}"),
            )
            bar = outer[0] or RichProgress(*columns, console=self.console, transient=True)
            self._bar, self._task = bar, bar.add_task(name, total=total, completed=done, note="")
            if outer[0] is None:
                bar.start()
        try:
            yield self
        finally:
            if self._bar is not None and self._task is not None:
                self._bar.remove_task(self._task)
                if outer[0] is None:
                    self._bar.stop()
            self._bar, self._task, self._name, self._total, self._done, self._start, self._since = outer

    def skip(self, steps: int) -> None:
        """Steps that were done before, which say nothing about the speed."""
        self._done += steps
        self._start, self._since = self._done, time.monotonic()
        if self._bar is not None and self._task is not None:
            self._bar.reset(self._task, completed=self._done)

    def advance(self, steps: int = 1, note: str = "") -> None:
        """Steps done; ``note`` is shown beside the bar."""
        self._done += steps
        if self._bar is not None and self._task is not None:
            self._bar.advance(self._task, steps)
            if note:
                self._bar.update(self._task, note=note)
        elif time.monotonic() - self._said > _QUIET_SECONDS:
            self._said = time.monotonic()
            words = [f"{self._name}: {self._done}/{self._total}", self._left(), note]
            self.say(", ".join(word for word in words if word))

    def _left(self) -> str:
        """The time left, at the speed so far."""
        new = self._done - self._start
        if not new > 0 or self._done >= self._total:
            return ""
        seconds = round((time.monotonic() - self._since) / new * (self._total - self._done))
        return f"{timedelta(seconds=seconds)} left"
