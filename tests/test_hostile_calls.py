"""A sample of ``benchmarks/campaigns/calls.py``: what nobody should type ends in a sentence and harms nothing."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

CAMPAIGNS = Path(__file__).resolve().parents[1] / "benchmarks" / "campaigns"


@pytest.mark.skipif(sys.platform != "linux", reason="the campaign forks and looks into /proc")
def test_a_sample_of_hostile_calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CAMPAIGNS))
    for name in ("PFBENCH_HOME", "HOME", "OMP_NUM_THREADS", "COLUMNS"):
        monkeypatch.setenv(name, "to be set back")
    monkeypatch.setattr(sys, "argv", sys.argv)
    import calls
    import hostile

    good, files = hostile.prepare(tmp_path, light=True)
    before = calls.state(tmp_path / "world")
    for name in ("score", "gap"):
        answer = calls.attempt([*name.split(), *good[name]], tmp_path)
        assert answer.code == 0, answer.err
        assert calls.tidy(tmp_path / "world", before) == []
    found = []
    for words in calls.calls(good, files, 16, 1, list(good)):
        answer = calls.attempt(words, tmp_path)
        fault = calls.wrong(words, answer, calls.tidy(tmp_path / "world", before))
        found += [(fault, words, answer.err[-500:])] if fault else []
    assert found == []


def test_every_command_has_a_hostile_call(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(CAMPAIGNS))
    import calls
    import hostile

    assert set(calls.parameters()) == set(hostile._calls())
