"""The way of a run: faces, training, predictions, score, result. Every step leaves a file that a person can open."""

from __future__ import annotations

import os
import random
import time
from pathlib import Path
from typing import Any

import numpy as np
import torch

from parface_bench.atomic import write_atomic
from parface_bench.data.images.crop import Crop
from parface_bench.data.index import stack
from parface_bench.data.recycled import keep_freed_memory
from parface_bench.evaluation import score_index
from parface_bench.leaderboard.plots import plot_ced
from parface_bench.methods.build import build_method
from parface_bench.methods.checkpoint import load_method, load_weights, read_checkpoint, save_atomic
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import PfError
from parface_bench.results.provenance import environment
from parface_bench.results.record import after_score, find_recorded, record, write_result
from parface_bench.results.result import Result, load_result
from parface_bench.runs.cost import measure
from parface_bench.runs.folder import CHECKPOINT, RunFolder, claim, open_log
from parface_bench.runs.plan import Plan, Settings
from parface_bench.training import distributed, overlays
from parface_bench.training.hooks import seconds_spent
from parface_bench.training.loop import Training, chosen_stages
from parface_bench.training.predictions import predict_all, prediction_table, read_predictions, score_faces
from parface_bench.training.progress import Progress

PREDICTIONS = "predictions.parquet"


def execute(settings: Settings) -> Result:
    """Train (or load), predict, score, record.

    Returns:
        The result in the run's own folder, in every process of a distributed run.
    """
    started = time.perf_counter()
    plan = Plan.of(settings, distributed.start(settings.device))
    progress = Progress()
    progress.say(plan.headline)
    if plan.device.type == "cpu":
        keep_freed_memory()
    rehearse(plan)
    set_randomness(plan)
    method, trained_on = build(plan)
    training = prepare(plan, method, trained_on, progress) if plan.learns else None
    folder = _claim(plan, progress)
    if folder.finished:
        progress.say(f"already finished: {folder.path}")
        return _completed(folder, plan, progress)
    log = open_log(folder.path if distributed.rank() == 0 else None)
    log.info("%s", settings.command())
    before = seconds_spent(folder.path) if folder.found else 0.0

    def clock() -> float:
        return before + time.perf_counter() - started

    try:
        notes: list[str] = []
        if training is not None:
            training.folder, training.log, training.clock = folder.path, log, clock
            trained_on, notes = _learn(training, plan)
        since = time.perf_counter()
        found = predict_all(method, plan.test, plan.recipe, progress, settings.confidence)
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
                metrics=settings.metrics,
            )
            document = {
                **evaluation.document,
                **plan.identity(),
                "run_id": folder.path.name,
                "trained_on": trained_on,
                "command": settings.command(),
                "environment": {**environment(), **_computed_in(plan, training)},
                "cost": _cost(method, plan, 1000 * took / len(plan.test), progress),
                "seconds": round(clock(), 1),
                "run_dir": str(folder.path),
                "confidence": found.source,
                "notes": [*plan.test.attrs.get("notes", []), *notes],
            }
            full = write_result(after_score(document), evaluation.errors, folder.path)
            _draw(folder.path, plan, predictions, progress)
            if settings.store is not None:
                place = record(full, evaluation.errors, settings.store, keep=folder.path)
                progress.say(f"recorded in {place}")
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
    result = load_result(folder.path)
    try:
        if distributed.rank() == 0 and folder.lock is not None:  # else another process is at it
            predictions = read_predictions(folder.path / PREDICTIONS, plan.test)
            if predictions is not None and not (folder.path / "figures" / "ced.svg").is_file():
                _draw(folder.path, plan, predictions, progress)
            store = plan.settings.store
            if store is not None and find_recorded(result.document, store) is None:
                progress.say(f"recorded in {record(result.document, result.errors(), store, keep=folder.path)}")
        distributed.wait()
        return result
    finally:
        folder.release()


def set_randomness(plan: Plan) -> None:
    """Seed everything, and ask for deterministic algorithms as the recipe says."""
    seed = plan.settings.seed
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
        method, content = load_method(plan.checkpoint[0])
        trained_on = list(content.get("trained_on", []))
    else:
        selection = plan.selection
        crop = Crop(mode=plan.protocol.crop)
        method = build_method(plan.name, selection.schema, plan.recipe, selection.dims, crop, device=str(plan.device))
        trained_on += getattr(method, "trained_on", ())
    start = plan.settings.from_checkpoint
    if start is not None and plan.learns:
        content = read_checkpoint(start)
        load_weights(method, content["state_dict"], str(start))
        trained_on = list(content.get("trained_on", []))
    if isinstance(method, torch.nn.Module):
        method.to(plan.device)
    return method, trained_on


def prepare(plan: Plan, method: Any, trained_on: list[str], progress: Progress) -> Training:
    """The training of a plan, with everything checked that can be checked before work begins."""
    plan.selection.used = list(trained_on)
    training = Training(
        method=method,
        name=plan.name,
        recipe=plan.recipe,
        selection=plan.selection,
        protocol=plan.protocol,
        device=plan.device,
        seed=plan.settings.seed,
        progress=progress,
        only=chosen_stages(plan.settings.stages),
    )
    training.check()
    if training.selection.skipped:
        progress.say(_left_out(training))
    return training


def _left_out(training: Training) -> str:
    return f"training data left out, since no root is set: {', '.join(training.selection.skipped)}"


def rehearse(plan: Plan) -> None:
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
    crop = Crop(mode=plan.protocol.crop)
    try:
        for name, rows in (("best", ranked[:count]), ("worst", ranked[: -count - 1 : -1]), ("random", chosen)):
            overlays.overlays(plan.test, predictions, rows, crop, folder / "figures" / f"{name}.png")
        plot_ced([result], "full", folder / "figures" / "ced")
    except (OSError, PfError) as error:
        progress.say(f"the result is complete, but its figures are not: {error}")


def _claim(plan: Plan, progress: Progress) -> RunFolder:
    resume = plan.settings.resume
    folder = claim(plan.settings.out, plan.config(), resume=resume) if distributed.rank() == 0 else None
    path, finished, found = distributed.share((str(folder.path), folder.finished, folder.found) if folder else None)
    if resume and not found:
        progress.say("no unfinished run of this configuration and seed: a new one")
    progress.say(f"{'going on in' if found else 'run folder'} {path}")
    return folder or RunFolder(Path(path), finished=finished, found=found)


def _computed_in(plan: Plan, training: Training | None) -> dict[str, Any]:
    """What rounding depends on: device, threads, and the precision, which `amp: auto` leaves to the device."""
    device = torch.cuda.get_device_name(plan.device) if plan.device.type == "cuda" else "cpu"
    precision = {} if training is None else {"precision": training.precisions()}
    return {"device": device, "threads": torch.get_num_threads(), **precision}


def _cost(method: Any, plan: Plan, ms_per_face: float, progress: Progress) -> dict[str, Any]:
    """What predicting costs; of a detector from elsewhere the time that this run's predictions took."""
    if not isinstance(method, TrainableMethod):
        return {"parameters": None, "ms_per_face": ms_per_face, "device": plan.device.type}
    try:
        found = measure(method, seconds=0.1)
    except Exception as error:  # a run is not lost for it
        progress.say(f"the method's cost was not measured: {type(error).__name__}: {error}")
        return {}
    if plan.recipe["predict"]["flip_test"]:
        # every face is looked at twice
        found.update({key: 2 * found[key] for key in ("gflops", "ms_per_face", "ms_per_face_batch32")}, flip_test=True)
    return found
