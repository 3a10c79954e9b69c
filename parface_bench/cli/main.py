"""Entry point of ``pfbench``: gathers the commands and turns our errors into one sentence and an exit code."""

from __future__ import annotations

import sys
from importlib import import_module

import typer

from parface_bench import __version__
from parface_bench.registry.catalogue import catalogue
from parface_bench.registry.errors import PfError

# Each module holds `register(app)`; the order is that of `pfbench --help`. They import nothing heavy at the top.
COMMANDS = (
    "run",
    "score",
    "audit",
    "compare",
    "leaderboard",
    "predict",
    "bench",
    "list",
    "show",
    "new",
    "data",
    "import_checkpoint",
    "cost",
    "doctor",
)


def build_app() -> typer.Typer:
    """The typer application with all built-in commands and those that plugins add."""
    app = typer.Typer(
        name="pfbench",
        help="Train, score and rank facial landmark detectors under fixed, versioned protocols.",
        no_args_is_help=True,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
        context_settings={"help_option_names": ["-h", "--help"]},
    )

    @app.callback()
    def root(version: bool = typer.Option(False, "--version", help="Print the version.", is_eager=True)) -> None:
        if version:
            typer.echo(f"parface-bench {__version__}")
            raise typer.Exit

    for name in COMMANDS:
        import_module(f"parface_bench.cli.{name}").register(app)
    catalogue.hook.pfbench_commands(app=app)
    return app


def main() -> None:
    """Run the command line; ``--debug`` anywhere shows tracebacks."""
    arguments = [a for a in sys.argv[1:] if a != "--debug"]
    debug = len(arguments) < len(sys.argv) - 1
    try:
        build_app()(args=arguments, prog_name="pfbench")
    except PfError as error:
        if debug:
            raise
        print(f"pfbench: {error}", file=sys.stderr)
        raise SystemExit(error.exit_code) from None
    except KeyboardInterrupt:
        print("pfbench: interrupted", file=sys.stderr)
        raise SystemExit(130) from None
    except BrokenPipeError:
        raise SystemExit(0) from None


if __name__ == "__main__":
    main()
