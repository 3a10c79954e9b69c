"""2D methods on 3D data: the shared depth head is trained after them, and the depth is scored."""

from __future__ import annotations

import numpy as np
import pandas as pd

from parface_bench.data.source import load_index
from parface_bench.methods.checkpoint import load_safely
from tests.training.conftest import PLUGIN

SETS = ("train.epochs=20", "train.validate_every=20", "depth.epochs=20", "depth.batch_size=8", "depth.lr=3e-3")


def test_a_2d_method_gets_a_depth_that_beats_a_flat_face(run, dots_root):
    result = run("dot-net", *SETS, dataset="dots-3d")
    state = load_safely(result.folder / "checkpoint.pt")
    assert state["dims"] == 3
    assert any(key.startswith("depth_head.") for key in state["state_dict"])
    assert sorted(p.name for p in (result.folder / "stages").glob("*.pt")) == ["1-train.pt", "2-depth.pt"]
    # the depth head's stage leaves the method as it was
    before = load_safely(result.folder / "stages" / "1-train.pt")["state_dict"]
    assert all((state["state_dict"][key] == before[key]).all() for key in before if not key.startswith("depth_head."))
    found = pd.read_parquet(result.folder / "predictions.parquet").drop(columns="id").to_numpy().reshape(-1, 5, 3)
    truth = np.stack(list(load_index("dots-3d", "test", dots_root)["landmarks"]))
    error = found[..., 2] - found[..., 2].mean(axis=1, keepdims=True)
    true = truth[..., 2] - truth[..., 2].mean(axis=1, keepdims=True)
    assert np.abs(error - true).mean() < 0.5 * np.abs(true).mean()
    assert result.document["subsets"]["full"]["GTE"]["value"] > 0


def test_a_2d_protocol_on_3d_data_needs_no_depth(run, dots_root):
    flat = str(PLUGIN.with_name("dots-protocol.yaml"))
    result = run("dot-net", "train.epochs=1", dataset="dots-3d", protocol=flat)
    assert load_safely(result.folder / "checkpoint.pt")["dims"] == 2
    assert not (result.folder / "stages" / "2-depth.pt").exists()
