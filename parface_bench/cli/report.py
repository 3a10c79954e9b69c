"""``pfbench report``: one self-contained page on a few results."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from parface_bench.cli.options import Plugins
from parface_bench.cli.screen import say


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("report")
    def report(
        results: Annotated[
            list[Path],
            typer.Argument(metavar="RESULT...", help="Folders of results, or their result.json."),
        ],
        out: Annotated[Path, typer.Option("--out", help="The page to write.")] = Path("report.html"),
        pictures: Annotated[
            bool, typer.Option("--with-pictures", help="Show photographs even where they must stay with you.")
        ] = False,
        data_root: Annotated[Path | None, typer.Option("--data-root", help="Folder of the data set.")] = None,
        force: Annotated[bool, typer.Option("--force", help="Replace a file that pfbench did not make.")] = False,
        plugin: Plugins = None,
    ) -> None:
        """Write one HTML page on one result, or a comparison of up to eight: tables, curves, faces, provenance."""
        from parface_bench.pages.writing import write_page
        from parface_bench.registry.faults import prints_to_stderr
        from parface_bench.report.report import report as build
        from parface_bench.results.result import load_result

        loaded = [load_result(path) for path in results]
        with prints_to_stderr():
            text = build(loaded, data_root=data_root, pictures=pictures, warn=say)
        write_page(text, out, force=force)
        say(f"wrote {out} ({len(text.encode()) / 1e6:.1f} MB); open it in a browser")
