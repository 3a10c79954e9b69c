"""Snapshots of the original code: taken over number for number, or refused in a sentence that names what is wrong."""

from __future__ import annotations

import json
import pickle

import numpy as np
import pytest
import torch

from parface_bench import load_model
from parface_bench.methods.imported import import_foreign
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
        (lambda s: s.pop("LMH.lin.weight"), "LMH.lin.weight is missing; snapshots of the self-supervised"),
        (lambda s: s.update({"Q.extra": torch.zeros(1)}), "Q.extra is not known"),
        (lambda s: s.update({"P.fc.bias": torch.zeros(3)}), r"P.fc.bias is \[3\], expected \[512\]"),
        (lambda s: s.update({"LMH.lin.weight": torch.zeros(64, 21, 4, 4)}), "21 landmarks.*"),
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
