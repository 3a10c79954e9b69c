"""``pfbench compare``."""

from __future__ import annotations

from pathlib import Path

import typer

from parface_bench.cli.options import Json
from parface_bench.cli.screen import emit, emit_document, say


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("compare")
    def compare(
        result_a: Path = typer.Argument(..., help="A recorded result, or a method's folder: all its seeds."),
        result_b: Path = typer.Argument(..., help="The other one: same data, same protocol."),
        resamples: int = typer.Option(1000, "--resamples", min=1, max=100_000, help="Bootstrap resamples."),
        seed: int = typer.Option(0, "--seed", min=0, max=2**53 - 1, help="Seed of the bootstrap."),
        everything: bool = typer.Option(False, "--all", help="On a terminal: all subsets, not the main ones only."),
        json: Json = False,
    ) -> None:
        """Paired difference A - B per subset, with its bootstrap interval and Wilcoxon signed-rank p."""
        from parface_bench.results.result import load_runs
        from parface_bench.scoring.compare import comparison_grid, comparison_table
        from parface_bench.scoring.compare_runs import compare_runs

        document = compare_runs(load_runs(result_a), load_runs(result_b), resamples=resamples, seed=seed)
        for who, other in (("a", "B"), ("b", "A")):
            if document[f"only_{who}"]:
                say(f"{document[f'only_{who}']} faces left out: {other} has no errors of them")
        if json:
            emit_document(document)
        else:
            meaning = "A - B below 0: A is better. The p-values are not corrected for the number of subsets."
            grid = comparison_grid(document, everything=everything)
            grid.notes.append(meaning)
            emit(f"{comparison_table(document)}\n{meaning}", [grid])
