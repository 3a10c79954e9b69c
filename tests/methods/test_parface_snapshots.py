"""Snapshots of the original code: taken over number for number, or refused in a sentence that names what is wrong."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

from parface_bench import load_model
from parface_bench.methods.checkpoint import load_safely
from parface_bench.methods.imported import export_foreign, import_foreign
from parface_bench.plugins.methods.parface.network import ParFaceNetwork
from parface_bench.registry import UserError
from tests.methods.parface_weights import recreated, waves


def state_of(landmarks=68, size=128, depth=True):
    """Recreated weights under the original's names."""
    with torch.device("meta"):
        shapes = {n: tuple(t.shape) for n, t in ParFaceNetwork(landmarks, size, depth=depth).state_dict().items()}
    return {
        n: torch.tensor(recreated(n, s)).to(torch.float32 if "num_b" not in n else torch.int64)
        for n, s in shapes.items()
    }


def write(folder, state, meta=True):
    folder.mkdir(exist_ok=True)
    torch.save({"arch": "Fabrec", "z_dim": 99, "input_size": 128, "state_dict": state}, folder / "saae.mdl")
    if meta:
        (folder / "meta.json").write_text(json.dumps({"epoch": 650, "total_iter": 1000, "best_score": 3.7}))
    return folder


@pytest.fixture(scope="module")
def state():
    return state_of()


def test_parface_at_256_px_gives_the_originals_numbers(golden, tmp_path):
    arrays = np.load(golden / "model.npz")
    done = import_foreign(write(tmp_path / "s", state_of(size=256)), tmp_path / "parface.pt")
    assert (done["method"], done["schema"], done["dims"], done["image_size"]) == ("parface", "ibug68", 3, 256)
    model = load_model(tmp_path / "parface.pt", device="cpu")
    with torch.no_grad():
        out = model.network(waves(2), reconstruct=True)
        points = model.decode(out).numpy()
    np.testing.assert_allclose(out.z, arrays["tame256_z"], atol=1e-5)
    np.testing.assert_allclose(out.reconstruction[:, :, ::16, ::16], arrays["tame256_recon_strided"], atol=1e-5)
    np.testing.assert_allclose(out.depth, arrays["tame256_depth"], atol=1e-5)
    np.testing.assert_array_equal(points[..., :2], arrays["tame256_lms2d_smoothed"])


def test_3fabrec_has_no_depth_head(state, tmp_path):
    plain = {n: t for n, t in state.items() if not n.startswith("LMH_3D.")}
    done = import_foreign(write(tmp_path / "s", plain, meta=False) / "saae.mdl", tmp_path / "out.pt")
    assert (done["method"], done["dims"], done["image_size"]) == ("3fabrec", 2, 128)
    assert load_model(tmp_path / "out.pt", device="cpu").network.LMH_3D is None


def test_98_landmarks_leave_out_the_depth_head_that_cannot_run(state, tmp_path):
    state = {**state, "LMH.lin.weight": torch.zeros(64, 98, 4, 4)}
    done = import_foreign(write(tmp_path / "s", state), tmp_path / "out.pt")
    assert (done["method"], done["schema"], done["dims"]) == ("parface", "wflw98", 2)
    assert "68 landmarks only" in done["notes"][0]
    assert load_model(tmp_path / "out.pt", device="cpu").network.LMH_3D is None


@pytest.mark.parametrize(
    "change, words",
    [
        (lambda s: s.pop("P.lin.weight"), "P.lin.weight is missing"),
        (lambda s: s.pop("LMH.lin.weight"), "LMH.lin.weight is missing"),
        (lambda s: s.update({"Q.extra": torch.zeros(1)}), "Q.extra is not known"),
        (lambda s: s.update({"P.fc.bias": torch.zeros(3)}), r"P.fc.bias is \[3\], expected \[512\]"),
        (lambda s: s.update({"LMH.lin.weight": torch.zeros(64, 23, 4, 4)}), "23 landmarks.*"),
    ],
    ids=["missing", "no head", "extra", "misshapen", "landmarks"],
)
def test_tensors_that_do_not_fit_are_named(state, tmp_path, change, words):
    state = dict(state)
    change(state)
    with pytest.raises(UserError, match=words):
        import_foreign(write(tmp_path / "s", state), tmp_path / "out.pt")
    assert not (tmp_path / "out.pt").exists()


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    class Bomb:
        def __reduce__(self):
            return (open, (str(tmp_path / "ran"), "w"))

    (tmp_path / "saae.mdl").write_bytes(pickle.dumps({"state_dict": Bomb()}))
    with pytest.raises(UserError, match="saae.mdl"):
        import_foreign(tmp_path, tmp_path / "out.pt")
    torch.save({"state_dict": Bomb()}, tmp_path / "saae.mdl")
    with pytest.raises(UserError, match="refused"):
        import_foreign(tmp_path, tmp_path / "out.pt")
    assert not (tmp_path / "ran").exists()


def test_files_that_are_no_snapshots(tmp_path):
    with pytest.raises(UserError, match="no such file"):
        import_foreign(tmp_path, tmp_path / "out.pt")
    (tmp_path / "saae.mdl").write_bytes(b"PK\x03\x04 cut off")
    with pytest.raises(UserError, match="saae.mdl"):
        import_foreign(tmp_path, tmp_path / "out.pt")
    torch.save({"state_dict": {"a": torch.zeros(1)}}, tmp_path / "saae.mdl")
    with pytest.raises(UserError, match="no method here knows"):
        import_foreign(tmp_path, tmp_path / "out.pt")
    (tmp_path / "there.pt").write_text("mine")
    with pytest.raises(UserError, match="exists already"):
        import_foreign(tmp_path, tmp_path / "there.pt")
    (tmp_path / "meta.json").write_text("{")
    with pytest.raises(UserError, match="meta.json"):
        import_foreign(tmp_path, tmp_path / "out.pt")


def test_a_self_supervised_snapshot_gets_fresh_heads(state, tmp_path):
    blind = {n: t for n, t in state.items() if not n.startswith("LMH")}
    done = import_foreign(write(tmp_path / "s", blind), tmp_path / "out.pt")
    assert (done["method"], done["schema"]) == ("parface", "ibug68")
    assert any("heads are fresh" in note for note in done["notes"])
    content = load_safely(tmp_path / "out.pt")
    assert content["stages_left"] == ["4 head", "8 depth"]
    assert content["trained_parts"] == ["network.Q", "network.P", "network.D", "network.D_z"]
    for name, tensor in blind.items():
        assert torch.equal(content["state_dict"][f"network.{name}"], tensor), name
    other = import_foreign(tmp_path / "s", tmp_path / "wflw.pt", "wflw98")
    assert (other["schema"], other["dims"]) == ("wflw98", 3)
    with pytest.raises(UserError, match="Q.fc.bias is missing"):
        import_foreign(write(tmp_path / "t", {n: t for n, t in blind.items() if n != "Q.fc.bias"}), tmp_path / "o.pt")


def test_a_run_may_start_from_a_snapshots_folder(state, tmp_path):
    """As the original's `-r snapshots/00150`: the weights of the self-supervised stages, heads of the data at hand."""
    from parface_bench.methods.build import build_method
    from parface_bench.methods.recipe import compose
    from parface_bench.runs.pipeline import starting_weights
    from parface_bench.runs.trained import start_of

    blind = {n: t for n, t in state.items() if not n.startswith("LMH")}
    file, content = start_of(write(tmp_path / "00150", blind), "wflw98")
    assert file == tmp_path / "00150" / "saae.mdl"
    method = build_method("parface", "wflw98", compose("parface", "wflw", "full", ["image_size=128"]), 2)
    own = {name: tensor.clone() for name, tensor in method.state_dict().items()}
    weights = starting_weights(method, content)
    assert torch.equal(weights["network.Q.conv1.weight"], state["Q.conv1.weight"])
    assert torch.equal(weights["network.LMH.lin.weight"], own["network.LMH.lin.weight"])
    assert weights.keys() == own.keys()
    with pytest.raises(UserError, match="no such file"):
        start_of(tmp_path, "wflw98")


def test_export_and_import_give_the_same_bytes(golden, state, tmp_path):
    import_foreign(write(tmp_path / "s", state_of(size=256)), tmp_path / "one.pt")
    done = export_foreign(tmp_path / "one.pt", tmp_path / "back", "parface")
    there, back = (torch.load(tmp_path / f / "saae.mdl", weights_only=True) for f in ("s", "back"))
    shapes = json.loads((golden / "keys.json").read_text())["Fabrec_68_256_99"]
    assert {name: list(tensor.shape) for name, tensor in back["state_dict"].items()} == shapes
    for name, tensor in there["state_dict"].items():
        assert back["state_dict"][name].dtype == tensor.dtype
        assert back["state_dict"][name].numpy().tobytes() == tensor.numpy().tobytes(), name
    assert (back["arch"], back["z_dim"], back["input_size"]) == ("Fabrec", 99, 256)
    assert json.loads((tmp_path / "back" / "meta.json").read_text())["epoch"] == 650
    assert done["tensors"] == len(there["state_dict"])
    import_foreign(tmp_path / "back", tmp_path / "two.pt")
    one, two = (load_safely(tmp_path / f"{n}.pt")["state_dict"] for n in ("one", "two"))
    assert all(torch.equal(one[name], two[name]) for name in one)
    export_foreign(tmp_path / "one.pt", tmp_path / "back", "parface")  # over its own
    (tmp_path / "back" / "meta.json").write_text("{}")
    with pytest.raises(UserError, match=r"meta\.json: exists already and was not made by pfbench"):
        export_foreign(tmp_path / "one.pt", tmp_path / "back", "parface")


def test_what_the_original_cannot_read_is_not_exported(state, tmp_path):
    from parface_bench.methods.build import build_method
    from parface_bench.methods.checkpoint import describe, save_atomic
    from parface_bench.methods.recipe import compose

    import_foreign(write(tmp_path / "s", state), tmp_path / "one.pt")
    with pytest.raises(UserError, match="did you mean|does not exist"):
        export_foreign(tmp_path / "one.pt", tmp_path / "x", "onnx")
    recipe = compose("parface", "palsy-twin", "quick")
    save_atomic(describe(build_method("parface", "ibug68", recipe, 3), "parface", recipe), tmp_path / "narrow.pt")
    with pytest.raises(UserError, match=r"width 1, .* this one has width 0.5"):
        export_foreign(tmp_path / "narrow.pt", tmp_path / "x", "parface")
    recipe = compose("integral", "300w", "quick")
    save_atomic(describe(build_method("integral", "ibug68", recipe), "integral", recipe), tmp_path / "integral.pt")
    with pytest.raises(UserError, match="'integral' has no such form"):
        export_foreign(tmp_path / "integral.pt", tmp_path / "x", "parface")


def test_an_imported_snapshot_is_recorded_as_imported_and_not_as_our_training(state, tmp_path):
    """Nobody knows how it was trained: its recipe says how it predicts, and what cannot act is refused."""
    from parface_bench.runs.trained import Trained

    import_foreign(write(tmp_path / "s", state), tmp_path / "one.pt")
    trained = Trained(tmp_path / "one.pt")
    recipe = trained.recipe("palsy-twin", ["crop.mode=bb_ground_truth"])
    assert trained.profile == "imported" and trained.facts()["imported"]["epoch"] == 650
    assert not {"train", "stages", "validation", "depth"} & set(recipe)
    crop = trained.crop(recipe, "lm_ground_truth")
    assert (crop.mode, crop.geometry, crop.size) == ("bb_ground_truth", "parface", 128)
    assert (
        trained.crop(trained.recipe("wflw", []), "given").mode == "given"
    )  # the protocol's, in the original's geometry
    with pytest.raises(UserError, match="--set method.width=0.9: method.width was decided when .*one.pt was trained"):
        trained.recipe("palsy-twin", ["method.width=0.9"])
