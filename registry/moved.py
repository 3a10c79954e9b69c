"""Modules that plugins of version 0.1 import under names that are gone, and where they are now."""

from __future__ import annotations

MOVED = {
    "parface_bench.training.heads": "parface_bench.methods.heads",
    "parface_bench.training.method": "parface_bench.methods.base",
    "parface_bench.training.trainable": "parface_bench.methods.trainable",
    "parface_bench.training.stage": "parface_bench.methods.stage",
    "parface_bench.training.recipe": "parface_bench.methods.recipe",
    "parface_bench.training.checkpoint": "parface_bench.methods.checkpoint",
    "parface_bench.training.inference": "parface_bench.methods.inference",
    "parface_bench.data.codecs": "parface_bench.data.heatmaps.codecs",
    "parface_bench.data.peaks": "parface_bench.data.heatmaps.peaks",
    "parface_bench.data.batch": "parface_bench.data.batches.batch",
    "parface_bench.data.loader": "parface_bench.data.batches.loader",
    "parface_bench.data.augment": "parface_bench.data.batches.augment",
    "parface_bench.data.crop": "parface_bench.data.images.crop",
    "parface_bench.data.pictures": "parface_bench.data.images.reading",
    "parface_bench.leaderboard.result": "parface_bench.results.result",
    "parface_bench.leaderboard.record": "parface_bench.results.record",
    "parface_bench.leaderboard.store": "parface_bench.results.store",
    "parface_bench.scoring.faces": "parface_bench.scoring.face_errors",
    "parface_bench.scoring.engine": "parface_bench.scoring.scorer",
    "parface_bench.training.face_arrays": "parface_bench.data.batches.face_arrays",
    "parface_bench.methods.crop_side": "parface_bench.methods.build",
    "parface_bench.pipeline": "parface_bench.runs.pipeline",
    "parface_bench.plan": "parface_bench.runs.plan",
    "parface_bench.models": "parface_bench.runs.models",
}


# Modules whose parts became plugins, and where to look for a name that they lack now.
PARTS = {"parface_bench.data.heatmaps.codecs": "parface_bench.plugins.codecs"}


def hint(error: BaseException) -> str:
    """What to import instead, for an import of a module that has moved; '' for any other error."""
    name = error.name if isinstance(error, ImportError) else None
    if name in PARTS and not isinstance(error, ModuleNotFoundError):
        return f"; its parts are plugins since version 0.2: see {PARTS[name]}, and 'pfbench list'"
    return f"; it moved in version 0.2: import {MOVED[name]}" if name in MOVED else ""
