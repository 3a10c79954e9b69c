"""The loop of a stage over epochs and steps, and the method as mmengine's Runner sees it."""

from __future__ import annotations

import copy
import zlib
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import torch
from mmengine.runner import EpochBasedTrainLoop
from torch import nn

from parface_bench.methods.out_of_memory import out_of_memory
from parface_bench.methods.stage import Stage
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.training import distributed
from parface_bench.training.compiling import compiling
from parface_bench.training.optimizer import set_modes

if TYPE_CHECKING:
    from parface_bench.training.runner import StageRunner


class RunnerModel(nn.Module):
    """The method as mmengine's Runner sees it: something with ``train_step``."""

    def __init__(self, method: TrainableMethod, stage: Stage, prepare: Callable[[Any], Any]) -> None:
        super().__init__()
        self.method = method
        self._stage, self._prepare = stage, prepare
        self._optimizers: dict[str, Any] = {}

    def train_step(self, data: Any, optim_wrapper: Any) -> dict[str, torch.Tensor]:
        """Move the batch to the device, augment it, and let the method take its step."""
        return self.method.training_step(self._prepare(data), self._optimizers, self._stage)

    def __deepcopy__(self, memo: dict[int, Any]) -> RunnerModel:
        # the averaged copy needs the weights only, not the loader's caches behind `prepare`
        return RunnerModel(copy.deepcopy(self.method, memo), self._stage, self._prepare)


class StageLoop(EpochBasedTrainLoop):
    """Every step depends on (seed, stage, epoch, step, process) alone, so that resuming changes nothing."""

    runner: StageRunner
    start = 0
    step = 0

    def run(self) -> nn.Module:
        """Train from where the state says to the last epoch."""
        runner = self.runner
        runner.call_hook("before_train")
        while self._epoch < self._max_epochs and not runner.finished:
            self.run_epoch()
            last = self._epoch == self._max_epochs
            if last or self._epoch % runner.stage.validate_every == 0:
                runner.validate(last)
            runner.save_state()
            if runner.stop_asked:
                raise KeyboardInterrupt
        runner.call_hook("after_train")
        return runner.model

    def run_epoch(self) -> None:
        """One pass over the faces, from the step where a resumed run had stopped."""
        runner, start = self.runner, self.start
        self.start = 0
        self.dataloader.set_epoch(self._epoch, start)
        runner.call_hook("before_train_epoch")
        set_modes(runner.method, runner.stage)
        for step, batch in enumerate(self.dataloader, start=start):
            torch.manual_seed(mix(runner.run_seed, runner.stage.name, self._epoch, step, distributed.rank()))
            self.step = step
            with compiling(), out_of_memory(f"stage {runner.stage.name!r}", runner.stage.batch_size, runner.remedy):
                self.run_iter(step, batch)
            if step + 1 < len(self.dataloader):
                runner.save_between(self._epoch, step + 1)
        runner.call_hook("after_train_epoch")
        self._epoch += 1


def mix(*parts: Any) -> int:
    """A 32-bit seed of the parts, the same on every machine."""
    return zlib.crc32(repr(parts).encode())
