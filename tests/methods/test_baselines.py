"""The trained baselines: what each computes, against closed forms, and that each can learn."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parface_bench.data.batches.batch import Batch
from parface_bench.data.batches.face_arrays import FaceArrays
from parface_bench.faces import get_schema
from parface_bench.methods.build import arguments, build_method
from parface_bench.methods.heads import CoordinateHead, DepthHead, HeatmapHead, PyramidHead, known, subpixel_argmax
from parface_bench.methods.recipe import compose
from parface_bench.plugins.codecs.gaussian import encode_gaussian

SMALL = ["image_size=64", "method.backbone_options={channels: [8, 8, 16, 16], layers: [1, 1, 1, 1]}"]


def small(name: str, *overrides: str, dims: int = 2):
    torch.manual_seed(0)
    recipe = compose(name, "300w", "quick", [*(SMALL if name != "mean-shape" else SMALL[:1]), *overrides])
    return build_method(name, "points5", recipe, dims)


def batch(n: int = 6, size: int = 64) -> Batch:
    """Bright squares at the landmarks: something that can be learned."""
    generator = torch.Generator().manual_seed(1)
    points = torch.rand((n, 5, 2), generator=generator) * size * 0.6 + size * 0.2
    images = torch.rand((n, 3, size, size), generator=generator) * 0.2
    for face, marks in zip(images, points, strict=True):
        for i, (x, y) in enumerate(marks.round().long().tolist()):
            face[i % 3, y - 2 : y + 3, x - 2 : x + 3] = 0.5 + i / 10
    empty = torch.zeros(n, 2, 3, dtype=torch.float64)
    return Batch(
        images=images, landmarks=points, depth=None, visible=None, matrices=empty, ids=[str(i) for i in range(n)]
    )


def test_mean_shape_is_the_mean_of_the_training_landmarks():
    method = small("mean-shape", dims=3)
    rng = np.random.default_rng(0)
    faces = rng.uniform(0, 64, (9, 5, 3))
    faces[2, 1] = np.nan  # not annotated: does not count
    method.fit(FaceArrays(faces, 64))
    found = method.predict_crops(torch.zeros(2, 3, 64, 64))
    np.testing.assert_allclose(found[0], np.nanmean(faces, axis=0), atol=1e-4)
    assert torch.equal(found[0], found[1])
    method.dims = 2
    assert method.predict_crops(torch.zeros(1, 3, 64, 64)).shape == (1, 5, 2)


def test_integral_expectation_and_spread_of_gaussians():
    """The mean place of a Gaussian is its centre, its spread is sigma."""
    method = small("integral")
    centres = torch.tensor([[[7.3, 8.6], [5.0, 9.9], [8.5, 7.5], [6.2, 6.7], [9.1, 8.0]]])
    maps = encode_gaussian(centres, 16, 1.0)
    mean, variance = method.expectation(maps / maps.sum(dim=(2, 3), keepdim=True))
    torch.testing.assert_close(mean, centres, atol=2e-3, rtol=0)
    torch.testing.assert_close(variance, torch.ones_like(variance), atol=2e-2, rtol=0)
    # the centre of heatmap pixel 0 lies in the middle of crop pixels 0..3
    torch.testing.assert_close(method.to_crop(torch.zeros(2)), torch.full((2,), 1.5))


def test_heatmap_decodes_what_it_encodes():
    method = small("heatmap")
    faces = batch()
    faces.codec = method.codec
    torch.testing.assert_close(method.decode(faces.heatmaps), faces.landmarks, atol=0.1, rtol=0)


@pytest.mark.parametrize("name", ["regression", "heatmap", "integral"])
def test_learns_a_batch_by_heart(name):
    """Eighty steps on six faces halve the error of the untrained method."""
    method, faces = small(name, *(["method.dropout=0.0"] if name == "regression" else [])), batch()
    faces.codec = getattr(method, "codec", faces.codec)
    optimizer = torch.optim.Adam(method.parameters(), lr=5e-3)
    errors = []
    for step in range(81):
        if step in (0, 80):
            with torch.no_grad():
                method.eval()
                errors.append((method.predict_crops(faces.images) - faces.landmarks).norm(dim=-1).mean().item())
            method.train()
        losses = method.loss(faces)
        total = sum(losses.values()) if isinstance(losses, dict) else losses
        optimizer.zero_grad()
        total.backward()
        optimizer.step()
    assert errors[1] < 0.5 * errors[0]


@pytest.mark.parametrize("name", ["regression", "heatmap", "integral"])
def test_landmarks_that_are_not_annotated_teach_nothing(name):
    method, faces = small(name).eval(), batch()
    faces.codec = getattr(method, "codec", faces.codec)
    faces.landmarks[:, 2] = torch.nan  # in no face
    faces.landmarks[0, 1] = torch.nan  # in some
    losses = method.loss(faces)
    total = sum(losses.values()) if isinstance(losses, dict) else losses
    total.backward()
    assert torch.isfinite(total)
    assert all(torch.isfinite(p.grad).all() for p in method.parameters() if p.grad is not None)
    weight = method.head.linear.weight if name == "regression" else method.head.final.weight
    of_landmark = weight.grad.reshape(5, -1).abs().amax(1)
    assert (of_landmark > 0).tolist() == [True, True, False, True, True]


@pytest.mark.parametrize("name", ["regression", "heatmap", "integral"])
@pytest.mark.parametrize("schema", ["ibug68", "wflw98"])
def test_any_schema_and_three_dimensions(name, schema):
    recipe = compose(name, "300w", "quick", SMALL)
    method = build_method(name, schema, recipe, dims=3).eval()
    found = method.predict_crops(torch.rand(2, 3, 64, 64))
    assert found.shape == (2, len(get_schema(schema)), 3)
    # the shared depth head gives depth without a mean
    torch.testing.assert_close(found[..., 2].mean(dim=1), torch.zeros(2), atol=1e-3, rtol=0)
    assert [s for s in arguments(name) if s == "backbone"]


def test_depth_head_lifts_a_rotated_rigid_shape():
    """Depth of a known rigid shape under yaw is a function of its projection; the head finds it."""
    torch.manual_seed(0)
    shape = torch.randn(12, 3)
    yaw = torch.rand(400) * 1.6 - 0.8
    x = shape[:, 0] * yaw.cos()[:, None] + shape[:, 2] * yaw.sin()[:, None]
    z = -shape[:, 0] * yaw.sin()[:, None] + shape[:, 2] * yaw.cos()[:, None]
    points = torch.stack([x, shape[:, 1].expand_as(x)], dim=-1) * 20 + 32
    depth = z * 20 + 100  # the mean does not count
    head = DepthHead(12, width=64, dropout=0.0)
    optimizer = torch.optim.Adam(head.parameters(), lr=3e-3)
    for _ in range(200):
        loss = head.loss(points[:300], depth[:300])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    with torch.no_grad():
        found = head(points[300:])
    truth = depth[300:] - depth[300:].mean(dim=1, keepdim=True)
    assert (found - truth).abs().mean() < 0.1 * truth.abs().mean()


def test_depth_head_does_not_see_place_or_size():
    head = DepthHead(5).eval()
    points = torch.rand(3, 5, 2) * 64
    with torch.no_grad():
        torch.testing.assert_close(head(points * 3 + 17), head(points) * 3, rtol=1e-3, atol=1e-3)


def test_heads_shapes():
    features = [torch.rand(2, c, s, s) for c, s in ((8, 32), (16, 16), (32, 8))]
    assert HeatmapHead(32, 5, width=8)(features[-1]).shape == (2, 5, 64, 64)
    assert CoordinateHead(32, 5)(features[-1]).shape == (2, 5, 2)
    assert PyramidHead([8, 16, 32], [2, 4, 8], 5, width=8)(features).shape == (2, 5, 16, 16)
    with pytest.raises(Exception, match=r"no feature map of stride 16; this backbone has \[2, 4, 8\]"):
        PyramidHead([8, 16, 32], [2, 4, 8], 5, stride=16)


def test_subpixel_argmax_is_in_crop_pixels():
    points = torch.tensor([[[20.3, 40.8], [33.0, 17.5]]])
    maps = encode_gaussian((points + 0.5) / 4 - 0.5, 16, 2.0)
    torch.testing.assert_close(subpixel_argmax(maps), points, atol=0.05, rtol=0)


def test_known_leaves_out_what_is_not_annotated():
    faces = batch(2)
    faces.landmarks[1, 3] = torch.nan
    predicted, target = known(torch.ones(2, 5, 2), faces)
    assert torch.equal(predicted[1, 3], target[1, 3])
    assert torch.equal(target[0], faces.landmarks[0])
