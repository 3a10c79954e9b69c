"""The hint that other programs hold the training up."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from parface_bench.training import contention


@pytest.mark.parametrize(
    ("threads", "processor", "load", "told"),
    [(2, 25.0, 4.0, True), (2, 75.0, 4.0, False), (2, 25.0, 0.5, False), (1, 12.0, 4.0, False)],
)
def test_told_once_where_threads_wait_and_others_run(monkeypatch, threads, processor, load, told):
    """In 40 seconds the threads got so many seconds of processor time, beside so many running processes."""
    said: list[str] = []
    clock = {"wall": 0.0, "cpu": 0.0}
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(contention, "_load", lambda: load)
    monkeypatch.setattr(contention.time, "perf_counter", lambda: clock["wall"])
    monkeypatch.setattr(contention.time, "process_time", lambda: clock["cpu"])
    hook = contention.BusyMachineHook(SimpleNamespace(say=said.append))
    runner = SimpleNamespace(model=torch.nn.Linear(2, 2))
    hook.before_train(runner)
    hook.after_train_iter(runner, 0)
    assert not said  # too early to tell
    clock.update(wall=40.0, cpu=processor)
    hook.after_train_iter(runner, 1)
    hook.after_train_iter(runner, 2)
    assert len(said) == told
    if told:
        assert "2 threads get 31% of their time" in said[0]
