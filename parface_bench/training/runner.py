"""One stage on mmengine's Runner: validation, states that a kill cannot damage, resume."""

from __future__ import annotations

import itertools
import logging
import time
import warnings
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import EMAHook, Hook, ParamSchedulerHook
from mmengine.logging import MMLogger
from mmengine.runner import Runner
from torch import nn

from parface_bench.methods.checkpoint import load_safely, save_atomic
from parface_bench.methods.stage import Stage
from parface_bench.methods.trainable import TrainableMethod
from parface_bench.registry import UserError
from parface_bench.signals import StopSignals
from parface_bench.training import distributed
from parface_bench.training.optimizer import build_optimizers, build_schedules, bundle, freeze
from parface_bench.training.stage_loop import RunnerModel, StageLoop

STATE_FORMAT = "parface-bench training state"
_unique = itertools.count()


class StageRunner(Runner):
    """mmengine's Runner for one stage of one run.

    Args:
        method: the method, on its device.
        stage: what to do.
        loader: batches; has ``__len__``, ``set_epoch(epoch, first_step)`` and ``dataset``.
        folder: where the stage's files go: ``state.pth`` (to resume), ``best.pth``.
        prepare: moves a batch to the device and augments it.
        score: validation: gives named metrics; equal in all processes. None: no validation.
        better: (metric, higher is better) that picks the best weights.
        seed: of the run.
        hooks: further mmengine hooks.
        log: a logger of the run's ``log.txt``.
        remedy: what to try when the memory does not suffice.
        save_minutes: longest time between two states.
    """

    def __init__(
        self,
        method: TrainableMethod,
        stage: Stage,
        loader: Any,
        *,
        folder: Path,
        device: torch.device,
        prepare: Callable[[Any], Any],
        score: Callable[[], Mapping[str, float]] | None,
        better: tuple[str, bool],
        seed: int,
        hooks: Sequence[Hook] = (),
        log: logging.Logger,
        remedy: str = "a smaller batch_size",
        save_minutes: float = 10.0,
    ) -> None:
        self.remedy = remedy
        self.method, self.stage, self.folder, self.run_seed, self.log = method, stage, folder, seed, log
        self._score, self._better, self._save_seconds = score, better, save_minutes * 60
        self._optimizers = {}
        self.best: dict[str, Any] = {"value": None, "epoch": 0, "since": 0}
        self.stop_asked = False
        self._saved_at = time.monotonic()
        freeze(method, stage)
        self._optimizers = build_optimizers(method, stage, device)
        model = RunnerModel(method, stage, prepare)
        model._optimizers = self._optimizers
        steps = len(loader) * stage.epochs
        # annealing: the average follows the first steps closely, so that early validations mean something
        settings = {"momentum": 1 - stage.ema, "gamma": 10, "interval": stage.accumulate}
        ema = [EMAHook("MomentumAnnealingEMA", **settings)] if stage.ema else []
        super().__init__(
            model,
            str(folder),
            train_dataloader=loader,
            train_cfg={},
            optim_wrapper=bundle(self._optimizers),
            param_scheduler=None,
            default_hooks={
                "runtime_info": None,
                "timer": None,
                "sampler_seed": None,
                "logger": None,
                "checkpoint": None,
                "param_scheduler": ParamSchedulerHook(),
            },
            custom_hooks=[*ema, *hooks],
            experiment_name=f"pfbench-{next(_unique)}",
            randomness={"seed": seed},
        )
        schedules = build_schedules(stage, self._optimizers, steps)
        self.param_schedulers = schedules
        self._train_loop = StageLoop(self, loader, stage.epochs)

    # --- what mmengine's Runner does otherwise than we need it ---

    @property
    def timestamp(self) -> str:
        """mmengine names a log folder by it; ours is the stage's."""
        return "."

    def build_logger(self, *args: Any, **kwargs: Any) -> MMLogger:
        """mmengine's own messages go to the run's log, not to stdout."""
        logger = MMLogger.get_instance(name=self._experiment_name)
        logger.handlers = list(self.log.handlers)
        logger.setLevel(logging.ERROR)  # its warnings are of parts that are not in use here
        return logger

    def build_visualizer(self, visualizer: Any = None) -> Any:
        """The hooks of `hooks.py` log and draw."""
        return None

    def wrap_model(self, model_wrapper_cfg: Any, model: nn.Module) -> nn.Module:
        """No wrapper: gradients are averaged by the optimizers; here all processes get the same weights."""
        distributed.same_weights(model)
        return model

    def _log_env(self, env_cfg: Any) -> None:
        """Recorded with the result instead."""

    def dump_config(self) -> None:
        """The run's config.yaml is written by the pipeline."""

    # --- training ---

    def train(self) -> nn.Module:
        """Train to the end, or until a signal asks to stop.

        Raises:
            KeyboardInterrupt: asked to stop; the state is saved.
        """
        with StopSignals(self._ask_to_stop), warnings.catch_warnings():
            # schedules count batches, so with accumulation they start before the optimizer does
            warnings.filterwarnings("ignore", message="Detected call of `scheduler.step")
            self.call_hook("before_run")
            self.load_or_resume()
            for wrapper in self._optimizers.values():
                wrapper.initialize_count_status(self.model, self.iter, self.max_iters)
            model = self.train_loop.run()
            self.call_hook("after_run")
        return model

    @property
    def best_by(self) -> str:
        """Name of the metric that picks the best weights, '' where nothing is validated."""
        return self._better[0]

    def _ask_to_stop(self) -> bool:
        """Ask for the end after the step at hand; True where that had been asked before."""
        before, self.stop_asked = self.stop_asked, True
        return before

    @property
    def finished(self) -> bool:
        """Whether early stopping has struck."""
        return bool(self.stage.early_stop) and self.best["since"] >= self.stage.early_stop

    def validate(self, last: bool = False) -> Mapping[str, float]:
        """Score the held-out faces with the weights that would be kept, and keep them if they are the best so far."""
        distributed.same_weights(self.method, buffers_only=True)
        self.call_hook("before_val_epoch")  # mmengine's EMAHook swaps the averaged weights in, and out again below
        self.method.eval()
        metrics = dict(self._score()) if self._score is not None else {}
        name, higher = self._better
        value = metrics.get(name)
        known = self.best["value"]
        improved = value is not None and (known is None or (value > known if higher else value < known))
        self.best["since"] = 0 if improved else self.best["since"] + 1
        last = last or self.finished
        if improved or (last and (self.stage.keep == "last" or self.best["value"] is None)):
            self.best.update(value=value, epoch=self._train_loop._epoch)
            if distributed.rank() == 0:
                save_atomic({"state_dict": self.method.state_dict(), **self.best}, self.folder / "best.pth")
        self.call_hook("after_val_epoch", metrics=metrics)
        return metrics

    def load_best(self) -> None:
        """Put the kept weights into the method."""
        distributed.wait()
        self.method.load_state_dict(load_safely(self.folder / "best.pth")["state_dict"])

    # --- state ---

    def save_between(self, epoch: int, step: int) -> None:
        """Save within an epoch when it is time or a signal came, between two updates."""
        due = time.monotonic() - self._saved_at > self._save_seconds
        if not (due or self.stop_asked) and distributed.world() == 1:
            return
        asked = self.stop_asked
        if distributed.world() > 1 and step % 20 == 0:
            due, asked = (any(column) for column in zip(*distributed.gather((due, asked)), strict=True))
        elif distributed.world() > 1:
            return
        if self._between_updates and (due or asked):
            self.save_state(epoch, step)
            if asked:
                raise KeyboardInterrupt

    @property
    def _between_updates(self) -> bool:
        """Whether no gradients wait for further batches (``accumulate``)."""
        return all(w.inner_count % w._accumulative_counts == 0 for w in self._optimizers.values())

    def _pending(self) -> dict[str, torch.Tensor]:
        """Gradients that wait for further batches, by parameter; the mean of all processes, as they will be used."""
        if self._between_updates:
            return {}
        learning = {name: p for name, p in self.method.named_parameters() if p.requires_grad}
        distributed.average_gradients(list(learning.values()))
        return {name: p.grad for name, p in learning.items() if p.grad is not None}

    def save_state(self, epoch: int | None = None, step: int = 0) -> None:
        """Save everything that resuming needs; the file is replaced whole."""
        self._saved_at = time.monotonic()
        gradients = self._pending()
        if distributed.rank() != 0:
            return
        state: dict[str, Any] = {
            "format": STATE_FORMAT,
            "stage": self.stage.name,
            "seed": self.run_seed,
            "epoch": self.epoch if epoch is None else epoch,
            "step": step,
            "iter": self.iter,
            "best": dict(self.best),
            "state_dict": dict(self.model.state_dict()),
            "optimizer": self.optim_wrapper.state_dict(),
            "param_schedulers": [s.state_dict() for s in self.param_schedulers],
            "gradients": gradients,
        }
        self.call_hook("before_save_checkpoint", checkpoint=state)
        save_atomic(state, self.folder / "state.pth")

    def load_or_resume(self) -> None:
        """Go on from ``state.pth`` where there is one.

        Raises:
            UserError: the state is damaged or belongs to another stage or architecture.
        """
        path = self.folder / "state.pth"
        if not path.is_file():
            return
        state = load_safely(path)
        if state.get("format") != STATE_FORMAT or state.get("stage") != self.stage.name:
            raise UserError(f"{path}: not the state of stage {self.stage.name!r}; delete it to start the stage anew")
        self._resume = True
        self.call_hook("after_load_checkpoint", checkpoint=state)
        try:
            self.model.load_state_dict(state["state_dict"])
            self.optim_wrapper.load_state_dict(state["optimizer"])
        except (RuntimeError, ValueError, KeyError) as error:
            why = str(error).splitlines()[0]
            raise UserError(f"{path}: does not fit this method ({why}); delete it to start the stage anew") from None
        for name, gradient in state["gradients"].items():
            self.method.get_parameter(name).grad = gradient.to(self.method.get_parameter(name).device)
        for scheduler, saved in zip(self.param_schedulers, state["param_schedulers"], strict=True):
            scheduler.load_state_dict(saved)
        loop: Any = self._train_loop
        loop._epoch, loop._iter, loop.start = state["epoch"], state["iter"], state["step"]
        self.best = state["best"]
