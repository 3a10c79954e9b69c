"""What a result tells beside its scores: crop, data, weights, threads, precision, cost."""

from __future__ import annotations

from typing import Any

import torch

from parface_bench.methods.trainable import TrainableMethod
from parface_bench.progress import Progress
from parface_bench.runs.cost import measure
from parface_bench.runs.plan import Plan
from parface_bench.runs.trained import facts_of
from parface_bench.training.loop import Training


def what_was_done(plan: Plan, training: Training | None) -> dict[str, Any]:
    """What a result tells beyond its configuration: the crop really used, the training faces, the weights."""
    done: dict[str, Any] = {"protocol_crop": plan.protocol.crop}
    if plan.crop is not None:
        done["crop"] = plan.crop.config()
    if training is not None:
        done["training_data"] = plan.selection.facts()
        if plan.selection.labelled:
            done["labelled"] = plan.selection.labelled
        if training.reconstructions:
            done["reconstruction"] = training.reconstructions
    if plan.start_file is not None and plan.start is not None:
        done["started_from"] = facts_of(plan.start_file, plan.start)
    if plan.checkpoint is not None:
        done["checkpoint"] = plan.checkpoint.facts()
    return done


def part_of_set(plan: Plan) -> list[str]:
    """The sentence that a part of a data set is not the whole, where the set's size is known."""
    counts = plan.selection.source.spec.counts
    whole = sum(counts.get(split, 0) for split in plan.splits)
    known = all(split in counts for split in plan.splits)
    return [f"{len(plan.test)} of the {whole} faces of the scored splits"] if known and len(plan.test) < whole else []


def computed_in(plan: Plan, training: Training | None) -> dict[str, Any]:
    """What rounding depends on: device, threads, and the precision, which `amp: auto` leaves to the device."""
    device = torch.cuda.get_device_name(plan.device) if plan.device.type == "cuda" else "cpu"
    precision = {} if training is None else {"precision": training.precisions()}
    return {"device": device, "threads": torch.get_num_threads(), **precision}


def cost_of(method: Any, plan: Plan, ms_per_face: float, progress: Progress) -> dict[str, Any]:
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
