"""What goes wrong in a training is said in one sentence that helps, and costs nothing that was there."""

from __future__ import annotations

import pickle
import re

import pytest
import torch

from parface_bench.registry import UserError, WorkError
from parface_bench.training.checkpoint import load_method, load_safely, save_atomic


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


def test_no_landmarks_to_learn_from(run, dots_root, monkeypatch):
    monkeypatch.setenv("PFBENCH_DATA_DOTS_BARE", str(dots_root))
    with pytest.raises(UserError, match="stage 'train' learns from landmarks, but dots-bare has none"):
        run("dot-net", "train.data=[dots-bare]")


def test_training_data_that_are_not_configured_are_left_out_and_noted(run):
    document = run("dot-net", "train.data=[target, dots-bare]", "train.epochs=1").document
    assert document["trained_on"] == ["dots:train"]
    assert any("dots-bare" in note for note in document["notes"])


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
