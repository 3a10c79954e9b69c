"""What goes wrong in a training is said in one sentence that helps, and costs nothing that was there."""

from __future__ import annotations

import pickle
import re

import pytest
import torch

from parface_bench.methods.checkpoint import load_method, load_safely, save_atomic
from parface_bench.registry import UserError, WorkError


def test_an_out_that_cannot_be_written_is_the_users_to_change(run, tmp_path):
    (tmp_path / "runs").write_text("a file where the folder of runs should be")
    with pytest.raises(UserError, match=r"cannot make the run's folder .*runs.*; choose another with --out"):
        run("dot-net")
    assert (tmp_path / "runs").read_text().startswith("a file")


def test_a_loss_that_is_not_finite(run, tmp_path):
    with pytest.raises(WorkError) as caught:
        run("dot-net", "method.bad_after=6")
    text = str(caught.value)
    assert re.search(r"stage 'train', epoch 2, step 3: the loss is not finite", text)
    assert "train0" in text  # the faces of the batch
    (folder,) = (tmp_path / "runs" / "dots" / "dot-net").iterdir()
    state = load_safely(folder / "stages" / "1-train" / "state.pth")
    assert state["epoch"] == 1
    assert all(torch.isfinite(value).all() for value in state["state_dict"].values())
    assert not (folder / "result.json").exists()
    assert "not finite" in (folder / "log.txt").read_text()


@pytest.mark.parametrize("every", ["train.validate_every=1", "train.validate_every=9"])
def test_weights_that_are_not_finite_never_replace_good_ones(run, tmp_path, every):
    said = r"after 2 epochs: the weights of head\.weight are no longer finite.*last good state is"
    with pytest.raises(WorkError, match=said):
        run("dot-burst", every)
    (folder,) = (tmp_path / "runs" / "dots" / "dot-burst").iterdir()
    state = load_safely(folder / "stages" / "1-train" / "state.pth")
    assert all(torch.isfinite(value).all() for value in state["state_dict"].values())


def test_out_of_memory_names_the_batch_size_and_what_to_try(run):
    with pytest.raises(WorkError, match=r"batches of 8; try --set train\.batch_size=4 --set train\.accumulate=2"):
        run("dot-greedy")


def test_out_of_memory_names_settings_that_reach_the_stage_and_the_stages_that_are_done(run):
    stages = "stages=[{name: one, epochs: 1}, {name: two, batch_size: 6, accumulate: 2, loss: burst}]"
    said = (
        r"stage 'two': out of memory with batches of 6; try --set stages\.2\.batch_size=3 --set stages\.2\.accumulate=4"
        r".*--stages 2-2 --from .*1-one\.pt$"
    )
    with pytest.raises(WorkError, match=said):
        run("dot-late", stages)


def test_out_of_memory_while_predicting(run, monkeypatch):
    from parface_bench.methods import inference

    def full(*arguments):
        raise RuntimeError("DefaultCPUAllocator: can't allocate memory: you tried to allocate 9 bytes")

    monkeypatch.setattr(inference, "find_tensor", full)
    with pytest.raises(
        WorkError, match=r"predicting: out of memory with batches of 7; try --set predict\.batch_size=3"
    ):
        run("dot-net", "validation.fraction=0")


@pytest.mark.parametrize(
    ("loss", "says"),
    [
        (
            lambda self, batch: self(batch.images),
            r"the loss 'loss' must be a scalar tensor, not a tensor \(\d+, 5, 2\)",
        ),
        (lambda self, batch: 0.5, "the loss 'loss' must be a scalar tensor, not float"),
        (
            lambda self, batch: {"a": self(batch.images).mean(), "b": None},
            "the loss 'b' must be a scalar tensor, not NoneType",
        ),
    ],
)
def test_a_loss_that_is_no_scalar(run, monkeypatch, loss, says):
    import sys

    monkeypatch.setattr(sys.modules["pfbench_plugin_dots"].DotNet, "loss", loss)
    with pytest.raises(UserError, match=f"DotNet: {says}"):
        run("dot-net")


def test_other_errors_are_not_taken_for_a_lack_of_memory(run):
    with pytest.raises(RuntimeError, match="shapes"):
        run("dot-late", "train.loss=wrong")


def test_what_the_protocol_refuses_is_told_before_the_training(run, tmp_path, monkeypatch):
    from parface_bench.training.loop import Training

    monkeypatch.setattr(Training, "run", lambda self: pytest.fail("trained"))
    protocol = tmp_path / "deep.yaml"
    protocol.write_text("name: deep\nversion: 1\nmetrics: [NME, GTE]\n")
    with pytest.raises(UserError, match=r"'deep' compares x and y only \(dims: 2\), so it has no GTE"):
        run("dot-net", protocol=str(protocol))
    protocol.write_text("name: other\nversion: 1\nschemas: [ibug68]\n")
    with pytest.raises(UserError, match=r"'other' scores 68 \(ibug68\) landmarks, these faces have 5"):
        run("dot-net", protocol=str(protocol))


def test_what_the_protocol_refuses_is_told_before_the_prediction(run, trained, tmp_path, monkeypatch):
    from parface_bench.runs import pipeline

    monkeypatch.setattr(pipeline, "predict_all", lambda *arguments: pytest.fail("predicted"))
    protocol = tmp_path / "other.yaml"
    protocol.write_text("name: other\nversion: 1\nschemas: [ibug68]\n")
    with pytest.raises(UserError, match="these faces have 5"):
        run(str(trained), train=False, protocol=str(protocol), overrides=[])


def test_a_method_that_cannot_be_compiled(run, monkeypatch):
    from parface_bench.training import loop

    monkeypatch.setattr(loop, "check_compiler", lambda device: None)
    monkeypatch.setattr(torch.nn.Module, "compile", lambda self: None)
    said = r"torch\.compile failed \(Unsupported: no such thing.*set speed\.compile=false"
    with pytest.raises(UserError, match=said):
        run("dot-late", "speed.compile=true", "train.loss=uncompilable")


def test_no_compiler(run, monkeypatch):
    def fails(function):
        raise RuntimeError("No working C++ compiler found in torch._inductor.config.cpp.cxx\nmore")

    monkeypatch.setattr(torch, "compile", fails)
    with pytest.raises(
        UserError, match=r"speed\.compile.*No working C\+\+ compiler.*set speed\.compile=false"
    ) as caught:
        run("dot-net", "speed.compile=true")
    assert "more" not in str(caught.value)


def test_no_landmarks_to_learn_from(run, dots_root, monkeypatch):
    monkeypatch.setenv("PFBENCH_DATA_DOTS_BARE", str(dots_root))
    with pytest.raises(UserError, match="stage 'train' learns from landmarks, but dots-bare has none"):
        run("dot-net", "train.data=[dots-bare]")


def test_training_data_that_are_not_configured_are_left_out_and_noted(run):
    document = run("dot-net", "train.data=[target, dots-bare]", "train.epochs=1").document
    assert document["trained_on"] == ["dots:train"]
    assert any("dots-bare" in note for note in document["notes"])


def test_nothing_else_is_trained_on_where_none_of_the_named_data_is_configured(run):
    with pytest.raises(UserError, match="data set 'dots-bare': no root is set"):
        run("dot-net", "train.data=[dots-bare]", "train.epochs=1")


@pytest.fixture
def trained(run):
    return run("dot-net", "train.epochs=1").folder / "checkpoint.pt"


class Evil:
    """Would run code when it is unpickled."""

    def __reduce__(self):
        return (print, ("boo",))


def test_files_that_are_no_checkpoints(trained, tmp_path, capsys):
    bad = tmp_path / "bad.pt"
    bad.write_text("no weights here\n")
    with pytest.raises(UserError, match=r"bad\.pt: not a checkpoint"):
        load_method(bad)
    bad.write_bytes(trained.read_bytes()[:-700])
    with pytest.raises(UserError, match="cut off or damaged"):
        load_method(bad)
    torch.save({"state_dict": Evil()}, bad)
    with pytest.raises(UserError, match="refused"):
        load_method(bad)
    bad.write_bytes(pickle.dumps(Evil()))
    with pytest.raises(UserError):
        load_method(bad)
    assert "boo" not in capsys.readouterr().out
    torch.save({"state_dict": {}}, bad)
    with pytest.raises(UserError, match="import-checkpoint"):
        load_method(bad)
    torch.save([1, 2], bad)
    with pytest.raises(UserError, match="list"):
        load_method(bad)
    with pytest.raises(UserError, match="no such file"):
        load_method(tmp_path / "none.pt")


def test_a_checkpoint_of_another_architecture(run, trained):
    with pytest.raises(UserError, match=r"another architecture.*head\.weight is \[10, 128\], expected \[10, 512\]"):
        run("dot-net", "image_size=64", from_checkpoint=trained)
    with pytest.raises(UserError, match="norm.*is missing"):
        run("dot-norm", from_checkpoint=trained)


def test_a_checkpoint_of_a_method_that_is_not_known(trained, tmp_path):
    content = load_safely(trained)
    content["method"] = "gone-net"
    save_atomic(content, tmp_path / "gone.pt")
    with pytest.raises(UserError, match="'gone-net'.*--plugin"):
        load_method(tmp_path / "gone.pt")
