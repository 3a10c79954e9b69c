"""Training a method: its stages one after the other, each leaving a checkpoint, so that any of them can be resumed."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from parface_bench.data.augment import Augmenter
from parface_bench.data.batch import Batch
from parface_bench.data.crop import Crop
from parface_bench.data.loader import FaceLoader
from parface_bench.registry import UserError
from parface_bench.scoring import Protocol
from parface_bench.scoring.metrics import resolve_metric
from parface_bench.training import distributed
from parface_bench.training.checkpoint import describe, load_weights, read_checkpoint, save_atomic
from parface_bench.training.engine import StageRunner, mix
from parface_bench.training.faces import face_arrays
from parface_bench.training.hooks import FiniteLossHook, LogHook, SampleHook
from parface_bench.training.optimizer import build_optimizers, build_schedules, freeze
from parface_bench.training.progress import Progress
from parface_bench.training.selection import Selection, hold_out
from parface_bench.training.stage import Stage
from parface_bench.training.trainable import TrainableMethod
from parface_bench.training.validation import Validation


@dataclass
class Training:
    """One training of one method.

    Attributes:
        method: as built, on the CPU.
        name: its registered name.
        recipe: resolved.
        selection: where the faces come from.
        protocol: under which the held-out faces are scored.
        only: numbers of the stages to run, from 1; None = all.
        device: where to train.
        seed: of everything random.
        progress: where to tell.
        folder: the run's folder, where stages leave ``stages/NUMBER-NAME.pt``; set before :meth:`run`.
        log: the run's log; set likewise.
    """

    method: TrainableMethod
    name: str
    recipe: Mapping[str, Any]
    selection: Selection
    protocol: Protocol
    device: torch.device
    seed: int
    progress: Progress
    only: Sequence[int] | None = None
    folder: Path = Path()
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("pfbench"))

    def stages(self) -> list[Stage]:
        """The method's stages, and the shared depth head's where it has been given one."""
        stages = self.method.stages(self.recipe)
        if self.method.depth_head is not None:
            own = self.recipe["depth"]
            stages.append(
                Stage.from_recipe(
                    self.recipe,
                    name="depth",
                    trains=("depth_head",),
                    loss="depth_loss",
                    epochs=own["epochs"],
                    batch_size=own["batch_size"],
                    optimizers={"main": {"type": "AdamW", "lr": own["lr"]}},
                    metric="GTE" if "GTE" in self.protocol.metrics else "",
                )
            )
        return stages

    def check(self) -> None:
        """Try everything of the chosen stages that can be wrong before any work is done: names, settings, data.

        Raises:
            UserError: naming the stage and what is wrong with it.
        """
        stages = self.stages()
        for number in self.only or ():
            if number > len(stages):
                names = ", ".join(f"{i} {stage.name}" for i, stage in enumerate(stages, 1))
                raise UserError(f"--stages: {self.name} has no stage {number}; its stages: {names}")
        used = list(self.selection.used)
        for _, stage in self._chosen():
            if stage.kind not in ("gradient", "closed-form"):
                raise UserError(f"stage {stage.name!r}: kind {stage.kind!r}; must be 'gradient' or 'closed-form'")
            frames = self.selection.training(stage)
            Crop.from_config(self.method.crop, **stage.crop)
            if stage.kind == "gradient":
                resolve_metric(self._metric(stage))
                Augmenter(stage.augment, self.method.landmark_schema)
                freeze(self.method, stage)
                build_schedules(stage, build_optimizers(self.method, stage, self.device), 100)
                if stage.epochs < 1 or stage.batch_size < 1 or stage.accumulate < 1 or stage.validate_every < 1:
                    raise UserError(
                        f"stage {stage.name!r}: epochs, batch_size, accumulate and validate_every must be at least 1"
                    )
                if sum(map(len, frames)) < 2:
                    raise UserError(f"stage {stage.name!r}: at least 2 training faces are needed")
        self.selection.used = used

    def run(self) -> None:
        """Go through the chosen stages, skipping what an interrupted run had finished."""
        if self.recipe["speed"]["channels_last"]:
            self.method.to(memory_format=torch.channels_last)
        self.method.to(self.device)
        if self.recipe["speed"]["compile"]:
            self.method.compile()
        for number, stage in self._chosen():
            done = self.folder / "stages" / f"{number}-{stage.name}.pt"
            if done.is_file():
                content = read_checkpoint(done)
                load_weights(self.method, content["state_dict"], str(done))
                self.selection.used = list(dict.fromkeys([*self.selection.used, *content["trained_on"]]))
                self.progress.say(f"stage {number} {stage.name}: done before")
                continue
            self.progress.say(f"stage {number}, {stage.name}: {_what(stage)}")
            self.method.eval()
            if stage.kind == "closed-form":
                schema = self.method.landmark_schema.name
                faces = face_arrays(self.selection.training(stage), self.method.crop, schema, stage.truth)
                getattr(self.method, stage.loss)(faces)
            else:
                self._descend(number, stage)
            self.method.eval()
            if distributed.rank() == 0:
                save_atomic(self.checkpoint(stage.name), done)
            distributed.wait()

    def _chosen(self) -> list[tuple[int, Stage]]:
        numbered = list(enumerate(self.stages(), 1))
        return [(number, stage) for number, stage in numbered if self.only is None or number in self.only]

    def _metric(self, stage: Stage) -> str:
        return stage.metric or str(self.recipe["validation"]["metric"])

    def checkpoint(self, stage: str = "") -> dict[str, Any]:
        """What is saved of the method as it is now."""
        return describe(
            self.method,
            self.name,
            self.recipe,
            dataset=self.selection.source.name,
            trained_on=list(self.selection.used),
            seed=self.seed,
            stage=stage,
        )

    def _descend(self, number: int, stage: Stage) -> None:
        """Train a stage by steps on batches, and put the weights to keep into the method."""
        learn, held = self._faces(stage)
        validation = None
        if len(held) and stage.needs_landmarks:
            validation = Validation(
                self.method, held, self.protocol, self.recipe, self._metric(stage), self.folder / "figures"
            )
        loading = self.recipe["loading"]
        augment = Augmenter(stage.augment, self.method.landmark_schema)
        crop = Crop.from_config(self.method.crop, **{**stage.crop, "margin": augment.margin(self.method.image_size)})
        loader = FaceLoader(
            learn,
            crop if stage.needs_landmarks else crop.for_any(),
            stage.batch_size,
            shuffle=True,
            drop_last=True,
            seed=mix(self.seed, number, "order"),
            rank=distributed.rank(),
            world=distributed.world(),
            workers=int(loading["workers"]),
            pin_memory=self.device.type == "cuda",
            cache=loading["cache"],
            cache_gib=float(loading["cache_gib"]),
            schema=self.method.landmark_schema.name,
            truth=stage.truth if stage.needs_landmarks else "",
            codec=getattr(self.method, "codec", None),
        )
        channels_last = bool(self.recipe["speed"]["channels_last"])

        def prepare(batch: Batch) -> Batch:
            batch = augment(batch.to(self.device, channels_last=channels_last))
            memory = torch.channels_last if channels_last else torch.contiguous_format
            return replace(batch, images=batch.images.contiguous(memory_format=memory))

        log = LogHook(
            self.folder, int(self.recipe["log"]["every"]), self.progress, bool(self.recipe["log"]["tensorboard"])
        )
        runner = StageRunner(
            self.method,
            stage,
            loader,
            folder=self.folder / "stages" / f"{number}-{stage.name}",
            device=self.device,
            prepare=prepare,
            score=None if validation is None else lambda: validation(f"validation-{number}-{stage.name}"),
            better=(validation.metric, validation.higher_is_better) if validation is not None else ("", False),
            seed=mix(self.seed, number),
            hooks=[FiniteLossHook(), log, SampleHook(self.folder, int(self.recipe["log"]["pictures"]), self.device)],
            log=self.log,
        )
        with self.progress.task(f"{number} {stage.name}", len(loader) * stage.epochs):
            runner.train()
        runner.load_best()

    def _faces(self, stage: Stage) -> tuple[list[pd.DataFrame], pd.DataFrame]:
        """The faces that a stage learns from, and those that it is validated on."""
        learn, held = hold_out(self.selection.training(stage), self.recipe["validation"])
        faces = sum(map(len, learn))
        self.progress.say(f"  {faces} faces to learn from, {len(held)} held out to validate on")
        return learn, held


def _what(stage: Stage) -> str:
    if stage.kind == "closed-form":
        return "solved in closed form"
    parts = ", ".join(stage.trains) or "the whole network"
    return f"{stage.epochs} epochs, {parts}"


def chosen_stages(text: str | None) -> list[int] | None:
    """``"1-3,5"`` -> [1, 2, 3, 5].

    Raises:
        UserError: not such a list.
    """
    if not text:
        return None
    out: list[int] = []
    for piece in text.split(","):
        first, dash, last = piece.strip().partition("-")
        if not first.isdigit() or (dash and not last.isdigit()) or int(first) < 1:
            raise UserError(f"--stages {text}: write numbers and ranges from 1, for example 1-3,5")
        out += range(int(first), int(last or first) + 1)
    if not out:
        raise UserError(f"--stages {text}: names no stage")
    return sorted(set(out))
