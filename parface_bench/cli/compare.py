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
        results: list[Path] = typer.Argument(
            ..., metavar="RESULT_A RESULT_B...", help="Recorded results, or methods' folders: all their seeds."
        ),
        resamples: int = typer.Option(1000, "--resamples", min=1, max=100_000, help="Bootstrap resamples."),
        seed: int = typer.Option(0, "--seed", min=0, max=2**53 - 1, help="Seed of the bootstrap."),
        everything: bool = typer.Option(False, "--all", help="On a terminal: all subsets, not the main ones only."),
        json: Json = False,
    ) -> None:
        """Paired difference A - B per subset, with its interval and a p-value; of more than two results every pair."""
        from parface_bench.registry import UserError
        from parface_bench.results.result import load_runs
        from parface_bench.scoring.compare import all_pairs, comparison_grid, comparison_table, correction
        from parface_bench.scoring.compare_runs import compare_all

        if len(results) < 2:
            raise UserError("compare needs two results at least: pfbench compare RESULT_A RESULT_B")
        pairs = compare_all([load_runs(path) for path in results], resamples=resamples, seed=seed)
        for document in pairs:
            for who, other in (("a", "b"), ("b", "a")):
                if count := document[f"only_{who}"]:
                    say(f"{count} faces of {document[who]['method']} left out: {document[other]['method']} lacks them")
        if json:
            emit_document(pairs[0] if len(pairs) == 1 else {"pairs": pairs})
            return
        meaning = f"A - B below 0: A is better. {correction(pairs[0])}"
        if len(pairs) == 1:
            grid = comparison_grid(pairs[0], everything=everything)
        else:
            grid = all_pairs(pairs, everything=everything)
        grid.notes.append(meaning)
        text = "\n\n".join(map(comparison_table, pairs))
        emit(f"{text}\n{meaning}", [grid])
