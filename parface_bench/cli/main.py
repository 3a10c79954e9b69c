"""Entry point of ``pfbench``: gathers the commands and turns our errors into one sentence and an exit code."""

from __future__ import annotations

import errno
import io
import os
import sys
import traceback
import warnings
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import Any

import typer

from parface_bench import __version__
from parface_bench.cli.screen import say
from parface_bench.registry.catalogue import catalogue
from parface_bench.registry.errors import PfError, PluginWarning, UserError, printable

# Each module holds `register(app)`; the order is that of `pfbench --help`. They import nothing heavy at the top.
COMMANDS = (
    "run",
    "score",
    "audit",
    "compare",
    "gap",
    "leaderboard",
    "report",
    "predict",
    "measure",
    "bench",
    "reproduce",
    "list",
    "show",
    "new",
    "data",
    "import_checkpoint",
    "export",
    "export_checkpoint",
    "cost",
    "doctor",
)


def build_app(commands: Sequence[str] = COMMANDS) -> typer.Typer:
    """The typer application with built-in commands (names of modules) and those that plugins add."""
    app = typer.Typer(
        name="pfbench",
        help="Train, score and rank facial landmark detectors under fixed, versioned protocols.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    def tell_version(asked: bool) -> None:
        if asked:
            typer.echo(f"parface-bench {__version__}")
            raise typer.Exit

    @app.callback()
    def root(
        version: bool = typer.Option(
            False, "--version", help="Print the version.", is_eager=True, callback=tell_version
        ),
        debug: bool = typer.Option(False, "--debug", help="Show tracebacks of errors; may stand anywhere."),
    ) -> None:
        pass

    for name in commands:
        import_module(f"parface_bench.cli.{name}").register(app)
    for owner, hook in catalogue.hooks("pfbench_commands"):
        with catalogue.noting(owner, "pfbench_commands"):
            added = typer.Typer()
            hook(app=added)
            _adopt(app, added)
    return app


def _adopt(app: typer.Typer, added: typer.Typer) -> None:
    taken = _names(app)
    twice = [name for name in _names(added) if name in taken]
    if twice:
        raise UserError(f"the command {twice[0]!r} exists already: choose another name")
    app.registered_commands += added.registered_commands
    app.registered_groups += added.registered_groups


def _names(app: typer.Typer) -> list[str]:
    commands = [c.name or getattr(c.callback, "__name__", "").replace("_", "-") for c in app.registered_commands]
    return commands + [str(g.name or getattr(g.typer_instance, "info", g).name) for g in app.registered_groups]


def main() -> None:
    """Run the command line; ``--debug`` anywhere shows tracebacks."""
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    show = warnings.showwarning

    def one_line(message: Any, category: type[Warning], *rest: Any, **named: Any) -> None:
        if issubclass(category, PluginWarning):
            print(f"pfbench: warning: {message}; see 'pfbench list --verbose'", file=sys.stderr)
        else:
            show(message, category, *rest, **named)

    warnings.showwarning = one_line
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:  # the shell closed it: ``>&-``
            setattr(sys, name, Path(os.devnull).open("w"))  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal or file that knows no arrows gets '?', not a failure
            stream.reconfigure(errors="replace")
    sys.stderr = _Clean(sys.stderr)
    if sys.stdout.isatty():
        sys.stdout = _Clean(sys.stdout)
    try:
        # typer builds every command that it is given: the one that was typed is enough where it is plainly ours
        typed = arguments[0].replace("-", "_") if arguments else ""
        build_app([typed] if typed in COMMANDS else COMMANDS)(args=arguments, prog_name="pfbench")
    except KeyboardInterrupt:
        _stop("interrupted", 130)
    except SystemExit as stop:
        if stop.code == 130:  # typer has turned the interrupt into this
            _stop("interrupted", 130)
        place = _foreign_exit(stop)
        if place:
            _stop(f"{place} ended the program (sys.exit), so the work was not done", 1)
        raise
    except Exception as error:
        if debug:
            raise
        if isinstance(error, PfError):
            _stop(str(error), error.exit_code)
        if isinstance(error, OSError) and error.strerror:
            code = 2 if error.errno in _USERS else 1
            _stop(f"{error.strerror}: {error.filename}" if error.filename else error.strerror, code)
        said = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
        place = catalogue.place_in_files(error)
        whose = f"plugin {place}: {said}" if place else f"internal error ({said})"
        _stop(f"{whose}; rerun with --debug to see {'how it came there' if place else 'where'}", 1)


def _foreign_exit(stop: SystemExit) -> str:
    """``FILE, line N`` of a ``sys.exit`` that is neither ours nor the command line library's; '' where it is."""
    last = traceback.extract_tb(stop.__traceback__)[-1]
    parts = Path(last.filename).parts
    ours = Path(last.filename).resolve().parent == Path(__file__).resolve().parent
    return "" if ours or "click" in parts or "typer" in parts else f"{last.filename}, line {last.lineno}"


# a name or place that the user gave; a full disk or a broken one is no fault of his
_USERS = (errno.ENOENT, errno.ENAMETOOLONG, errno.ENOTDIR, errno.EISDIR, errno.ELOOP, errno.EACCES, errno.EPERM,
          errno.EROFS, errno.EINVAL, errno.EEXIST)  # fmt: skip


class _Clean(io.TextIOBase):
    """A stream to a terminal that shows control characters as �: names in files must not act on it.

    What rich draws itself, it writes to ``rich_proxied_file``.
    """

    def __init__(self, stream: Any) -> None:
        self.rich_proxied_file = self._stream = stream

    def write(self, text: str) -> int:
        self._stream.write(printable(text))
        return len(text)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._stream, name)

    def flush(self) -> None:
        self._stream.flush()

    def isatty(self) -> bool:
        return self._stream.isatty()

    def fileno(self) -> int:
        return self._stream.fileno()


def _stop(sentence: str, code: int) -> None:
    say(" ".join(sentence.split()))
    raise SystemExit(code) from None


if __name__ == "__main__":
    main()
