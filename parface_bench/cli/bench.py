"""``pfbench bench``."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from parface_bench.cli.options import Json, Plugins, takes_run_options
from parface_bench.cli.screen import emit, emit_document, say


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("bench")
    @takes_run_options("bench")
    def bench(
        methods: Annotated[list[str], typer.Argument(metavar="METHOD...", help="Methods to run.")],
        dataset: Annotated[
            list[str],
            typer.Option(
                "--dataset", metavar="DATASET[:SPLIT]", help="Data set, or one split of it to score on (repeatable)."
            ),
        ],
        seeds: Annotated[
            int, typer.Option("--seeds", min=1, help="Number of seeds (0, 1, ...) of methods that learn.")
        ] = 1,
        labels: Annotated[
            list[str] | None,
            typer.Option(
                "--labels", metavar="N", help="Train on so many labelled faces, or 'all' (repeatable, or 20,100,all)."
            ),
        ] = None,
        executor: Annotated[str, typer.Option("--executor", help="here, local (processes), slurm or debug.")] = "here",
        parallel: Annotated[int, typer.Option("--parallel", min=1, max=1024, help="Local jobs at a time.")] = 1,
        job: Annotated[
            list[str] | None,
            typer.Option(
                "--job", metavar="KEY=VALUE", help="Setting of the jobs, e.g. slurm_partition=gpu (repeatable)."
            ),
        ] = None,
        dry_run: Annotated[
            bool, typer.Option("--dry-run", help="Say what is recorded and what is to do; run nothing.")
        ] = False,
        plugin: Plugins = None,
        json: Json = False,
        **options: Any,
    ) -> None:
        """Run methods x data sets x seeds, skip what is recorded, and end in the leaderboards."""
        from parface_bench.bench.bench import Bench, raise_failures
        from parface_bench.bench.show import cell_list, document
        from parface_bench.leaderboard.grids import table_grid
        from parface_bench.leaderboard.render import render

        options["overrides"] = options["overrides"] or []
        work = Bench(
            methods=methods,
            datasets=dataset,
            seeds=seeds,
            labels=label_counts(labels or []),
            options={key: value for key, value in options.items() if value is not None},
            executor=executor,
            parallel=parallel,
            parameters=job_settings(job or []),
            plugins=plugin or [],
        )
        if dry_run:
            cells = work.cells(say)
            emit_document(document(cells, [])) if json else emit(cell_list(cells))
            return
        cells = work.run(say)
        tables = work.tables(cells, say) if any(c.state != "failed" for c in cells) else []
        if tables:
            work.publish(say)
        if json:
            emit_document(document(cells, tables))
        else:
            emit(render(tables, "md"), [table_grid(table) for table in tables])
        raise_failures(cells)


def label_counts(texts: list[str]) -> list[int | None]:
    """``["20,100", "all"]`` -> [20, 100, None]."""
    from parface_bench.registry import UserError

    counts: list[int | None] = []
    for word in (word.strip() for text in texts for word in text.split(",")):
        if word != "all" and not (word.isdecimal() and len(word) < 10 and int(word) >= 2):
            raise UserError(f"--labels {word}: write numbers from 2, or 'all', for example --labels 20,100,all")
        counts.append(None if word == "all" else int(word))
    return counts


def job_settings(pairs: list[str]) -> dict[str, Any]:
    """``["timeout_min=60"]`` as keywords; whole numbers become numbers."""
    from parface_bench.registry import UserError

    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UserError(f"--job {pair}: write KEY=VALUE, for example --job slurm_partition=gpu")
        settings[key] = int(value) if value.isdecimal() and len(value) < 19 else value
    return settings
