"""A hint where other programs hold a training on the CPU up."""

from __future__ import annotations

import os
import time
from typing import Any

import torch
from mmengine.hooks import Hook

from parface_bench.progress import Progress

_AFTER = 30.0  # seconds of a stage
_SHARE = 0.65  # of the threads' time that a training alone on its machine uses: 0.9 and more


class BusyMachineHook(Hook):
    """Tells, once a stage, that the threads of this process wait for each other because other programs run.

    Every convolution ends when its slowest thread does; with one core taken, two threads were measured to be ten
    times as slow as one. The number of threads is not changed here: it decides the last bits of the weights.
    """

    priority = "LOW"

    def __init__(self, progress: Progress) -> None:
        self.progress = progress
        self._told = True
        self._since = (0.0, 0.0)

    def before_train(self, runner: Any) -> None:
        """Start the clocks."""
        self._told = torch.get_num_threads() < 2 or next(runner.model.parameters()).device.type != "cpu"
        self._since = time.perf_counter(), time.process_time()

    def after_train_iter(self, runner: Any, batch_idx: int, data_batch: Any = None, outputs: Any = None) -> None:
        """Compare the time that the processor gave with the time that went by."""
        spent = time.perf_counter() - self._since[0]
        if self._told or spent < _AFTER:
            return
        self._told = True
        threads = torch.get_num_threads()
        used = (time.process_time() - self._since[1]) / spent / threads
        if used < _SHARE and _load() > threads:
            self.progress.say(
                f"  other programs keep this machine busy: {threads} threads get {used:.0%} of their time and wait for "
                "each other; until it is quiet, OMP_NUM_THREADS=1 is faster (interrupt, then --resume with it)"
            )


def _load() -> float:
    """Running processes, mean of the last minute; 0 where the system does not say."""
    return os.getloadavg()[0] if hasattr(os, "getloadavg") else 0.0
