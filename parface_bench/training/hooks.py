"""What the runner does besides training: notice a loss that is not finite, log, show progress."""

from __future__ import annotations

import contextlib
import json
import math
import time
from collections.abc import Callable, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any

import torch
from mmengine.hooks import Hook

from parface_bench.methods.inference import evaluating
from parface_bench.progress import Progress
from parface_bench.registry import WorkError
from parface_bench.training import distributed, overlays
from parface_bench.training.log_backends import LogBackends

LINES = "log.jsonl"


class FiniteLossHook(Hook):
    """Stops the training when a loss is not finite, before anything is saved.

    On a GPU a loss is looked at one step late, so that the check does not make the device wait.
    """

    priority = "VERY_HIGH"

    def __init__(self) -> None:
        self._waiting: tuple[int, int, list[str], dict[str, Any]] | None = None

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Look at the loss of this step (CPU) or of the one before (GPU)."""
        late, self._waiting = self._waiting, (runner.epoch, batch_idx, data_batch.ids, outputs)
        if outputs["loss"].device.type == "cpu":
            late, self._waiting = self._waiting, None
        self._look(runner, late)

    def after_train_epoch(self, runner: Any) -> None:
        """Look at the last step's loss before the weights are validated."""
        late, self._waiting = self._waiting, None
        self._look(runner, late)

    def before_val_epoch(self, runner: Any) -> None:
        """Look at the weights before they are scored."""
        self._look_at_weights(runner)

    def before_save_checkpoint(self, runner: Any, checkpoint: dict[str, Any]) -> None:
        """Look at the last step's loss, and at the weights that it led to, before they replace good ones."""
        late, self._waiting = self._waiting, None
        self._look(runner, late)
        self._look_at_weights(runner)

    def _look_at_weights(self, runner: Any) -> None:
        for name, value in runner.method.state_dict().items():
            if value.is_floating_point() and not bool(torch.isfinite(value).all()):
                raise WorkError(
                    f"stage {runner.stage.name!r}, after {runner.epoch} epochs: the weights of {name} are no longer "
                    f"finite, though the loss was; {_kept(runner)}; lower the learning rate or set train.clip_grad"
                )

    def _look(self, runner: Any, seen: tuple[int, int, list[str], dict[str, Any]] | None) -> None:
        if seen is None or bool(torch.isfinite(seen[3]["loss"]).all()):
            return
        epoch, step, ids, outputs = seen
        bad = [name for name, value in outputs.items() if not bool(torch.isfinite(value).all())]
        shown = ", ".join(ids[:8]) + (f" and {len(ids) - 8} more" if len(ids) > 8 else "")
        terms = f" (terms: {', '.join(bad)})" if bad != ["loss"] else ""
        raise WorkError(
            f"stage {runner.stage.name!r}, epoch {epoch + 1}, step {step + 1}: the loss is not finite{terms} on the "
            f"faces {shown}; {_kept(runner)}; look at these faces, or lower the learning rate and start again"
        )


def seconds_spent(folder: Path) -> float:
    """Seconds that the log of an interrupted run says were spent on it; 0 where it has none."""
    try:
        lines = (folder / LINES).read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return 0.0
    for line in reversed(lines):
        with contextlib.suppress(ValueError, KeyError, TypeError):  # a line that was cut off by a kill
            return float(json.loads(line)["seconds"])
    return 0.0


def _kept(runner: Any) -> str:
    kept = runner.folder / "state.pth"
    return f"the last good state is {kept}" if kept.is_file() else "nothing had been saved yet"


class LogHook(Hook):
    """Losses and rates as JSON lines (``log.jsonl``), in the run's log, on the progress bar and in ``log.backends``.

    Args:
        folder: the run's folder.
        clock: seconds spent on the run so far, also by earlier processes of it; every entry has them.
        every: steps between entries.
        progress: where to show them.
        backends: where they go besides.
    """

    priority = "BELOW_NORMAL"  # before the schedules: the rates are those of the step

    def __init__(
        self, folder: Path, clock: Callable[[], float], every: int, progress: Progress, backends: LogBackends
    ) -> None:
        self.path, self.clock, self.every, self.progress = folder / LINES, clock, max(1, every), progress
        self._sums: dict[str, torch.Tensor] = {}
        self._count = 0
        self._since = 0.0
        self.backends = backends

    def before_train(self, runner: Any) -> None:
        """Show what a resumed stage has behind it."""
        self._since = time.monotonic()
        if runner.iter:
            self.progress.skip(runner.iter)

    def after_train(self, runner: Any) -> None:
        """Say what came of the stage: ``20 epochs in 0:31:02, best validation NME 5.310 after epoch 17``."""
        text = f"{runner.epoch} epoch{'' if runner.epoch == 1 else 's'}"
        text += f" in {timedelta(seconds=round(time.monotonic() - self._since))}"
        value = runner.best["value"]
        if value is not None:
            text += f", best validation {runner.best_by} {value:.3f} after epoch {runner.best['epoch']}"
        self.progress.say(f"  {runner.stage.name}: {text}")

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Sum the losses up, and write their means when it is time."""
        for name, value in outputs.items():
            self._sums[name] = self._sums.get(name, 0.0) + value.detach().float().mean()
        self._count += 1
        facts = {}
        if (runner.iter + 1) % self.every == 0 or batch_idx + 1 == len(runner.train_dataloader):
            means = {name: round(float(total) / self._count, 6) for name, total in self._sums.items()}
            rates = runner.optim_wrapper.get_lr()
            at = {"epoch": runner.epoch + 1, "step": runner.iter + 1}
            self.write(runner, at, {**means, **{name: rate[0] for name, rate in rates.items()}})
            self._sums, self._count = {}, 0
            facts = {"epoch": f"{runner.epoch + 1}/{runner.stage.epochs}", "loss": f"{means['loss']:.4g}"}
        self.progress.advance(1, **facts)

    def after_val_epoch(self, runner: Any, metrics: Any = None) -> None:
        """Write the validation's metrics."""
        if metrics:
            at = {"epoch": runner.epoch, "step": runner.iter}
            self.write(runner, at, {f"validation {name}": value for name, value in metrics.items()})
            best = runner.best["value"]
            text = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
            mark = " (best)" if best is not None and runner.best["since"] == 0 else ""
            said = f"{text}{mark}"
            self.progress.mention("validation", said, f"  {runner.stage.name} epoch {runner.epoch}: validation {said}")

    def write(self, runner: Any, at: Mapping[str, int], values: Mapping[str, float]) -> None:
        """One entry in every log; epoch and step count from 1."""
        if distributed.rank() != 0:
            return
        entry = {
            "time": round(time.time(), 1),
            "seconds": round(self.clock(), 1),
            "stage": runner.stage.name,
            **at,
        }
        finite = {name: value if math.isfinite(value) else None for name, value in values.items()}
        # a disk that is full is told of, with what to do, when the next state is saved
        with contextlib.suppress(OSError), self.path.open("a", encoding="utf-8") as file:
            file.write(json.dumps({**entry, **finite}) + "\n")
        text = ", ".join(f"{name} {value:.5g}" for name, value in values.items())
        runner.log.info("%s epoch %d step %d: %s", runner.stage.name, at["epoch"], at["step"], text)
        self.backends.scalars({f"{runner.stage.name}/{name}": value for name, value in values.items()}, at["step"])


class SampleHook(Hook):
    """Keeps what the method's ``samples`` shows of a few training faces (reconstructions, heatmaps) after validations.

    Args:
        folder: the run's folder; pictures go to ``figures/samples-NUMBER-STAGE.png``.
        faces: how many faces, 0 = none.
        device: where the method is.
    """

    priority = "LOW"

    def __init__(self, folder: Path, faces: int, device: torch.device) -> None:
        self.folder, self.faces, self.device = folder / "figures", faces, device

    def before_val_epoch(self, runner: Any) -> None:
        """Draw with the weights that are being validated."""
        dataset = runner.train_dataloader.dataset
        rows = range(min(self.faces, len(dataset)))
        if not rows or distributed.rank() != 0:
            return
        batch = dataset[rows].to(self.device).without_margin()
        with evaluating(runner.method), torch.no_grad():
            samples = runner.method.samples(batch)
        if samples is not None:
            tiles = (samples.detach().float().clamp(0, 1) * 255).round().byte().permute(0, 2, 3, 1).cpu().numpy()
            overlays.save(overlays.sheet(list(tiles), len(rows)), self.folder / f"samples-{runner.folder.name}.png")
