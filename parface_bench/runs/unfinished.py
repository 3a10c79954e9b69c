"""A run that ends before the landmarks were trained: it leaves its checkpoint, and predicts and ranks nothing."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parface_bench.atomic import write_atomic
from parface_bench.progress import Progress
from parface_bench.runs.folder import CHECKPOINT
from parface_bench.runs.plan import Plan
from parface_bench.training import distributed
from parface_bench.training.loop import Training


@dataclass(frozen=True)
class Unfinished:
    """A run that ended before the landmarks were trained: it has a checkpoint, but nothing to score.

    Attributes:
        folder: the run's own.
        document: ``method``, ``dataset``, ``seed``, ``run_dir``, ``checkpoint``, ``stages_done`` and ``stages_left``
            (each ``"NUMBER NAME"``), ``trained_on``, ``reconstruction`` where it was measured, ``command``,
            ``seconds``; also in ``unfinished.json``.
    """

    folder: Path
    document: dict[str, Any]


def end_early(training: Training, plan: Plan, progress: Progress) -> Unfinished:
    """Leave the checkpoint of a run that cannot be scored yet, and say which stages are left."""
    left, folder = training.left(), training.folder
    document = {
        "method": plan.name,
        "dataset": plan.selection.source.name,
        "seed": plan.options.seed,
        "run_dir": str(folder),
        "checkpoint": str(folder / CHECKPOINT),
        "stages_done": training.done,
        "stages_left": left,
        "trained_on": list(training.selection.used),
        "recorded": False,
        **({"reconstruction": training.reconstructions} if training.reconstructions else {}),
        "command": plan.command(),
        "seconds": round(training.clock(), 1),
    }
    if distributed.rank() == 0:
        numbers = ",".join(stage.split(" ", 1)[0] for stage in left)
        progress.say(
            f"the landmarks were not trained yet, so nothing is predicted or recorded; left: {', '.join(left)}; go on "
            f"with --stages {numbers} --from {folder / CHECKPOINT}"
        )
        write_atomic(folder / "unfinished.json", json.dumps({**document, "run_dir": "", "checkpoint": CHECKPOINT}))
        training.log.info("finished: landmarks not trained yet")
    distributed.wait()
    return Unfinished(folder, document)
