"""The curves' other places: mmengine's backends get them, and none can cost a training."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from mmengine.registry import VISBACKENDS
from mmengine.visualization import BaseVisBackend

from parface_bench.progress import Progress
from parface_bench.registry import UserError
from parface_bench.training.log_backends import LogBackends, backend_configs

# Stands in for the service's client: it notes what it is given.
WANDB = """
import json, pathlib
HERE = pathlib.Path(__file__).with_name("said.jsonl")
def say(*what):
    with HERE.open("a") as file:
        file.write(json.dumps(what) + "\\n")
def init(**kwargs):
    say("init", kwargs)
def log(values, commit):
    say("log", values)
def join():
    say("end")
"""


@pytest.fixture
def wandb(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What the client was told, a JSON line each."""
    (tmp_path / "wandb.py").write_text(WANDB)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.delitem(__import__("sys").modules, "wandb", raising=False)
    return tmp_path / "said.jsonl"


def test_a_run_tells_the_service_all_that_its_log_has(run, wandb):
    setting = "log.backends=[{type: wandb, init_kwargs: {mode: offline}}]"
    folder = run("dot-net", setting, "log.every=5", "train.epochs=2").folder
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    said = [json.loads(line) for line in wandb.read_text().splitlines()]
    assert said[0][0] == "init" and said[-1] == ["end"]
    started = said[0][1]
    assert (started["mode"], started["id"], started["resume"]) == ("offline", folder.name, "allow")
    curves = [values for kind, *rest in said if kind == "log" for values in rest]
    assert [v["train/loss"] for v in curves if "train/loss" in v] == [e["loss"] for e in lines if "loss" in e]
    assert sum("train/validation NME" in v for v in curves) == 2


def test_one_that_fails_later_is_left_out(tmp_path, capsys):
    class Failing(BaseVisBackend):
        """Fails at its first curve."""

        experiment = property(lambda self: self)

        def _init_env(self):
            """Nothing to start."""

        def add_scalars(self, values, step=0, file_path=None, **kwargs):
            """Fails."""
            raise ConnectionError("no route to host")

    VISBACKENDS.register_module(name="FailingOfATest", module=Failing, force=True)
    with LogBackends({"backends": ["FailingOfATest"]}, tmp_path, Progress()) as backends:
        backends.scalars({"loss": 1.0}, 1)
        backends.scalars({"loss": 1.0}, 2)
    VISBACKENDS.module_dict.pop("FailingOfATest")
    assert capsys.readouterr().err.count("no route to host") == 1


def test_bad_settings_are_refused_before_the_work(run):
    with pytest.raises(UserError, match="no backend 'tensorbord'; did you mean 'tensorboard'"):
        run("dot-net", "log.backends=[tensorbord]")
    with pytest.raises(UserError, match=r"neptune needs a package: pip install 'neptune'"):
        backend_configs({"backends": "neptune"})
    with pytest.raises(UserError, match="write for example"):
        backend_configs({"backends": [3]})
    with pytest.raises(UserError, match=r"log\.tensorboard.*it is now log\.backends: \[tensorboard\]"):
        run("dot-net", "log.tensorboard=true")


def test_recipes_of_the_first_version_keep_their_tensorboard(tmp_path):
    pytest.importorskip("tensorboard")
    assert backend_configs({"tensorboard": True}) == [("tensorboard", {"type": "TensorboardVisBackend"})]
    with (
        pytest.raises(UserError, match="tensorboard does not start: .*no_such_option"),
        LogBackends({"backends": [{"type": "tensorboard", "no_such_option": 1}]}, tmp_path, Progress()),
    ):
        pass
