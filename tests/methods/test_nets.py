"""The field's networks as methods: that each learns, what it does with odd faces, and what it refuses."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parface_bench.data.batches.face_arrays import FaceArrays
from parface_bench.faces import get_schema
from parface_bench.methods.build import build_method
from parface_bench.methods.checkpoint import describe, load_method, save_atomic
from parface_bench.methods.recipe import compose
from parface_bench.plugins.codecs.gaussian import encode_gaussian
from parface_bench.plugins.methods.fan import StackedHourglass
from parface_bench.registry import UserError
from tests.methods.test_baselines import batch

NAMES = ("hrnet", "fan", "pipnet", "star")
SMALL = {
    "star": ["method.width=16", "method.depth=2"],
    "fan": ["method.width=16", "method.depth=2"],
    "pipnet": ["method.backbone_options={channels: [8, 8, 16, 16], layers: [1, 1, 1, 1], output_stride: 16}"],
    "hrnet": ["method.backbone=resnet18", "method.backbone_options={channels: [8, 8, 16, 16], layers: [1, 1, 1, 1]}"],
}


def small(name: str, *overrides: str, schema: str = "points5", dims: int = 2):
    torch.manual_seed(0)
    recipe = compose(name, "300w", "quick", ["image_size=64", *SMALL[name], *overrides])
    method = build_method(name, schema, recipe, dims)
    if name == "pipnet":
        shape = np.random.default_rng(0).uniform(8, 56, (1, len(get_schema(schema)), 2))
        method.fit(FaceArrays(shape.astype(np.float32), 64))
    return method


def total(losses):
    return sum(losses.values()) if isinstance(losses, dict) else losses


@pytest.mark.parametrize("name", NAMES)
def test_learns_a_batch_by_heart(name):
    """Sixty steps on six faces halve the error."""
    method, faces = small(name), batch()
    faces.codec = getattr(method, "codec", faces.codec)
    optimizer = torch.optim.Adam(method.parameters(), lr=5e-3)
    errors = []
    for step in range(61):
        if step in (0, 60):
            with torch.no_grad():
                method.eval()
                errors.append((method.predict_crops(faces.images) - faces.landmarks).norm(dim=-1).mean().item())
            method.train()
        optimizer.zero_grad()
        total(method.loss(faces)).backward()
        optimizer.step()
    assert errors[1] < errors[0] / 2


@pytest.mark.parametrize("name", NAMES)
def test_landmarks_that_are_not_annotated_teach_nothing(name):
    method, faces = small(name).eval(), batch()
    faces.codec = getattr(method, "codec", faces.codec)
    faces.landmarks[:, 2] = torch.nan
    loss = total(method.loss(faces))
    loss.backward()
    assert torch.isfinite(loss)
    assert all(torch.isfinite(p.grad).all() for p in method.parameters() if p.grad is not None)
    last = {"hrnet": "head.3", "fan": "network.l1", "pipnet": "cls_layer", "star": "network.out_heatmaps.0.conv"}[name]
    gradients = method.get_submodule(last).weight.grad.reshape(5, -1).abs().amax(1)
    assert (gradients > 0).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("name", NAMES)
def test_landmarks_outside_the_crop(name):
    """A finite loss, and finite places."""
    method, faces = small(name), batch()
    faces.codec = getattr(method, "codec", faces.codec)
    faces.landmarks[0, 1] = torch.tensor([-40.0, 90.0])
    loss = total(method.loss(faces))
    loss.backward()
    assert torch.isfinite(loss)
    assert torch.isfinite(method.eval().predict_crops(faces.images)).all()


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("schema", ["ibug68", "wflw98"])
def test_any_schema_and_three_dimensions(name, schema):
    found = small(name, schema=schema, dims=3).eval().predict_crops(torch.rand(2, 3, 64, 64))
    assert found.shape == (2, len(get_schema(schema)), 3)


@pytest.mark.parametrize("name", NAMES)
def test_a_checkpoint_of_the_quick_recipe_predicts_alike(name, tmp_path):
    """PIPNet's mean face and neighbours come with it; published weights that it started from are not read again."""
    recipe = compose(name, "300w", "quick", ["image_size=64"])
    method = build_method(name, "points5", recipe).eval()
    if name == "pipnet":
        method.fit(FaceArrays(np.random.default_rng(0).uniform(8, 56, (3, 5, 2)).astype(np.float32), 64))
    recipe["method"] |= {"weights": str(tmp_path / "gone.pth")} if name == "fan" else {}
    save_atomic(describe(method, name, recipe), tmp_path / "checkpoint.pt")
    loaded, _ = load_method(tmp_path / "checkpoint.pt")
    images = torch.rand(1, 3, 64, 64)
    with torch.no_grad():
        assert torch.equal(loaded.predict_crops(images), method.predict_crops(images))


@pytest.mark.parametrize("name", NAMES)
def test_full_recipe_builds_the_papers_network(name):
    parameters = {"hrnet": 9_654_398, "fan": 23_820_176, "pipnet": 11_978_844, "star": 13_368_708}
    with torch.device("meta"):
        method = build_method(name, "ibug68", compose(name, "", "full"), 2)
    assert sum(p.numel() for p in method.parameters()) == parameters[name]


@pytest.mark.parametrize("version", [1, 2])
def test_integral_learns_with_the_star_loss(version):
    options = [f"method.loss_options={{version: {version}, weight: 0.1}}", "method.regularisation=0"]
    backbone = "method.backbone_options={channels: [8, 8, 16, 16], layers: [1, 1, 1, 1]}"
    torch.manual_seed(0)
    recipe = compose("integral", "300w", "quick", ["image_size=64", "method.loss=star", backbone, *options])
    method, faces = build_method("integral", "points5", recipe), batch()
    faces.landmarks[0, 0] = torch.nan
    optimizer = torch.optim.Adam(method.parameters(), lr=5e-3)
    losses = []
    for _ in range(40):
        optimizer.zero_grad()
        losses.append(total(method.loss(faces)))
        losses[-1].backward()
        optimizer.step()
    assert torch.stack(losses).isfinite().all()
    assert losses[-1] < losses[0] / 2


def test_hrnet_decodes_what_it_encodes():
    method, faces = small("hrnet"), batch()
    maps = encode_gaussian(method.codec.to_heatmap(faces.landmarks, 64), 16, method.codec.sigma)
    torch.testing.assert_close(method.decode(maps), faces.landmarks, atol=0.1, rtol=0)


def test_backbones_without_the_wanted_stride():
    with pytest.raises(UserError, match=r"'vit_tiny_patch16_224'.* strides \[16, 16.*none of 4.*hrnet_w18"):
        small("hrnet", "method.backbone=vit_tiny_patch16_224", "method.backbone_options={}")
    with pytest.raises(
        UserError, match=r"no cells of 32 px on crops of 64: 'resnet18' has strides \[2, 4, 8, 16, 16\]"
    ):
        small("pipnet", "method.stride=32")
    with pytest.raises(UserError, match="image_size 100 must be a multiple of 16"):
        small("fan", "image_size=100")
    with pytest.raises(UserError, match="image_size 100 must be a multiple of 16"):
        small("star", "image_size=100")
    with pytest.raises(UserError, match="fusion 'cubic' does not exist"):
        small("hrnet", "method.fusion=cubic")


def test_pipnet_takes_the_mean_face_first():
    recipe = compose("pipnet", "300w", "quick", ["image_size=64", *SMALL["pipnet"]])
    method = build_method("pipnet", "points5", recipe)
    mean, main = method.stages(recipe)
    assert (mean.step, mean.loss, main.step) == ("closed-form", "fit", "gradient")
    with pytest.raises(UserError, match="no mean face yet"):
        method.loss(batch())
    faces = np.random.default_rng(0).uniform(0, 64, (9, 5, 2)).astype(np.float32)
    faces[2, 1] = np.nan
    method.fit(FaceArrays(faces, 64))
    mean_face = (np.nanmean(faces, axis=0) + 0.5) / 64
    np.testing.assert_allclose(method.state_dict()["mean_face"], mean_face, rtol=1e-5)
    gaps = np.linalg.norm(mean_face[:, None] - mean_face, axis=2)
    assert method.state_dict()["neighbours"].tolist() == gaps.argsort(axis=1)[:, 1:].tolist()
    faces[:, 3] = np.nan
    with pytest.raises(UserError, match=r"landmarks \[3\] are annotated in no training face"):
        method.fit(FaceArrays(faces, 64))


def test_pipnet_reads_what_it_is_taught():
    """Maps that meet the targets exactly give the landmarks back, also of a landmark outside the crop."""
    method = small("pipnet")
    face = torch.tensor([[[3.0, 4], [60, 5], [-9, 70], [20, 41], [33, 32]]])
    p = (face + 0.5) / 64
    cells = (p * method.grid).floor().clamp(0, method.grid - 1)
    score = torch.zeros(1, 5, method.grid, method.grid)
    for i, (x, y) in enumerate(cells[0].long().tolist()):
        score[0, i, y, x] = 1
    everywhere = torch.ones_like(score)
    own = p * method.grid - cells
    beside = (p[:, method.neighbours] * method.grid - cells[:, :, None]).flatten(1, 2)
    wide = torch.ones(1, beside.shape[1], method.grid, method.grid)
    maps = [score, *(everywhere * own[..., i, None, None] for i in (0, 1))]
    maps += [wide * beside[..., i, None, None] for i in (0, 1)]
    from parface_bench.plugins.methods.pipnet import Maps

    torch.testing.assert_close(method.decode(Maps(*maps)), face, atol=1e-3, rtol=0)
    assert sum(method.terms(Maps(*maps), p).values()).item() == pytest.approx(0, abs=1e-6)


def test_fan_starts_from_the_authors_file(tmp_path):
    network = StackedHourglass()
    path = tmp_path / "fan.pth"
    torch.save(network.state_dict(), path)
    schema = get_schema("ibug68")
    from parface_bench.plugins.methods.fan import FAN

    with pytest.raises(UserError, match="SHA-256 .* is not that of the published 2DFAN4"):
        FAN(schema, weights=str(path))
    method = FAN(schema, weights=str(path), check=False)
    assert torch.equal(method.network.m3.b3_4.conv1.weight, network.m3.b3_4.conv1.weight)
    assert method.trained_on == ("300w-lp", "300w:train")
    with pytest.raises(UserError, match="no weights of this network"):
        FAN(get_schema("wflw98"), weights=str(path), check=False)
