"""Training a method: its stages one after the other, each leaving a checkpoint, so that any of them can be resumed."""

from __future__ import annotations

import gc
import logging
import shutil
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pandas as pd
import torch

from parface_bench.data.batches.augment import Augmenter
from parface_bench.data.batches.batch import Batch
from parface_bench.data.batches.face_arrays import face_arrays
from parface_bench.data.batches.loader import FaceLoader
from parface_bench.data.images.crop import Crop
from parface_bench.methods.checkpoint import describe, load_weights, read_checkpoint, save_atomic
from parface_bench.methods.stage import Stage
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.progress import Progress
from parface_bench.registry import UserError
from parface_bench.scoring import Protocol
from parface_bench.scoring.metrics import resolve_metric
from parface_bench.training import distributed
from parface_bench.training.compiling import check_compiler
from parface_bench.training.contention import BusyMachineHook
from parface_bench.training.hooks import FiniteLossHook, LogHook, SampleHook
from parface_bench.training.log_backends import LogBackends, backend_configs
from parface_bench.training.optimizer import build_optimizers, build_schedules, freeze, precision
from parface_bench.training.reconstruction import Reconstruction, Reconstructs, sentence
from parface_bench.training.runner import StageRunner
from parface_bench.training.selection import Selection, hold_out
from parface_bench.training.stage_loop import mix
from parface_bench.training.trained_parts import stages_left, summary, trained_parts
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
        profile: the recipe's, for the checkpoints.
        before: the checkpoint that the training starts from; None where it starts from nothing.
        device: where to train.
        seed: of everything random.
        progress: where to tell.
        folder: the run's folder, where stages leave ``stages/NUMBER-NAME.pt``; set before :meth:`run`.
        log: the run's log; set likewise.
        clock: seconds spent on the run so far; set likewise.
        test: the faces that are scored, whose reconstructions are measured after self-supervised stages; None: not.
        reconstructions: what was measured of them, an entry a stage.
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
    profile: str = ""
    before: Mapping[str, Any] | None = None
    folder: Path = Path()
    log: logging.Logger = field(default_factory=lambda: logging.getLogger("pfbench"))
    clock: Callable[[], float] = time.perf_counter
    test: pd.DataFrame | None = None
    reconstructions: list[dict[str, Any]] = field(default_factory=list)

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
        if self.recipe["speed"]["compile"]:
            check_compiler(self.device)
        backend_configs(self.recipe["log"])
        stages = self.stages()
        for number in self.only or ():
            if number > len(stages):
                names = ", ".join(f"{i} {stage.name}" for i, stage in enumerate(stages, 1))
                raise UserError(f"--stages: {self.name} has no stage {number}; its stages: {names}")
        twice = [name for name, count in Counter(stage.name for stage in stages).items() if count > 1]
        if twice or any("/" in stage.name for stage in stages):
            raise UserError(f"stages need names of their own, without '/': {', '.join(twice) or 'rename them'}")
        used = list(self.selection.used)
        for _, stage in self._chosen():
            frames = self.selection.training(stage)
            Crop.from_config(self.method.crop, **stage.crop)
            if stage.step != "closed-form":
                self._check_metric(stage)
                Augmenter(stage.augment, self.method.schema)
                freeze(self.method, stage)
                self.method.check_stage(stage)
                build_schedules(stage, build_optimizers(self.method, stage, self.device), 100)
                stage.check_numbers()
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
        with LogBackends(self.recipe["log"], self.folder, self.progress) as backends:
            self._go_through(backends)

    def _go_through(self, backends: LogBackends) -> None:
        measure = None
        if self.test is not None and isinstance(self.method, Reconstructs) and distributed.rank() == 0:
            measure = Reconstruction(self.test, self.folder / "figures", int(self.recipe["log"]["pictures"]))
        for number, stage in self._chosen():
            done = self.folder / "stages" / f"{number}-{stage.name}.pt"
            if done.is_file():
                content = read_checkpoint(done)
                load_weights(self.method, content["state_dict"], str(done))
                self.selection.used = list(dict.fromkeys([*self.selection.used, *content["trained_on"]]))
                self.reconstructions += [content["reconstruction"]] if content.get("reconstruction") else []
                self.progress.say(f"stage {number} {stage.name}: done before")
                self._tidy(done)
                continue
            self.progress.say(f"stage {number}, {stage.name}: {summary(stage)}")
            self.method.eval()
            kept: dict[str, Any] = {}
            if stage.step == "closed-form":
                crop = Crop.from_config(self.method.crop, **{**stage.crop, "margin": 0})
                truth = stage.truth if stage.needs_landmarks else ""
                frames = self.selection.training(stage)
                getattr(self.method, stage.loss)(face_arrays(frames, crop, self.method.schema.name, truth))
            else:
                kept = self._descend(number, stage, backends)
                gc.collect()  # the runner's circles of references hold the stage's crops, optimizers and averages
            self.method.eval()
            measured = {} if measure is None or stage.needs_landmarks else self._measure(measure, stage, done.stem)
            if distributed.rank() == 0:
                save_atomic(self.checkpoint(stage.name, kept=kept, **measured), done)
            distributed.wait()
            self._tidy(done)

    def _measure(self, measure: Reconstruction, stage: Stage, name: str) -> dict[str, Any]:
        """Measure the reconstructions of a stage that has just been trained; for its checkpoint."""
        crop = Crop.from_config(self.method.crop, **{**stage.crop, "margin": 0}).for_any()
        found = measure(self.method, self.selection.training(stage), crop, name, self.device)
        self.reconstructions.append(found)
        self.progress.say(f"  {sentence(found)}")
        self.log.info("%s: %s", name, sentence(found))
        return {"reconstruction": found}

    def _tidy(self, done: Path) -> None:
        """Remove the states of a finished stage, several times the size of its weights."""
        if distributed.rank() == 0:
            shutil.rmtree(done.with_suffix(""), ignore_errors=True)

    def _chosen(self) -> list[tuple[int, Stage]]:
        numbered = list(enumerate(self.stages(), 1))
        return [(number, stage) for number, stage in numbered if self.only is None or number in self.only]

    @property
    def done(self) -> list[str]:
        """The stages that the weights have gone through once the chosen ones have run, each ``"NUMBER NAME"``."""
        earlier = list((self.before or {}).get("stages_done", []))
        return list(dict.fromkeys([*earlier, *(f"{number} {stage.name}" for number, stage in self._chosen())]))

    def left(self) -> list[str]:
        """The stages, ``"NUMBER NAME"``, without which a part that only landmarks train has learned nothing.

        Empty once every such part has been trained, by the chosen stages or before the checkpoint that they start from.
        """
        return stages_left(self.stages(), [number for number, _ in self._chosen()], self.before)

    def precisions(self) -> list[str]:
        """What the chosen stages compute in on this device: 'off' (float32), 'bf16', 'fp16'."""
        gradient = [stage for _, stage in self._chosen() if stage.step != "closed-form"]
        return sorted({precision(stage.amp, self.device) for stage in gradient})

    def _check_metric(self, stage: Stage) -> None:
        metric = resolve_metric(self._metric(stage))
        if stage.needs_landmarks and metric.spec.dims > self.selection.dims:
            raise UserError(
                f"stage {stage.name!r}: {metric.name} measures depth, which is not scored here (data set "
                f"{self.selection.source.name!r}, protocol {self.protocol.name!r}); set validation.metric to another"
            )

    def _metric(self, stage: Stage) -> str:
        return stage.metric or str(self.recipe["validation"]["metric"])

    def checkpoint(self, stage: str = "", **more: Any) -> dict[str, Any]:
        """What is saved of the method as it is now; ``more`` is added."""
        return describe(
            self.method,
            self.name,
            self.recipe,
            dataset=self.selection.source.name,
            trained_on=list(self.selection.used),
            seed=self.seed,
            stage=stage,
            profile=self.profile,
            labels=self.selection.labels,
            stages_done=self.done,
            stages_left=self.left(),
            trained_parts=sorted(
                {*(self.before or {}).get("trained_parts", []), *trained_parts(stage for _, stage in self._chosen())}
            ),
            **more,
        )

    def _descend(self, number: int, stage: Stage, backends: LogBackends) -> dict[str, Any]:
        """Train a stage by steps on batches, and put the weights to keep into the method; tells whose they are."""
        learn, held = self._faces(stage)
        validation = None
        if len(held):
            validation = Validation(
                self.method, held, self.protocol, self.recipe, self._metric(stage), self.folder / "figures"
            )
        loading = self.recipe["loading"]
        augment = Augmenter(stage.augment, self.method.schema)
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
            schema=self.method.schema.name,
            truth=stage.truth if stage.needs_landmarks else "",
            codec=getattr(self.method, "codec", None),
        )
        channels_last = bool(self.recipe["speed"]["channels_last"])

        def prepare(batch: Batch) -> Batch:
            batch = augment(batch.to(self.device, channels_last=channels_last))
            memory = torch.channels_last if channels_last else torch.contiguous_format
            return replace(batch, images=batch.images.contiguous(memory_format=memory))

        shown = self.recipe["log"]
        log = LogHook(self.folder, self.clock, int(shown["every"]), self.progress, backends)
        samples = SampleHook(self.folder, int(shown["pictures"]), self.device)
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
            hooks=[FiniteLossHook(), log, samples, BusyMachineHook(self.progress)],
            log=self.log,
            remedy=self._remedy(number, stage),
        )
        with self.progress.task(f"stage {number}/{len(self.stages())} {stage.name}", len(loader) * stage.epochs):
            runner.train()
        runner.load_best()
        return {"epoch": runner.best["epoch"], "metric": runner.best_by, "value": runner.best["value"]}

    def _remedy(self, number: int, stage: Stage) -> str:
        """What to try when the stage does not fit into memory: settings that reach it, and where to go on from."""
        entries = self.recipe.get("stages") or []
        own = number <= len(entries) and "batch_size" in entries[number - 1]
        key = "depth" if stage.loss == "depth_loss" else f"stages.{number}" if own else "train"
        text = f"--set {key}.batch_size={max(1, stage.batch_size // 2)}"
        if key != "depth":
            text += f" --set {key}.accumulate={stage.accumulate * 2}"
        if stage.amp == "off":
            text += ", or --set train.amp=bf16"
        done = sorted((self.folder / "stages").glob("*.pt"), key=lambda path: path.stat().st_mtime_ns)
        if done:
            text += f"; spare the stages before it: --stages {number}-{len(self.stages())} --from {done[-1]}"
        return text

    def _faces(self, stage: Stage) -> tuple[list[pd.DataFrame], pd.DataFrame]:
        """The faces that a stage learns from, and those that it is validated on: none without landmarks."""
        learn = self.selection.training(stage)
        held = learn[0].iloc[:0]
        aside = ""
        if stage.needs_landmarks:
            learn, held = hold_out(learn, self.recipe["validation"], self.selection.source.name)
            aside = f", {len(held)} of {held.attrs['dataset']} held out for validation"
        sets = ", ".join(dict.fromkeys(str(frame.attrs["dataset"]) for frame in learn if len(frame)))
        self.progress.say(f"  {sum(map(len, learn))} training faces from {sets}{aside}")
        if stage.needs_landmarks and self.selection.labels is not None:
            learn = self.selection.repeated(learn)
        return learn, held
