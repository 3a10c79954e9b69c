"""What a person sees while something works, on stderr: one live display on a terminal, plain lines in a log or pipe.

There is one display a process. Whatever is under way adds a line to it: the cells of a bench, a stage of the run at
hand, a data set that is being made for it. Steps only count; a thread draws the display twice a second, so that a
training step pays for an addition.
"""

from __future__ import annotations

import io
import sys
import time
from collections.abc import Iterable, Iterator, Sized
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, TypeVar

from parface_bench.registry.errors import printable

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult
    from rich.live import Live
    from rich.text import Text

T = TypeVar("T")
LONG = 2000  # items of a loop that is worth a line
QUIET_SECONDS = 15.0  # between two plain lines
_REFRESHES = 2  # a second
_BAR = 24  # characters, where there is room


@dataclass
class Task:
    """Something under way.

    Attributes:
        name: what it is.
        total: its steps; 0: not known.
        done: steps behind it.
        facts: what is shown beside, by name: ``{"epoch": "3/20", "loss": "0.0123"}``.
    """

    name: str
    total: int
    done: int = 0
    facts: dict[str, str] = field(default_factory=dict)
    _first: int = 0
    _since: float = field(default_factory=time.monotonic)

    def __post_init__(self) -> None:
        self._first = self.done

    def skip(self, steps: int) -> None:
        """Steps that were done before, which say nothing about the speed."""
        self.done += steps
        self._first, self._since = self.done, time.monotonic()

    def left(self) -> str:
        """The time left, at the mean speed so far; '' where nothing can be said."""
        new = self.done - self._first
        if new <= 0 or self.done >= self.total:
            return ""
        seconds = round((time.monotonic() - self._since) / new * (self.total - self.done))
        return f"{timedelta(seconds=seconds)} left"

    def count(self) -> str:
        """``DONE/TOTAL``, or what is known of it."""
        return f"{self.done}/{self.total}" if self.total else str(self.done)

    def said(self) -> str:
        """The facts in a row."""
        return ", ".join(f"{name} {value}".strip() for name, value in self.facts.items())


class _Display:
    """The tasks under way, outermost first, as lines that are never wider than the terminal."""

    def __init__(self) -> None:
        self.tasks: list[Task] = []
        self.live: Live | None = None
        self._streams = (sys.stdout, sys.stderr)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        from rich.text import Text

        # the steps go on in another thread: a task may end while it is drawn
        for task in list(self.tasks):
            yield _line(task, options.max_width)
            said = task.said()
            if said:
                shown = Text("  " + printable(said), style="dim", no_wrap=True)
                shown.truncate(options.max_width, overflow="ellipsis")
                yield shown

    def start(self, console: Console) -> None:
        from rich.live import Live

        own = {"redirect_stdout": False, "redirect_stderr": False, "transient": True}
        self.live = Live(self, console=console, refresh_per_second=_REFRESHES, **own)  # type: ignore[arg-type]
        self.live.start()
        self._streams, above = (sys.stdout, sys.stderr), _Above(console)
        if sys.stdout is sys.stderr:  # else it is for results
            sys.stdout = above
        sys.stderr = above

    def stop(self) -> None:
        live, self.live = self.live, None
        if live is not None:
            live.stop()
            sys.stdout, sys.stderr = self._streams


class _Above(io.TextIOBase):
    """Stands for stderr while there is a display: whole lines that others write appear above it."""

    def __init__(self, console: Console) -> None:
        self._console, self._part = console, ""

    def write(self, text: str) -> int:
        *lines, self._part = (self._part + text).split("\n")
        for line in lines:
            self._console.print(printable(line.rpartition("\r")[2]), markup=False)
        return len(text)

    def isatty(self) -> bool:
        return True

    def fileno(self) -> int:
        return self._console.file.fileno()


_display = _Display()


class Progress:
    """Tells what is under way: tasks on the one display, and lines that stay.

    Args:
        quiet: tell nothing (all processes of a distributed run but the first).
    """

    def __init__(self, quiet: bool = False) -> None:
        self.quiet = quiet
        console = _console()
        # a dumb terminal cannot move its cursor; a notebook's cell is a log
        self.drawn = (
            not quiet
            and sys.stderr is not None
            and sys.stderr.isatty()
            and console.is_terminal
            and not console.is_dumb_terminal
        )
        self._tasks: list[Task] = []
        self._said = 0.0

    def say(self, text: str) -> None:
        """A line that stays."""
        if not self.quiet:
            console = _console()
            console.print(printable(text), soft_wrap=not console.is_terminal, markup=False)

    def mention(self, name: str, value: str, line: str) -> None:
        """Something that changes now and then: a fact of the display where there is one, else a line of its own."""
        if self.drawn and self._tasks:
            self._tasks[-1].facts[name] = value
        else:
            self.say(line)

    @contextmanager
    def task(self, name: str, total: int, done: int = 0) -> Iterator[Task]:
        """Show something with ``total`` steps (0: not known), of which ``done`` are behind us, until the block ends."""
        task = Task(name, total, done)
        self._tasks.append(task)
        self._said = time.monotonic()
        if self.drawn:
            _display.tasks.append(task)
            if _display.live is None:
                _display.start(_console())
        try:
            yield task
        finally:
            self._tasks.remove(task)
            if self.drawn:
                _display.tasks.remove(task)
                if not _display.tasks:
                    _display.stop()

    def skip(self, steps: int) -> None:
        """Steps of the innermost task that were done before."""
        self._tasks[-1].skip(steps)

    def advance(self, steps: int = 1, **facts: str) -> None:
        """Steps of the innermost task, and what is known beside them (see :class:`Task`)."""
        task = self._tasks[-1]
        task.done += steps
        if facts:
            task.facts.update(facts)
        if not self.drawn and time.monotonic() - self._said > QUIET_SECONDS:
            self._said = time.monotonic()
            self.say(f"{task.name}: {', '.join(word for word in (task.count(), task.left(), task.said()) if word)}")


def progress(items: Iterable[T], what: str, long: int = LONG, total: int | None = None) -> Iterator[T]:
    """``items``, shown as a task ``what`` if there are at least ``long`` (``total`` if they have no length)."""
    count = len(items) if total is None and isinstance(items, Sized) else total or 0
    if count < long:
        yield from items
        return
    shown = Progress()
    with shown.task(what, count):
        for item in items:
            yield item
            shown.advance()


def say_above(text: str) -> bool:
    """Print a line above the live display; False where there is none."""
    if _display.live is None:
        return False
    _console().print(printable(text), markup=False)
    return True


def _console() -> Console:
    """The display's console, since another one would write into the display; without a display one for stderr."""
    from rich.console import Console

    if _display.live is not None:
        return _display.live.console
    stream = sys.stderr
    while hasattr(stream, "rich_proxied_file"):  # a stream that shows control characters, but not those of rich itself
        stream = stream.rich_proxied_file
    return Console(file=stream, highlight=False)


def _line(task: Task, width: int) -> Text:
    """``NAME  ━━━━━━    12/80  0:01:10 left``: the bar where there is room, the name cut short where there is none."""
    from rich.text import Text

    numbers = "  ".join(word for word in (task.count(), task.left()) if word)
    name = Text(printable(task.name), no_wrap=True)
    room = width - len(numbers) - 2
    bar = min(_BAR, room - name.cell_len - 2) if task.total else 0
    name.truncate(max(room, 1), overflow="ellipsis")
    line = Text(no_wrap=True)
    line.append_text(name)
    if bar >= 8:
        full = min(bar * task.done // max(task.total, 1), bar)
        line.append("  ").append("━" * full, style="green").append("━" * (bar - full), style="dim")
    line.append("  " + numbers)
    line.truncate(width, overflow="ellipsis")
    return line
