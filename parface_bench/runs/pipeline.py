"""The way of a run: faces, training, predictions, score, result. Every step leaves a file that a person can open."""

from __future__ import annotations

import os
import random
import time
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from parface_bench.atomic import write_atomic
from parface_bench.clinical.beside import side_tables
from parface_bench.data.images.crop import Crop
from parface_bench.data.index import stack
from parface_bench.data.recycled import keep_freed_memory
from parface_bench.evaluation import score_index
from parface_bench.leaderboard.plots import plot_ced
from parface_bench.methods.build import build_method
from parface_bench.methods.checkpoint import load_weights, method_of, save_atomic
from parface_bench.progress import Progress
from parface_bench.registry import PfError
from parface_bench.results.provenance import environment
from parface_bench.results.record import after_score, find_recorded, record, write_result
from parface_bench.results.result import Result, load_result
from parface_bench.runs.done import computed_in, cost_of, part_of_set, what_was_done
from parface_bench.runs.folder import CHECKPOINT, RunFolder, claim, open_log
from parface_bench.runs.options import RunOptions
from parface_bench.runs.plan import Plan
from parface_bench.runs.unfinished import Unfinished, end_early
from parface_bench.training import distributed, overlays
from parface_bench.training.hooks import seconds_spent
from parface_bench.training.loop import Training
from parface_bench.training.predictions import predict_all, prediction_table, read_predictions, score_faces

PREDICTIONS = "predictions.parquet"


def execute(options: RunOptions) -> Result | Unfinished:
    """Train (or load), predict, score, record.

    Returns:
        The result in the run's own folder, in every process of a distributed run; or what there is of a run that
        ended before the landmarks were trained, and that was not to be recorded all the same.
    """
    started = time.perf_counter()
    plan = Plan.of(options, distributed.start(options.device))
    progress = Progress(quiet=distributed.rank() != 0)
    progress.say(plan.headline)
    if plan.device.type == "cpu":
        keep_freed_memory()
    check_before(plan)
    set_randomness(plan)
    method, trained_on = build(plan)
    training = prepare(plan, method, trained_on, progress) if plan.learns else None
    folder = _claim(plan, progress)
    if folder.finished:
        progress.say(f"already finished: {folder.path}")
        return _completed(folder, plan, progress)
    log = open_log(folder.path if distributed.rank() == 0 else None)
    log.info("%s", plan.command())
    before = seconds_spent(folder.path) if folder.found else 0.0

    def clock() -> float:
        return before + time.perf_counter() - started

    try:
        notes: list[str] = []
        if training is not None:
            training.folder, training.log, training.clock = folder.path, log, clock
            trained_on, notes = _learn(training, plan)
            if training.left() and not options.record:
                return end_early(training, plan, progress)
        since = time.perf_counter()
        found = predict_all(method, plan.test, plan.recipe, progress, options.confidence)
        predictions = found.points
        took = time.perf_counter() - since
        if distributed.rank() == 0:
            table = prediction_table(plan.test, predictions, found.confidence)
            write_atomic(folder.path / PREDICTIONS, lambda out: table.to_parquet(out, index=False))
            evaluation = score_faces(
                plan.test,
                predictions,
                plan.protocol,
                getattr(method, "schema", ""),
                found.confidence,
                metrics=options.metrics,
            )
            document = {
                **evaluation.document,
                **plan.identity(),
                **what_was_done(plan, training),
                "run_id": folder.path.name,
                "trained_on": trained_on,
                "command": plan.command(),
                "environment": {**environment(), **computed_in(plan, training)},
                "cost": cost_of(method, plan, 1000 * took / len(plan.test), progress),
                "seconds": round(clock(), 1),
                "run_dir": str(folder.path),
                "confidence": found.source,
                "notes": [*plan.test.attrs.get("notes", []), *part_of_set(plan), *notes, *method.notes],
            }
            tables = side_tables(plan.test, predictions, getattr(method, "schema", ""))
            full = write_result(after_score(document), evaluation.errors, folder.path, tables)
            _draw(folder.path, plan, predictions, progress)
            if options.records and options.store is not None:
                place = record(full, evaluation.errors, options.store, keep=folder.path, tables=tables)
                progress.say(f"recorded in {place}")
            elif options.limit is not None and options.record is None and options.store is not None:
                progress.say("not recorded, since --limit takes a part of the faces; --record asks for it")
            log.info("finished")
        distributed.wait()
        return load_result(folder.path)
    except BaseException as error:
        log.info("stopped: %s: %s", type(error).__name__, error)
        if isinstance(error, KeyboardInterrupt) and training is not None:
            progress.say("stopped; the same command with --resume goes on from here")
        raise
    finally:
        folder.release()


def _completed(folder: RunFolder, plan: Plan, progress: Progress) -> Result:
    """The result of a finished run, drawn and recorded now if a kill came before that."""
    try:
        result = load_result(folder.path)
        if distributed.rank() == 0 and folder.lock is not None:  # else another process is at it
            predictions = read_predictions(folder.path / PREDICTIONS, plan.test)
            if predictions is not None and not (folder.path / "figures" / "ced.svg").is_file():
                _draw(folder.path, plan, predictions, progress)
            store = plan.options.store if plan.options.records else None
            if store is not None and find_recorded(result.document, store) is None:
                tables = result.tables()
                place = record(result.document, result.errors(), store, keep=folder.path, tables=tables)
                progress.say(f"recorded in {place}")
        distributed.wait()
        return result
    finally:
        folder.release()


def set_randomness(plan: Plan) -> None:
    """Seed everything, and ask for deterministic algorithms as the recipe says."""
    seed = plan.options.seed
    random.seed(seed)
    np.random.seed(seed % 2**32)  # noqa: NPY002 - libraries of methods may draw from it
    torch.manual_seed(seed)
    wanted = plan.recipe["speed"]["deterministic"]
    exact = plan.device.type == "cpu" if wanted == "auto" else bool(wanted)
    if exact and plan.device.type == "cuda":
        os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")  # read when cuBLAS is first used
    torch.use_deterministic_algorithms(exact, warn_only=True)
    torch.utils.deterministic.fill_uninitialized_memory = False  # type: ignore[attr-defined]
    torch.backends.cudnn.benchmark = not exact


def build(plan: Plan) -> tuple[Any, list[str]]:
    """The method of a plan on its device, with the weights that it starts from, and the data that these have seen."""
    trained_on = list(plan.spec.trained_on)
    method: Any
    if plan.checkpoint is not None:
        content = plan.checkpoint.content
        method = method_of(content, plan.checkpoint.path, plan.recipe, plan.crop)
        trained_on = list(content.get("trained_on", []))
    else:
        selection = plan.selection
        crop = Crop(mode=plan.protocol.crop)
        method = build_method(
            plan.spec.name, selection.schema, plan.recipe, selection.dims, crop, device=str(plan.device)
        )
        trained_on += getattr(method, "trained_on", ())
    if plan.start is not None:
        load_weights(method, starting_weights(method, plan.start), str(plan.start_file))
        trained_on = list(plan.start.get("trained_on", []))
    if isinstance(method, torch.nn.Module):
        method.to(plan.device)
    return method, trained_on


def starting_weights(method: Any, start: Mapping[str, Any]) -> Mapping[str, torch.Tensor]:
    """The weights to start from: all, or where the landmarks were not trained yet, those of the parts that were."""
    if not start.get("stages_left"):
        return start["state_dict"]
    parts = tuple(f"{part}." for part in start["trained_parts"])
    kept = {name: tensor for name, tensor in start["state_dict"].items() if name.startswith(parts)}
    return {**method.state_dict(), **kept}


def prepare(plan: Plan, method: Any, trained_on: list[str], progress: Progress) -> Training:
    """The training of a plan, with everything checked that can be checked before work begins."""
    plan.selection.used = list(trained_on)
    training = Training(
        method=method,
        name=plan.spec.name,
        recipe=plan.recipe,
        selection=plan.selection,
        protocol=plan.protocol,
        device=plan.device,
        seed=plan.options.seed,
        profile=plan.profile or "",
        progress=progress,
        only=plan.only,
        before=plan.start,
        test=plan.test,
    )
    training.check()
    if training.selection.skipped:
        progress.say(_left_out(training))
    return training


def _left_out(training: Training) -> str:
    return f"training data left out, since no root is set: {', '.join(training.selection.skipped)}"


def check_before(plan: Plan) -> None:
    """Score the truth itself, so that nobody trains or predicts for hours what the protocol then refuses.

    Raises:
        UserError: the test faces cannot be scored under the protocol.
    """
    truth = np.nan_to_num(stack(plan.test)[..., : plan.protocol.dims])
    score_index(plan.test, truth, plan.protocol, resamples=2)


def _learn(training: Training, plan: Plan) -> tuple[list[str], list[str]]:
    """Train; returns the data that the weights have seen, and what the result should note.

    Faces that are in the training tables and in the scored one, whatever the splits are called, make the scored splits
    seen data.
    """
    training.run()
    selection = training.selection
    seen = selection.seen(plan.test)
    if seen:
        scored = [f"{selection.source.name}:{split}" for split in plan.splits]
        selection.used = list(dict.fromkeys([*selection.used, *scored]))
    if distributed.rank() == 0:
        save_atomic(training.checkpoint(), training.folder / CHECKPOINT)
    notes = [f"{seen} of the {len(plan.test)} scored faces were trained on"] if seen else []
    for note in notes:
        training.progress.say(note)
    if training.selection.skipped:
        notes.append(_left_out(training))
    return list(training.selection.used), notes


def _draw(folder: Path, plan: Plan, predictions: np.ndarray, progress: Progress) -> None:
    """Figures of the finished run: its best, worst and some random faces, and its error curve."""
    count = int(plan.recipe["log"]["pictures"])
    if not count:
        return
    result = load_result(folder)
    errors = result.errors().set_index("id")["nme"]
    position = {name: i for i, name in enumerate(plan.test["id"])}
    ranked = [position[name] for name in errors.sort_values().index]
    chosen = random.Random(0).sample(ranked, min(count, len(ranked)))
    crop = replace(plan.crop or Crop(mode=plan.protocol.crop), margin=0)
    try:
        for name, rows in (("best", ranked[:count]), ("worst", ranked[: -count - 1 : -1]), ("random", chosen)):
            shown = [errors[face] for face in plan.test["id"].iloc[rows]]
            overlays.overlays(plan.test, predictions, rows, crop, folder / "figures" / f"{name}.png", shown)
        plot_ced([result], "full", folder / "figures" / "ced")
    except (OSError, PfError) as error:
        progress.say(f"the result is complete, but its figures are not: {error}")


def _claim(plan: Plan, progress: Progress) -> RunFolder:
    resume = plan.options.resume
    folder = claim(plan.options.out, plan.config(), resume=resume) if distributed.rank() == 0 else None
    path, finished, found = distributed.share((str(folder.path), folder.finished, folder.found) if folder else None)
    if resume and not found:
        progress.say("no unfinished run of this configuration and seed: a new one")
    progress.say(f"{'going on in' if found else 'run folder'} {path}")
    return folder or RunFolder(Path(path), finished=finished, found=found)
