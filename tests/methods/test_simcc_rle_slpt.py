"""SimCC, RLE and the sparse patches: heads and counts against their authors', and that each can learn."""

from __future__ import annotations

from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
import torch

from parface_bench.data.batches.face_arrays import FaceArrays
from parface_bench.faces import get_schema
from parface_bench.methods.build import build_method
from parface_bench.methods.recipe import compose
from parface_bench.plugins.methods.rle import RLE, OriginalHead
from parface_bench.plugins.methods.simcc import SimCCHead
from parface_bench.plugins.methods.slpt.method import SparsePatches
from parface_bench.registry import UserError
from tests.methods.golden_methods import Golden, close, fill, wave
from tests.methods.test_baselines import batch

NAMES = ("simcc", "rle", "slpt")
SMALL = ["image_size=64", "method.backbone_options={channels: [8, 8, 16, 16], layers: [1, 1, 1, 1]}"]


def small(name: str, *overrides: str, dims: int = 2, schema: str = "points5"):
    torch.manual_seed(0)
    method = build_method(name, schema, compose(name, "300w", "quick", [*SMALL, *overrides]), dims)
    if name == "slpt":
        method.fit(FaceArrays(np.full((1, len(get_schema(schema)), 2), 31.5), 64))
    return method


@pytest.mark.parametrize(("landmarks", "parameters"), [(68, 3264326), (98, 4393316)])
def test_simcc_head(golden: Path, landmarks, parameters):
    numbers = Golden(golden, "simcc")
    head = SimCCHead(768, 8, landmarks, 512)
    assert sum(p.numel() for p in head.parameters()) == parameters == numbers.facts[f"head_parameters_{landmarks}"]
    found = fill(head).double()(wave((1, 768, 8, 8), 0.6).double())[0].float()
    close(found[::4, 0, ::4], numbers[f"head{landmarks}_x"])
    close(found[::4, 1, ::4], numbers[f"head{landmarks}_y"])


def test_full_recipe_of_simcc_has_rtmpose_s_head():
    method = build_method("simcc", "ibug68", compose("simcc", "300w", "full", []))
    assert sum(p.numel() for p in method.head.parameters()) == 3264326


@pytest.mark.parametrize(("schema", "parameters"), [("ibug68", 24119144), ("wflw98", 24365024)])
def test_rle_parameters(schema, parameters):
    assert sum(p.numel() for p in RLE(get_schema(schema)).parameters()) == parameters


def test_rle_heads_and_codecs(golden: Path):
    numbers = Golden(golden, "rle")
    head = OriginalHead(2048, 68)
    fill(head, rename=lambda name: name.replace(".", ".linear.", 1))
    found = head(wave((2, 2048), 0.9))
    close(found[..., :2].flatten(1), numbers["fc_coord_out"])
    close(found[..., 2:].flatten(1), numbers["fc_sigma_out"])
    method = small("rle", "method.form=mmpose")
    method.image_size = 256
    sure = numbers["codec_decode_in"]
    raw = torch.cat([sure[..., :2], sure[..., 2:].logit()], dim=-1)
    close(method.decode(raw), numbers["codec_decoded"].float())
    close(method.confidences(raw), numbers["codec_scores"])
    places = numbers["codec_keypoints"]
    counts = ((places >= 0) & (places <= 255)).all(dim=-1) * numbers["codec_visible"]
    close(counts, numbers["codec_weights"])
    close((places / 256).float(), numbers["codec_labels"])
    method = small("rle")
    method.image_size = 256
    x1, y1, x2, y2 = numbers["original_decode_box"]
    mean = torch.cat([0.5 * wave((3, 68, 2), 0.7), -2 + 1.5 * wave((3, 68, 2), 2.3)], dim=-1)[:1, :6]
    share = method.decode(mean).double() / 256
    close(share * torch.stack([x2 - x1, y2 - y1]) + torch.stack([x1, y1]), numbers["original_decoded"])
    close(method.confidences(mean)[..., None].double(), numbers["original_scores"])


@pytest.mark.parametrize("name", [*NAMES, "rle-mmpose"])
def test_learns_a_batch_by_heart(name):
    # squares anywhere on the crop lie farther from their mean than landmarks do: larger patches
    larger = ["method.scale=0.3", "method.layers=1", "method.grid=3"]
    own = {"rle-mmpose": ["method.form=mmpose"], "slpt": larger}.get(name, [])
    method, faces = small(name.removesuffix("-mmpose"), *own), batch()
    optimizer = torch.optim.Adam(method.parameters(), lr=5e-3)
    errors = []
    for step in range(71):
        if step in (0, 70):
            with torch.no_grad():
                method.eval()
                errors.append((method.predict_crops(faces.images) - faces.landmarks).norm(dim=-1).mean().item())
                sure = method.confidences(method(faces.images))
            method.train()
            assert sure.shape == (6, 5)
            assert ((sure >= 0) & (sure <= 1)).all()
        losses = method.loss(faces)
        total = sum(losses.values()) if isinstance(losses, dict) else losses
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("name", NAMES)
def test_landmarks_that_are_not_annotated_teach_nothing(name):
    method, faces = small(name).eval(), batch()
    changed = batch()
    for face in (faces, changed):
        face.landmarks[:, 2] = torch.nan  # in no face
        face.landmarks[0, 1] = torch.nan  # in some
    losses = method.loss(faces)
    total = sum(losses.values()) if isinstance(losses, dict) else losses
    total.backward()
    assert torch.isfinite(total)
    assert all(torch.isfinite(p.grad).all() for p in method.parameters() if p.grad is not None)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("schema", ["ibug68", "wflw98"])
def test_any_schema_and_three_dimensions(name, schema):
    method = small(name, dims=3, schema=schema).eval()
    found = method.predict_crops(torch.rand(2, 3, 64, 64))
    assert found.shape == (2, len(get_schema(schema)), 3)
    assert torch.isfinite(found).all()


@pytest.mark.parametrize("name", NAMES)
def test_full_recipe_builds(name):
    recipe = compose(name, "300w", "full", ["image_size=64", "method.backbone=resnet18"])
    method = build_method(name, "points5", recipe).eval()
    assert method.predict_crops(torch.rand(1, 3, 64, 64)).shape == (1, 5, 2)
    assert [stage.name for stage in method.stages(recipe)] == (["mean-face"] if name == "slpt" else []) + ["train"]


def test_a_stride_that_the_backbone_has_not():
    with pytest.raises(UserError, match="no feature map of stride 7 in crops of 64 pixels; this backbone has"):
        small("simcc", "method.stride=7")


def test_slpt_wants_its_mean_face():
    method = small("slpt")
    method.mean_face.fill_(torch.nan)
    with pytest.raises(UserError, match="mean face has not been computed"):
        method.loss(batch())
    assert torch.isfinite(method.predict_crops(batch().images)).all()


def test_slpt_cuts_its_patches_where_it_says():
    """On maps that hold their own coordinates, a patch's values are its places."""
    method = small("slpt")
    side, width = 16, 2
    x = (torch.arange(side) + 0.5) / side
    maps = torch.stack(torch.meshgrid(x, x, indexing="xy"))[None]
    corner, half = torch.tensor([[[0.25, 0.5], [0.1, 0.3]]]), torch.tensor([[[0.2], [0.4]]])
    found = method.cut(maps, corner, half)
    assert found.shape == (1, 2, width, method.grid, method.grid)
    for patch, start, length in zip(found[0], corner[0], half[0], strict=True):
        along = torch.linspace(0, 1, method.grid) * length
        torch.testing.assert_close(patch[0], (start[0] + along).expand(method.grid, -1))
        torch.testing.assert_close(patch[1], (start[1] + along)[:, None].expand(-1, method.grid))


def test_slpt_patches_shrink_with_sigma_and_stay_on_the_crop():
    method = SparsePatches(get_schema("points5"), width=16, heads=2, layers=1, hidden=16, grid=3)
    method.image_size = 64
    method.mean_face.copy_(torch.tensor([[0.0, 0.0], [1.0, 1.0], [0.5, 0.5], [0.2, 0.9], [0.9, 0.1]]))
    steps = method.eval()(torch.rand(2, 3, 64, 64))
    for step in steps:
        assert ((step["corner"] >= 0) & (step["corner"] + step["side"] <= 1 + 1e-6)).all()
    for before, after in pairwise(steps):
        ratio = after["side"] / before["side"]
        assert ((ratio > 0.499) & (ratio < 0.701)).all()
