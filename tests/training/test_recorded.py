"""What is recorded is what was done."""

from __future__ import annotations

import json
import re
import shlex
from itertools import pairwise
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch

import parface_bench as pf
from parface_bench.leaderboard.board import group_of
from parface_bench.registry import UserError

TWO = "stages=[{name: blind, needs_landmarks: false, epochs: 1, loss: brightness, trains: [body]}, " \
      "{name: seeing, epochs: 2, trains: [head]}]"  # fmt: skip
NME = ("subsets", "full", "NME", "value")


def nme(result):
    value = result.document
    for key in NME:
        value = value[key]
    return value


def evaluated(run, checkpoint, *overrides, **options):
    return run(str(checkpoint), *overrides, train=False, **options)


@pytest.fixture
def trained(run):
    return run("dot-norm", "train.epochs=4")


def test_eval_takes_recipe_and_profile_from_the_checkpoint(trained, run, dots_root, tmp_path):
    plain = pf.run(
        trained.folder, "dots", data_root=dots_root, train=False, device="cpu", out=tmp_path / "o", store=None
    )
    config = plain.document["config"]
    assert config["recipe"]["train"]["epochs"] == 4  # not the profile's own
    assert plain.document["profile"] == "quick"
    assert nme(plain) == nme(trained)
    facts = plain.document["checkpoint"]
    assert (
        facts["file"] == "checkpoint.pt"
        and facts["profile"] == "quick"
        and re.fullmatch("[0-9a-f]{16}", facts["sha256"])
    )


def test_eval_has_the_seed_of_its_checkpoint(run):
    other = run("dot-norm", seed=5)
    assert evaluated(run, other.folder).document["seed"] == 5


def test_settings_that_act_on_predictions_act(trained, run):
    wider = evaluated(run, trained.folder, "train.epochs=4", "crop.scale=1.5")
    assert nme(wider) != nme(trained)
    assert wider.document["crop"]["scale"] == 1.5
    assert wider.document["config"]["recipe"]["crop"]["scale"] == 1.5
    mirrored = evaluated(run, trained.folder, "train.epochs=4", "predict.flip_test=true")
    assert nme(mirrored) != nme(trained)


@pytest.mark.parametrize("pair", ["train.epochs=9", "image_size=64", "method.dropout=0.7", "loading.cache=disk"])
def test_settings_that_cannot_act_on_a_trained_network_are_refused_by_name(trained, run, pair):
    words = re.escape(pair.split("=")[0]) + " was decided when .*checkpoint.pt was trained"
    with pytest.raises(UserError, match=words):
        evaluated(run, trained.folder, "train.epochs=4", pair)


def test_a_profile_that_contradicts_the_checkpoint_is_refused(trained, run):
    with pytest.raises(UserError, match="--profile full: .* was trained in the profile quick"):
        evaluated(run, trained.folder, "train.epochs=4", profile="full")


def test_the_protocols_crop_is_applied_and_recorded(trained, run, tmp_path):
    own = Path(__file__).with_name("dots-protocol.yaml")
    given = tmp_path / "given.yaml"
    given.write_text(f"{{base: {own}, name: dots-given, version: 1, crop: given}}")
    a, b = (
        evaluated(run, trained.folder, "train.epochs=4", protocol=str(given)),
        evaluated(run, trained.folder, "train.epochs=4", "crop.mode=given"),
    )
    assert a.document["crop"]["mode"] == b.document["crop"]["mode"] == "given"
    assert trained.document["crop"]["mode"] == "bb_ground_truth"
    # the dots' box is larger than the tight box of their landmarks, which the mode falls back on only without a box
    assert group_of(a.document).crop == ""  # as this protocol says
    assert group_of(b.document).crop == "given"  # another than this protocol says: ranked apart
    assert group_of(trained.document).crop == ""


def test_a_run_with_a_crop_of_its_own_is_ranked_apart(run):
    assert group_of(run("dot-net", "crop.mode=lm_ground_truth").document).crop == "lm_ground_truth"


def test_the_command_names_all_that_numbers_depend_on_and_no_place(run, tmp_path, dots_root):
    result = run("dot-net", profile=None, labels=20)
    words = shlex.split(result.document["command"])
    assert words[0] == f"OMP_NUM_THREADS={torch.get_num_threads()}"
    assert words[1:5] == ["pfbench", "run", "dot-net", "--dataset"]
    pairs = dict(pairwise(words))
    assert (pairs["--profile"], pairs["--device"], pairs["--labels"]) == ("quick", "cpu", "20")
    assert not any(str(place) in result.document["command"] for place in (tmp_path, dots_root))
    [data] = result.document["training_data"]
    assert data["data"] == "dots:train" and data["faces"] == 41 and len(data["fingerprint"]) >= 8
    assert result.document["labelled"] == 20
    assert result.document["code_version"]["package"] == pf.__version__


def test_the_precision_is_named_where_the_recipe_leaves_it_to_the_device(run):
    from parface_bench.training.optimizer import precision

    command = run("dot-net", "train.amp=auto").document["command"]
    assert f"train.amp={precision('auto', torch.device('cpu'))}" in shlex.split(command)


def test_a_run_that_ends_before_the_landmarks_predicts_and_ranks_nothing(run, tmp_path):
    done = run("dot-net", TWO, stages="1")
    assert done.document["stages_left"] == ["2 seeing"] and done.document["stages_done"] == ["1 blind"]
    assert (done.folder / "checkpoint.pt").is_file()
    assert not (done.folder / "predictions.parquet").exists() and not (done.folder / "result.json").exists()
    assert not (tmp_path / "store").exists()
    with pytest.raises(UserError, match="landmarks were not trained yet; go on with .*--stages 2"):
        evaluated(run, done.folder / "checkpoint.pt", TWO)
    whole = run("dot-net", TWO, stages="2", from_checkpoint=done.folder)
    assert whole.document["n"] == 7
    assert whole.document["started_from"]["sha256"]
    assert evaluated(run, whole.folder, TWO).document["subsets"] == whole.document["subsets"]
    forced = run("dot-net", TWO, stages="1", record=True)
    assert forced.document["n"] == 7 and len(list((tmp_path / "store/dots/dot-net").iterdir())) == 3


def test_single_stages_in_two_runs_are_the_whole_run(run):
    whole = run("dot-norm", TWO)
    first = run("dot-norm", TWO, stages="1")
    second = run("dot-norm", TWO, stages="2", from_checkpoint=first.folder)
    assert nme(second) == nme(whole)


@pytest.mark.parametrize(
    ("options", "kept"),
    [({}, 1), ({"record": False}, 0), ({"limit": 5}, 0), ({"limit": 5, "record": True}, 1), ({"record": True}, 1)],
)
def test_what_is_recorded(run, tmp_path, options, kept):
    assert run("dot-net", **options).document["n"] > 0
    assert len(list((tmp_path / "store").glob("dots/*/*"))) == kept


def test_record_without_a_store_is_refused(run):
    with pytest.raises(UserError, match="no store"):
        run("dot-net", store=None, record=True)


def test_labels_are_nested_subsets_that_no_seed_changes(run, monkeypatch):
    from parface_bench.training import loop as training

    seen = []
    real = training.Training._faces

    def spy(self, stage):
        learn, held = real(self, stage)
        faces = {face for frame in (*learn, held) for face in frame["id"]}
        seen.append((faces, sum(map(len, learn)), len(held)))
        return learn, held

    monkeypatch.setattr(training.Training, "_faces", spy)
    few, many, other, everything = (run("dot-net", labels=n, seed=s) for n, s in ((10, 0), (25, 0), (10, 3), (None, 0)))
    ids = [faces for faces, _, _ in seen]
    assert len(ids[0]) == 10 and len(ids[1]) == 25 and len(ids[3]) == 41
    assert ids[0] < ids[1] < ids[3]
    assert ids[0] == ids[2]
    # as many steps as with all labels: the few faces come several times an epoch
    steps = [n // 8 for _, n, _ in seen]
    assert abs(steps[0] - steps[3]) <= 1 and abs(steps[1] - steps[3]) <= 1
    hashes = {r.document["config_hash"] for r in (few, many, everything)}
    assert len(hashes) == 3 and few.document["config_hash"] == other.document["config_hash"]
    assert few.document["config"]["labels"] == 10


def test_a_method_solved_in_closed_form_learns_from_the_labels_alone(run):
    assert nme(run("mean-shape", labels=2)) != nme(run("mean-shape"))


@pytest.mark.parametrize(
    ("labels", "words"),
    [(42, "--labels 42: there are 41 labelled faces"), (0, "at least 2"), (-3, "at least 2")],
)
def test_labels_that_cannot_be(run, labels, words):
    with pytest.raises(UserError, match=words):
        run("dot-net", labels=labels)


def test_self_supervised_stages_see_all_faces_whatever_the_labels(run, monkeypatch):
    from parface_bench.training import loop as training

    sizes = []
    real = training.Training._faces

    def spy(self, stage):
        learn, held = real(self, stage)
        sizes.append(len({face for frame in learn for face in frame["id"]}) + len(held))
        return learn, held

    monkeypatch.setattr(training.Training, "_faces", spy)
    run("dot-net", TWO, labels=10)
    assert sizes == [41, 10]


def test_held_out_faces_are_the_targets_own(run, dots_root, tmp_path, monkeypatch):
    import sys

    from parface_bench.training import loop as training

    other = sys.modules["pfbench_plugin_dots"].make_root(tmp_path / "other", {"train": 30, "test": 4})
    monkeypatch.setenv("PFBENCH_DATA_DOTS_3D", str(other))
    held = []
    real = training.Training._faces
    monkeypatch.setattr(
        training.Training, "_faces", lambda self, stage: held.append(real(self, stage)[1]) or real(self, stage)
    )
    run("dot-net", "train.data=[dots-3d, target]", "validation.fraction=0.2")
    assert held[0].attrs["dataset"] == "dots"


def test_palsy_without_files_is_left_out_of_other_targets(run):
    """Nothing stands in for it there: the twin's faces would be trained on under the name of palsy."""
    result = run("dot-net", TWO.replace("name: blind", "name: blind, data: [palsy, target]"))
    assert result.document["trained_on"] == ["dots:train"]
    assert any("palsy" in note for note in result.document["notes"])


def test_options_of_run_are_those_of_python_and_of_the_command_line():
    import inspect

    from parface_bench.api import plan, run
    from parface_bench.runs.options import RunOptions, command_options

    fields = {name: f.default for name, f in RunOptions.__dataclass_fields__.items()}
    parameters = inspect.signature(run).parameters
    assert sorted(parameters) == sorted(fields)
    for name, p in parameters.items():
        if p.default is not p.empty:
            default = str(fields[name]) if isinstance(fields[name], Path) else fields[name]
            assert p.default == default, name
    assert inspect.signature(plan).parameters == parameters
    typed = {n for command in ("run", "eval", "bench") for n in command_options(command)}
    assert typed == set(fields) - {"method", "dataset", "train", "plugins", "recipe"}
    with pytest.raises(TypeError, match="seeds"):
        run("dot-net", "dots", seeds=3)


def test_json_of_an_unfinished_run(dots_root, tmp_path):
    from typer.testing import CliRunner

    from parface_bench.cli.main import build_app
    from tests.training.conftest import QUICK

    sets = [w for pair in (*QUICK, TWO) for w in ("--set", pair)]
    words = ["run", "dot-net", "--dataset", "dots", "--data-root", str(dots_root), "--out", str(tmp_path / "runs")]
    done = CliRunner().invoke(build_app(), [*words, *sets, "--stages", "1", "--device", "cpu", "--json"])
    document = json.loads(done.stdout)
    assert document["stages_left"] == ["2 seeing"] and document["recorded"] is False
    assert "left: 2 seeing; go on with --stages 2 --from" in done.stderr


def test_predictions_of_a_limited_run_lie_in_its_folder(run):
    result = run("dot-net", limit=5)
    assert len(pd.read_parquet(result.folder / "predictions.parquet")) == 5
    assert np.isfinite(nme(result))
