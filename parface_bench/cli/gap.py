"""``pfbench gap``."""

from __future__ import annotations

from pathlib import Path

import typer

from parface_bench.cli.options import Json, Plugins
from parface_bench.cli.screen import emit, emit_document


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("gap")
    def gap(
        results: list[Path] = typer.Argument(..., metavar="RESULT...", help="Results, or folders that hold some."),
        by: list[str] = typer.Option(..., "--by", metavar="TAG,...", help="Tags whose groups are compared."),
        metric: list[str] = typer.Option(
            ["NME"],
            "--metric",
            help="A metric, region:NAME, side:left|right|affected|unaffected or measure:KEY (repeatable).",
        ),
        within: str = typer.Option("", "--within", metavar="TAG,...", help="Compare faces alike in these tags only."),
        where: list[str] = typer.Option([], "--where", metavar="TAG=VALUE", help="These faces only (repeatable)."),
        reference: str = typer.Option(
            "", "--reference", metavar="VALUE", help="Group to compare with (default: the healthy one, or the largest)."
        ),
        side_tag: str = typer.Option("", "--side-tag", metavar="TAG", help="Tag that tells the affected side."),
        fidelity: bool = typer.Option(
            False, "--fidelity", help="Also: do the clinical measures survive the method's error?"
        ),
        permutations: int = typer.Option(
            10_000, "--permutations", min=99, max=1_000_000, help="Random permutations of a test."
        ),
        resamples: int = typer.Option(1000, "--resamples", min=100, max=100_000, help="Bootstrap resamples."),
        seed: int = typer.Option(0, "--seed", min=0, max=2**53 - 1, help="Seed of permutations and bootstrap."),
        data_root: Path | None = typer.Option(
            None, "--data-root", help="Folder of the data set, for tags that a result lacks."
        ),
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Is a method worse on one group of faces? Differences with intervals, permutation tests and effect sizes."""
        from parface_bench.clinical.report import gap_report
        from parface_bench.clinical.tables import gap_grids
        from parface_bench.registry import UserError

        wanted = {}
        for one in where:
            tag, equals, value = one.partition("=")
            if not equals:
                raise UserError(f"--where {one}: expected TAG=VALUE")
            wanted[tag] = value
        document, text = gap_report(
            results,
            _split(by),
            metric,
            within=_split([within]),
            where=wanted,
            reference=reference,
            side_tag=side_tag,
            with_fidelity=fidelity,
            draws=permutations,
            resamples=resamples,
            seed=seed,
            data_root=data_root,
        )
        if json:
            emit_document(document)
        else:
            emit(text, [] if fidelity else gap_grids(document))


def _split(values: list[str]) -> list[str]:
    """``["a,b", "c"]`` -> ``["a", "b", "c"]``."""
    return list(dict.fromkeys(part.strip() for value in values for part in value.split(",") if part.strip()))
