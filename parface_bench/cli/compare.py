"""``pfbench compare``."""

from __future__ import annotations

from pathlib import Path

import typer

from parface_bench.cli.options import Json


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("compare")
    def compare(
        result_a: Path = typer.Argument(..., help="Folder of a recorded result, or its result.json."),
        result_b: Path = typer.Argument(..., help="The other one: same data, same protocol."),
        resamples: int = typer.Option(1000, "--resamples", min=1, help="Bootstrap resamples."),
        seed: int = typer.Option(0, "--seed", min=0, help="Seed of the bootstrap."),
        json: Json = False,
    ) -> None:
        """Paired difference A - B per subset, with its bootstrap interval and Wilcoxon signed-rank p."""
        from parface_bench.results.result import load_result
        from parface_bench.scoring.compare import compare_results, comparison_table

        document = compare_results(load_result(result_a), load_result(result_b), resamples=resamples, seed=seed)
        for who, other in (("a", "B"), ("b", "A")):
            if document[f"only_{who}"]:
                typer.echo(
                    f"pfbench: {document[f'only_{who}']} faces left out: {other} has no errors of them", err=True
                )
        if json:
            import json as codec

            typer.echo(codec.dumps(document, indent=2, allow_nan=False))
        else:
            typer.echo(comparison_table(document))
            typer.echo("A - B below 0: A is better. The p-values are not corrected for the number of subsets.")
