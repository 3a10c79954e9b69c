"""A run from the data to the leaderboard store."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
import torch
import yaml

import parface_bench as pf
from parface_bench.data.source import load_index
from parface_bench.registry import UserError


def test_leaves_every_file_and_a_recorded_result(run, dots_root, tmp_path):
    result = run("dot-norm", "train.epochs=2", "log.pictures=3")
    folder = result.folder
    assert folder.parent == tmp_path / "runs" / "dots" / "dot-norm"
    for name in ("config.yaml", "result.json", "predictions.parquet", "errors.parquet", "checkpoint.pt", "log.txt"):
        assert (folder / name).is_file(), name
    assert list((folder / "figures").glob("*.png"))
    document = json.loads((folder / "result.json").read_text())
    assert document["n"] == 7
    assert document["subsets"]["even"]["n"] == 4
    assert document["trained_on"] == ["dots:train"]
    assert document["contaminated"] is False
    assert document["run_id"] == folder.name
    assert {"device": "cpu", "threads": torch.get_num_threads(), "precision": ["off"]}.items() <= document[
        "environment"
    ].items()
    assert str(tmp_path) not in document["command"]
    recorded = pf.load_result(tmp_path / "store" / "dots" / "dot-norm" / folder.name)
    assert recorded.document["subsets"] == document["subsets"]
    config = yaml.safe_load((folder / "config.yaml").read_text())
    assert config["recipe"]["train"]["epochs"] == 2
    assert config["recipe"]["image_size"] == 32
    losses = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    assert {"loss", "main", "small"} <= losses[0].keys()


def test_the_score_is_that_of_the_predictions(run, dots_root):
    """NME computed here from the predictions' table and the labels, by its definition."""
    result = run("dot-net")
    table = pd.read_parquet(result.folder / "predictions.parquet").set_index("id")
    faces = load_index("dots", "test", dots_root)
    nme = []
    for face in faces.itertuples():
        found = table.loc[face.id].to_numpy().reshape(5, 2)
        width, height = np.ptp(face.landmarks, axis=0)
        nme.append(np.linalg.norm(found - face.landmarks, axis=1).mean() / np.sqrt(width * height) * 100)
    assert result.document["subsets"]["full"]["NME"]["value"] == pytest.approx(np.mean(nme), rel=1e-9)


def test_training_learns(run):
    short = run("dot-net", "train.epochs=1").document["subsets"]["full"]["NME"]["value"]
    long = run("dot-net", "train.epochs=30", "train.validate_every=30").document["subsets"]["full"]["NME"]["value"]
    assert long < 0.7 * short


def test_the_seed_decides_everything(run):
    first, again, other = (run("dot-net", seed=s).document["subsets"]["full"]["NME"]["value"] for s in (3, 3, 4))
    assert first == again
    assert first != other


def test_held_out_faces_are_never_learned_from_and_never_the_test(run, monkeypatch):
    from parface_bench.training import loop

    seen: dict[str, set[str]] = {"learn": set(), "held": set()}
    real = loop.Training._faces

    def spy(self, stage):
        learn, held = real(self, stage)
        seen["learn"].update(face for frame in learn for face in frame["id"])
        seen["held"].update(held["id"])
        return learn, held

    monkeypatch.setattr(loop.Training, "_faces", spy)
    run("dot-net", "validation.fraction=0.2")
    assert len(seen["held"]) == 8
    assert not seen["learn"] & seen["held"]
    assert not any("test" in face for face in seen["learn"] | seen["held"])


def test_a_self_supervised_stage_learns_from_all_faces(run, monkeypatch):
    from parface_bench.training import loop

    sizes = []
    real = loop.Training._faces

    def spy(self, stage):
        learn, held = real(self, stage)
        sizes.append((sum(map(len, learn)), len(held)))
        return learn, held

    monkeypatch.setattr(loop.Training, "_faces", spy)
    blind = "{name: blind, needs_landmarks: false, epochs: 1, loss: brightness}"
    run("dot-net", f"stages=[{blind}, {{name: seeing, epochs: 1}}]", "validation.fraction=0.2")
    assert sizes == [(41, 0), (33, 8)]


def test_a_finished_stage_holds_no_crops(run, tmp_path, monkeypatch):
    from parface_bench.data.images import crop_cache
    from parface_bench.training import runner

    kept = []
    real = runner.StageRunner.train

    def spy(self):
        kept.append(len(list((tmp_path / "shm").iterdir())))
        return real(self)

    (tmp_path / "shm").mkdir()
    monkeypatch.setattr(crop_cache, "_memory_folder", lambda size: tmp_path / "shm")
    monkeypatch.setattr(runner.StageRunner, "train", spy)
    run("dot-net", "stages=[{name: a, epochs: 1}, {name: b, epochs: 1}, {name: c, epochs: 1}]")
    assert kept == [2, 2, 2]  # the faces to learn from and those to validate on


def test_best_weights_follow_the_metrics_own_direction(run, monkeypatch):
    """AUC is better when higher: epochs that validate at 10, 50, 20 must keep the second."""
    from parface_bench.training.validation import Validation

    values = iter([10.0, 50.0, 20.0])
    monkeypatch.setattr(Validation, "__call__", lambda self, name: {"AUC@10": next(values)})
    folder = run("dot-net", "validation.metric=AUC@10").folder
    from parface_bench.methods.checkpoint import load_safely

    assert load_safely(folder / "stages" / "1-train.pt")["kept"] == {"epoch": 2, "metric": "AUC@10", "value": 50.0}
    assert not (folder / "stages" / "1-train").exists()  # nobody needs the states of a finished stage


def test_early_stop(run, monkeypatch):
    from parface_bench.training.validation import Validation

    monkeypatch.setattr(Validation, "__call__", lambda self, name: {"NME": 5.0})
    folder = run("dot-net", "train.epochs=9", "train.early_stop=2").folder
    epochs = {json.loads(line)["epoch"] for line in (folder / "log.jsonl").read_text().splitlines()}
    assert max(epochs) <= 3


def test_early_stop_keeps_the_last_weights_where_these_are_wanted(run, monkeypatch):
    from parface_bench.methods.checkpoint import load_safely
    from parface_bench.training.validation import Validation

    values = iter([5.0, 6.0, 7.0, 4.0])
    monkeypatch.setattr(Validation, "__call__", lambda self, name: {"NME": next(values)})
    folder = run("dot-net", "train.epochs=9", "train.early_stop=2", "train.keep=last").folder
    assert load_safely(folder / "stages" / "1-train.pt")["kept"] == {"epoch": 3, "metric": "NME", "value": 7.0}


def test_tensorboard(run):
    pytest.importorskip("tensorboard")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    folder = run("dot-norm", "log.backends=[tensorboard]", "log.every=5").folder
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    events = EventAccumulator(str(folder / "tensorboard")).Reload()
    shown = {(e.step, round(e.value, 4)) for e in events.Scalars("train/loss")}
    assert shown == {(line["step"], round(line["loss"], 4)) for line in lines if "loss" in line}
    assert [e.value for e in events.Scalars("train/validation NME")] == pytest.approx(
        [line["validation NME"] for line in lines if "validation NME" in line]
    )


def test_the_log_holds_what_the_run_says_and_nothing_else(run):
    text = (run("dot-net").folder / "log.txt").read_text()
    assert "metainfo" not in text
    assert "finished" in text


def test_evaluating_the_checkpoint_gives_the_same_numbers(run):
    trained = run("dot-norm")
    again = run(str(trained.folder / "checkpoint.pt"), train=False)
    assert again.document["subsets"] == trained.document["subsets"]
    assert again.document["method"] == "dot-norm"
    assert again.document["trained_on"] == ["dots:train"]
    # scored on its own training faces, the row is marked
    seen = run(str(trained.folder), train=False, split="train")
    assert seen.document["contaminated"] is True


@pytest.mark.parametrize("flip", ["false", "true"])
def test_load_model_predicts_photographs_as_it_was_scored(run, dots_root, flip):
    trained = run("dot-net", "train.epochs=20", f"predict.flip_test={flip}")
    model = pf.load_model(trained.folder / "checkpoint.pt", device="cpu")
    faces = load_index("dots", "test", dots_root)
    from parface_bench.data.images.reading import read_image

    images = [read_image(dots_root, name) for name in faces["image"]]
    found = model.predict(images, np.stack(list(faces["bbox"])))
    table = pd.read_parquet(trained.folder / "predictions.parquet").filter(regex=r"^[xy]\d")
    np.testing.assert_allclose(found, table.to_numpy().reshape(-1, 5, 2), atol=1e-3)


def test_starting_from_a_checkpoint_and_single_stages(run):
    first = run("dot-net", "train.epochs=10")
    two = "stages=[{name: warm, epochs: 1}, {name: on, epochs: 1, trains: [head]}]"
    second = run("dot-net", two, from_checkpoint=first.folder / "checkpoint.pt", stages="2")
    from parface_bench.methods.checkpoint import load_safely

    before, after = (load_safely(r.folder / "checkpoint.pt")["state_dict"] for r in (first, second))
    assert all((before[key] == after[key]).all() for key in before if key.startswith("body"))
    assert not (before["head.weight"] == after["head.weight"]).all()
    assert not (second.folder / "stages" / "1-warm.pt").exists()


def test_limit(run):
    document = run("dot-net", limit=5).document
    assert document["n"] == 5
    assert "--limit 5" in document["command"]
    assert document["command"].endswith("--plugin dots.py")


def test_plan_names_what_run_records(run, dots_root, tmp_path):
    from parface_bench.api import plan
    from tests.training.conftest import QUICK

    options = {"data_root": dots_root, "profile": "quick", "device": "cpu", "overrides": list(QUICK), "seed": 5}
    planned = plan("dot-net", "dots", **options)
    document = run("dot-net", seed=5).document
    assert {key: document[key] for key in planned} == planned


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"profile": "quik"}, "did you mean 'quick'"),
        ({"protocol": "parfac"}, "did you mean 'parface'"),
        ({"device": "cuda:9"}, "GPU"),
        ({"device": "gpu"}, "auto, cpu"),
        ({"stages": "2-x"}, "numbers and ranges"),
        ({"stages": "3"}, "no stage 3"),
        ({"overrides": ["train.epoch=3"]}, "did you mean 'train.epochs'"),
        ({"overrides": ["method.droput=0.1"]}, "did you mean 'dropout'"),
        ({"overrides": ["train.optimizers.main.type=Adum"]}, "did you mean 'Adam'"),
        ({"overrides": ["train.trains=[heed]"]}, "did you mean 'head'"),
        ({"overrides": ["train.data=[dots:training]"]}, "did you mean 'train'"),
        ({"overrides": ["train.loss=los"]}, "DotNet has no loss 'los'; did you mean 'loss'"),
        ({"overrides": ["train.keep=bst"]}, "keep='bst': must be one of best, last"),
        ({"overrides": ["train.amp=fp16"]}, "'fp16' needs a GPU"),
        ({"overrides": ["validation.metric=GTE"]}, "GTE measures depth, which is not scored here"),
        ({"overrides": ["stages=[{epoch: 3}]"]}, "did you mean 'epochs'"),
        ({"overrides": ["stages=[{}, {}]"]}, "names of their own, without '/': train"),
        ({"overrides": ["stages=[{epochs: many}]"]}, "epochs='many': must be a whole number"),
        ({"overrides": ["stages=[{ema: much}]"]}, "ema='much': must be a number"),
        ({"overrides": ["stages=[{needs_landmarks: 3}]"]}, "must be true or false"),
        ({"overrides": ["stages=[{optimizers: Adam}]"]}, "optimizers='Adam': must hold settings"),
        ({"overrides": ["train.optimizers.main.lr=fast"]}, "must be a number"),
        ({"overrides": ["train.optimizers.mian.lr=1"]}, "no setting 'mian'; did you mean 'main'"),
        ({"overrides": ["train.optimizers.main.wight_decay=1"]}, "AdamW has no setting 'wight_decay'; did you mean"),
        ({"overrides": ["train.optimizers={a: {}, b: {}}"]}, "steps one optimizer, the stage has a, b"),
        ({"limit": 1}, "at least 2"),
        ({"split": "tset"}, "did you mean 'test'"),
    ],
)
def test_mistakes_are_named_before_work_begins(run, options, words):
    with pytest.raises(UserError, match="(?s).*" + words):
        run("dot-net", **options)


def test_a_method_that_learns_cannot_be_evaluated_by_name(run):
    with pytest.raises(UserError, match="needs training first"):
        run("dot-net", train=False)


def test_faces_that_were_trained_on_are_marked_whatever_the_split_is_called(run, tmp_path):
    """A table without a column `split` is the training set and the test set at once."""
    import cv2

    rows = []
    for number in range(8):
        cv2.imwrite(str(tmp_path / f"{number}.png"), np.full((40, 40, 3), 20 * number, np.uint8))
        points = np.random.default_rng(number).uniform(5, 35, (5, 2)).ravel()
        rows.append([f"{number}.png", *points])
    columns = ["image", *(f"{axis}{i}" for i in range(5) for axis in "xy")]
    labels = pd.DataFrame(rows, columns=columns)
    labels.to_csv(tmp_path / "labels.csv", index=False)
    from pathlib import Path

    protocol = str(Path(__file__).with_name("dots-protocol.yaml"))
    table = {"dataset": "landmark-table", "data_root": tmp_path / "labels.csv", "protocol": protocol}
    document = run("mean-shape", "train.epochs=1", **table).document
    assert document["contaminated"] is True
    assert document["trained_on"] == ["landmark-table:train", "landmark-table:test"]
    assert "8 of the 8 scored faces were trained on" in document["notes"]

    half = labels.assign(split=["train"] * 4 + ["test"] * 4)
    half.to_csv(tmp_path / "labels.csv", index=False)
    document = run("mean-shape", "train.epochs=1", **table).document
    assert document["contaminated"] is False
    assert document["trained_on"] == ["landmark-table:train"]
