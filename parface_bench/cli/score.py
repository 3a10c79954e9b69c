"""``pfbench score``."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import typer

from parface_bench.cli.options import Base, Force, Json, Plugins
from parface_bench.cli.screen import emit, emit_document, say


def register(app: typer.Typer) -> None:
    """Add the command."""

    @app.command("score")
    def score(
        pred: Path = typer.Option(..., "--pred", help="Predictions: CSV or Parquet, columns id, x0, y0[, z0], x1, ..."),
        gt: Path | None = typer.Option(
            None, "--gt", help="True landmarks, likewise; may add bbox_x1..bbox_y2, yaw, v0.., subset:NAME."
        ),
        dataset: str | None = typer.Option(
            None, "--dataset", help="DATASET[:SPLIT] to score against instead of a table."
        ),
        protocol: str | None = typer.Option(
            None, "--protocol", help="Protocol name or .yaml file (default: the data set's)."
        ),
        name: str | None = typer.Option(None, "--name", help="Name of the method (default: the file's)."),
        record: bool = typer.Option(False, "--record", help="Add the result to the leaderboard store."),
        trained_on: list[str] = typer.Option(
            [],
            "--trained-on",
            metavar="DATASET[:SPLIT]",
            help="What the method was trained on (repeatable; default: what the method called --name declares).",
        ),
        store: Path = typer.Option(Path("leaderboards"), "--store", help="Folder of recorded results."),
        out: Path | None = typer.Option(None, "--out", help="Write result.json and errors.parquet into this folder."),
        split: str | None = typer.Option(None, "--split", help="Split of the data set (default: its test splits)."),
        data_root: Path | None = typer.Option(None, "--data-root", help="Folder of the data set."),
        base: Base = None,
        pred_base: int = typer.Option(
            0, "--pred-base", min=0, max=1, help="What the predictions call the first pixel; pfbench calls it 0."
        ),
        metric: list[str] = typer.Option([], "--metric", metavar="NAME", help="Also compute this metric (repeatable)."),
        subset: list[str] = typer.Option([], "--subset", help="Report these subsets only (repeatable)."),
        intersections: bool = typer.Option(False, "--intersections", help="Add pair-wise intersections of subsets."),
        without_depth: bool = typer.Option(False, "--without-depth", help="Score x and y of a 3D protocol only."),
        exclude_missing: bool = typer.Option(
            False, "--exclude-missing", help="Leave out, count and name faces without prediction; otherwise an error."
        ),
        resamples: int = typer.Option(1000, "--resamples", min=1, max=100_000, help="Bootstrap resamples."),
        seed: int = typer.Option(0, "--seed", min=0, max=2**53 - 1, help="Seed of the bootstrap."),
        force: Force = False,
        everything: bool = typer.Option(False, "--all", help="On a terminal: all metrics and subsets."),
        plugin: Plugins = None,
        json: Json = False,
    ) -> None:
        """Score predictions that were made anywhere: per-subset metrics with 95 % bootstrap intervals."""
        from parface_bench import outputs
        from parface_bench.clinical.paired import pair_grid, pair_table
        from parface_bench.evaluation import score_tables
        from parface_bench.limits import bad_name
        from parface_bench.registry import METHODS, UserError
        from parface_bench.registry.faults import prints_to_stderr
        from parface_bench.results.contamination import contaminated
        from parface_bench.results.record import ERRORS, FACES, MEASURES, RESULT, after_score
        from parface_bench.scoring.report import remarks, subset_grid, subset_table

        if name is not None and (wrong := bad_name(name)):
            raise UserError(f"--name {wrong}; give another")
        if dataset is None and (split is not None or data_root is not None):
            given = "--split" if split is not None else "--data-root"
            raise UserError(f"{given} belongs to --dataset, and the table of --gt is scored as it is: leave it out")
        if out is not None and out.exists() and not out.is_dir():
            raise UserError(f"--out {out} is a file: name a folder")
        results = [] if out is None else [out / name for name in (RESULT, ERRORS, FACES, MEASURES)]
        outputs.guard(results, force)
        with prints_to_stderr():
            evaluation = score_tables(
                pred,
                gt,
                dataset=dataset,
                protocol=protocol,
                split=split,
                data_root=data_root,
                base=base or 0,
                pred_base=pred_base,
                without_depth=without_depth,
                exclude_missing=exclude_missing,
                metrics=metric,
                only=subset,
                with_intersections=intersections,
                resamples=resamples,
                seed=seed,
            )
        document = evaluation.document
        if dataset is not None:
            _add_pairs(document, evaluation.errors, data_root)
        document["method"] = name or pred.stem
        document["seed"] = None
        document["trained_on"] = trained_on or (list(METHODS.spec(name).trained_on) if name and name in METHODS else [])
        document["contaminated"] = contaminated(
            document["trained_on"], document["dataset"], document.get("split") or []
        )
        document = after_score(document)
        for line in remarks(document):
            say(line)
        tables: dict[str, bytes] = {}
        if evaluation.scored is not None and (record or out is not None):
            from parface_bench.clinical.beside import side_tables_of

            tables = side_tables_of(evaluation.scored())
        if out is not None:
            from parface_bench.results.record import write_result

            write_result(document, evaluation.errors, out, tables)
            outputs.note(results)
            say(f"result written to {out}")
        if json:
            emit_document(document)
        else:
            grids = [subset_grid(document, everything=everything), pair_grid(document)]
            plain = "\n\n".join(text for text in (subset_table(document), pair_table(document)) if text)
            emit(plain, [grid for grid in grids if grid is not None])
        if record:
            from parface_bench.results.record import record as add_record

            place = add_record(document, evaluation.errors, store, keep=out, tables=tables)
            say(f"recorded in {place}")


def _add_pairs(document: dict[str, Any], errors: Any, root: Path | None) -> None:
    """What a change does within the pairs of the scored splits, where the data set declares pairs."""
    from parface_bench.clinical.paired import add_pairs
    from parface_bench.data.index import join
    from parface_bench.data.source import load_index
    from parface_bench.registry import DATASETS

    name = document["dataset"]
    if name in DATASETS and DATASETS.spec(name).pairs:
        index = join([load_index(name, split, root=root) for split in document["split"]])
        index.attrs["dataset"] = name
        add_pairs(document, errors, index)
