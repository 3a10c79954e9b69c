"""``pfbench bench``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from parface_bench.cli.options import Json, Plugins


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("bench")
    def bench(
        methods: list[str] = typer.Argument(..., metavar="METHOD...", help="Methods to run."),
        dataset: list[str] = typer.Option(
            ..., "--dataset", metavar="DATASET[:SPLIT]", help="Data set, or one split of it to score on (repeatable)."
        ),
        seeds: int = typer.Option(1, "--seeds", min=1, help="Number of seeds (0, 1, ...) of methods that learn."),
        profile: str | None = typer.Option(None, "--profile", help="quick or full; default: as 'pfbench run'."),
        protocol: str | None = typer.Option(None, "--protocol", help="Protocol (default: the data set's)."),
        data_root: Path | None = typer.Option(None, "--data-root", help="Folder of the data set, if there is one."),
        device: str = typer.Option("auto", "--device", help="auto, cpu, cuda or cuda:NUMBER."),
        limit: int | None = typer.Option(None, "--limit", min=2, help="At most so many faces of every table."),
        overrides: list[str] = typer.Option([], "--set", metavar="KEY=VALUE", help="Change a setting (repeatable)."),
        out: Path = typer.Option(Path("runs"), "--out", help="Folder of runs."),
        store: Path = typer.Option(Path("leaderboards"), "--store", help="Folder of recorded results."),
        executor: str = typer.Option("here", "--executor", help="here, local (processes), slurm or debug."),
        parallel: int = typer.Option(1, "--parallel", min=1, help="Local jobs at a time."),
        job: list[str] = typer.Option(
            [], "--job", metavar="KEY=VALUE", help="Setting of the jobs, e.g. slurm_partition=gpu (repeatable)."
        ),
        dry_run: bool = typer.Option(False, "--dry-run", help="Say what is recorded and what is to do; run nothing."),
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Run methods x data sets x seeds, skip what is recorded, and end in the leaderboards."""
        from parface_bench.bench.bench import Bench, raise_failures
        from parface_bench.bench.show import cell_list, document
        from parface_bench.leaderboard.render import render

        def say(sentence: str) -> None:
            typer.echo(f"pfbench: {sentence}", err=True)

        options: dict[str, Any] = {"device": device, "overrides": overrides, "out": out, "store": store}
        given = {"profile": profile, "protocol": protocol, "data_root": data_root, "limit": limit}
        options |= {key: value for key, value in given.items() if value is not None}
        work = Bench(
            methods=methods,
            datasets=dataset,
            seeds=seeds,
            options=options,
            executor=executor,
            parallel=parallel,
            parameters=job_settings(job),
            plugins=plugin or [],
        )
        if dry_run:
            cells = work.cells(say)
            typer.echo(document(cells, []) if json else cell_list(cells))
            return
        cells = work.run(say)
        tables = work.tables(cells, say) if any(c.state != "failed" for c in cells) else []
        if tables:
            work.publish(say)
        typer.echo(document(cells, tables) if json else render(tables, "md"))
        raise_failures(cells)


def job_settings(pairs: list[str]) -> dict[str, Any]:
    """``["timeout_min=60"]`` as keywords; whole numbers become numbers."""
    from parface_bench.registry import UserError

    settings: dict[str, Any] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        if not equals or not key:
            raise UserError(f"--job {pair}: write KEY=VALUE, for example --job slurm_partition=gpu")
        settings[key] = int(value) if value.isdecimal() else value
    return settings
