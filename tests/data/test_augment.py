"""Augmentation: the truth follows the pixels, each face has its own parameters, a seed fixes all."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
import torch

from parface_bench.data.batches.augment import Augmenter, affine_matrix, warp_batch
from parface_bench.data.batches.augmentation import LEVELS, Augmentation
from parface_bench.data.batches.batch import Batch
from parface_bench.data.batches.photometric import colour, gaussian_blur
from parface_bench.faces import get_schema
from parface_bench.registry import UserError


@pytest.fixture(autouse=True)
def _single_thread():
    torch.set_num_threads(1)


def blobs(faces: int = 6, size: int = 96, margin: int = 20, count: int = 5) -> Batch:
    """Faces of five bright spots, one for each landmark, each of its own height."""
    torch.manual_seed(0)
    full = size + 2 * margin
    centre = torch.tensor([[0.35, 0.35], [0.65, 0.36], [0.5, 0.52], [0.38, 0.68], [0.62, 0.7]])[:count]
    landmarks = margin + size * (centre + torch.rand(faces, count, 2) * 0.04)
    place = torch.arange(full, dtype=torch.float32)
    spots = torch.exp(-((place - landmarks[..., None]) ** 2) / (2 * 2.0**2))
    heights = torch.tensor([0.2, 0.35, 0.5, 0.65, 0.8])[:count]
    images = (spots[:, :, 1, :, None] * spots[:, :, 0, None, :] * heights[:, None, None]).sum(dim=1)
    return Batch(
        images=images[:, None].repeat(1, 3, 1, 1),
        landmarks=landmarks,
        depth=torch.arange(count, dtype=torch.float32).repeat(faces, 1) * 10,
        visible=torch.tensor([[True, True, False, True, True]])[:, :count].repeat(faces, 1),
        matrices=torch.eye(2, 3, dtype=torch.float64).repeat(faces, 1, 1),
        ids=[str(i) for i in range(faces)],
        margin=margin,
    )


def spot(image: torch.Tensor, near: torch.Tensor) -> tuple[np.ndarray, float]:
    """Centre and height of the spot about a place."""
    x, y = (int(v) for v in near.round())
    part = image[0, y - 5 : y + 6, x - 5 : x + 6].numpy().astype(float)
    v, u = np.mgrid[y - 5 : y + 6, x - 5 : x + 6]
    return np.array([(part * u).sum(), (part * v).sum()]) / part.sum(), float(part.max())


def test_geometry_follows_the_pixels():
    batch = blobs()
    config = replace(Augmentation.none(), flip=0.5, rotation=40, translation=0.05, scale=(0.9, 1.2), shear=3)
    out = Augmenter(config, "points5")(batch, torch.Generator().manual_seed(4))
    assert out.images.shape == (6, 3, 96, 96) and out.margin == 0
    flip = torch.tensor(get_schema("points5").flip)
    heights = torch.tensor([0.2, 0.35, 0.5, 0.65, 0.8])
    linear = out.matrices[:, :, :2]
    turned = torch.linalg.det(linear) < 0
    assert turned.any() and not turned.all()
    for i in range(6):
        order = flip if turned[i] else torch.arange(5)
        for k in range(5):
            centre, height = spot(out.images[i], out.landmarks[i, k])
            np.testing.assert_allclose(centre, out.landmarks[i, k], atol=0.15)
            assert height == pytest.approx(heights[order[k]].item(), rel=0.1)
        # matrices, depth and visibility tell the same story
        moved = batch.landmarks[i].double() @ linear[i].T + out.matrices[i, :, 2]
        np.testing.assert_allclose(moved[order], out.landmarks[i], atol=1e-3)
        scale = linear[i].det().abs().sqrt()
        np.testing.assert_allclose(batch.depth[i][order] * scale, out.depth[i], rtol=1e-5)
        assert torch.equal(batch.visible[i][order], out.visible[i])


def test_each_face_its_own_and_a_seed_fixes_all():
    batch = blobs()
    augment = Augmenter({}, "points5")
    one, two = (augment(batch, torch.Generator().manual_seed(7)) for _ in range(2))
    other = augment(batch, torch.Generator().manual_seed(8))
    assert torch.equal(one.images, two.images) and torch.equal(one.landmarks, two.landmarks)
    assert not torch.equal(one.landmarks, other.landmarks)
    linear = one.matrices[:, :, :2].flatten(1)
    assert torch.unique(linear, dim=0).shape[0] == len(batch)
    torch.manual_seed(3)
    three = augment(batch)
    torch.manual_seed(3)
    assert torch.equal(three.images, augment(batch).images)


def test_nothing_changes_nothing():
    batch = blobs()
    before = batch.images.clone()
    out = Augmenter({"none": True}, "points5")(batch)
    plain = batch.without_margin()
    assert torch.allclose(out.images, plain.images, atol=1e-6)
    assert torch.allclose(out.landmarks, plain.landmarks) and torch.allclose(out.matrices, plain.matrices)
    Augmenter({}, "points5")(batch)
    assert torch.equal(batch.images, before)


def test_mirroring_twice_is_the_identity():
    batch = blobs().without_margin()
    flip = Augmenter({"none": True, "flip": 1.0}, "points5")
    once, twice = flip(batch), flip(flip(batch))
    assert torch.allclose(once.images, batch.images.flip(-1), atol=1e-6)
    assert torch.allclose(twice.images, batch.images, atol=1e-6)
    assert torch.allclose(twice.landmarks, batch.landmarks, atol=1e-4)


def test_affine_matrices_of_the_original(golden):
    cases = json.loads((golden / "geometry.json").read_text())["random_affine"]["cases"]
    for case in cases:
        found = affine_matrix(
            torch.tensor([case["angle"]], dtype=torch.float64),
            torch.tensor([case["translation"]], dtype=torch.float64),
            torch.tensor([case["scale"]], dtype=torch.float64),
            torch.tensor([case["shear_deg"]], dtype=torch.float64),
            torch.tensor(case["size"] / 2, dtype=torch.float64),
        )
        np.testing.assert_allclose(found[0], np.array(case["M"])[:2], atol=1e-9)


@pytest.mark.parametrize("level", sorted(LEVELS))
def test_levels_stay_in_their_ranges(level):
    faces, size = 300, 64
    batch = replace(blobs(1, size, 0), ids=["a"] * faces)
    batch = replace(
        batch,
        images=batch.images.expand(faces, -1, -1, -1)[:, :, :8, :8].contiguous(),
        landmarks=torch.full((faces, 5, 2), 3.5),
        depth=None,
        visible=None,
        matrices=torch.eye(2, 3, dtype=torch.float64).repeat(faces, 1, 1),
    )
    out = Augmenter({"level": level}, "points5")(batch, torch.Generator().manual_seed(1))
    rotation, translation, (low, high), shear = LEVELS[level]
    linear = out.matrices[:, :, :2].clone()
    mirrored = torch.linalg.det(linear) < 0
    assert 0.35 < mirrored.double().mean() < 0.65
    linear[mirrored, 0] *= -1
    first = linear[:, :, 0]
    angle, sx = torch.rad2deg(torch.atan2(first[:, 1], first[:, 0])), first.norm(dim=1)
    assert angle.abs().max() <= rotation + 1e-4 and (rotation == 0 or angle.abs().max() > 0.9 * rotation)
    assert low - 1e-5 <= sx.min() and sx.max() <= high + 1e-5
    # landmarks at the centre move by the translation alone: a share of the region of interest, sqrt(2) crops
    assert (out.landmarks - 3.5).abs().max() <= translation * 2**0.5 * 8 + 1e-4
    skew = torch.rad2deg(torch.acos((first * linear[:, :, 1]).sum(1) / (sx * linear[:, :, 1].norm(dim=1)))) - 90
    assert skew.abs().max() <= shear + 1e-3


def test_both_ways_to_warp_agree():
    batch = blobs()
    m = affine_matrix(
        torch.rand(6) * 60, torch.rand(6, 2) * 9, torch.rand(6, 2) + 0.6, torch.rand(6) * 5, torch.tensor(68.0)
    )
    here = warp_batch(batch.images, m, 96)
    # a gradient sends it the way that a GPU goes
    there = warp_batch(batch.images.clone().requires_grad_(), m, 96)
    assert torch.allclose(here, there, atol=1e-4)


def test_both_ways_to_colour_agree():
    torch.manual_seed(0)
    images = torch.rand(5, 3, 20, 20)
    factors = [torch.rand(5) + 0.5 for _ in range(3)]
    here = colour(images, *factors, torch.rand(5) * 0.1)
    torch.manual_seed(0)
    images = torch.rand(5, 3, 20, 20)
    factors = [torch.rand(5) + 0.5 for _ in range(3)]
    there = colour(images.requires_grad_(), *factors, torch.rand(5) * 0.1)
    assert torch.allclose(here, there, atol=1e-5)


def test_colour_closed_forms():
    torch.manual_seed(0)
    images = torch.rand(2, 3, 8, 8) * 0.5
    one, zero = torch.ones(2), torch.zeros(2)
    luma = (images * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(1, keepdim=True)
    assert torch.allclose(colour(images, one, one, one, zero), images, atol=1e-6)
    assert torch.allclose(colour(images, one * 1.5, one, one, zero), images * 1.5, atol=1e-6)
    assert torch.allclose(colour(images, one, one, zero, zero), luma.expand(-1, 3, -1, -1), atol=1e-6)
    flat = colour(images, one, zero, one, zero)
    assert torch.allclose(flat, luma.mean((2, 3), keepdim=True).expand_as(flat), atol=1e-6)
    thirds = colour(images, one, one, one, one / 3)
    assert torch.allclose(thirds, images.roll(1, dims=1), atol=1e-6)


def test_blur_has_the_asked_width():
    images = torch.zeros(3, 3, 61, 61)
    images[:, :, 30, 30] = 1
    out = gaussian_blur(images, torch.tensor([0.0, 1.5, 4.0]))
    place = torch.arange(61.0) - 30
    width = (out[:, 0].sum(1) * place**2).sum(1).sqrt()
    np.testing.assert_allclose(width, [0, 1.5, 4.0], atol=0.08)
    np.testing.assert_allclose(out.sum((2, 3)), 1, atol=1e-5)


def test_covering_hides_landmarks():
    batch = blobs(40)
    out = Augmenter({"none": True, "occlusion": 1.0, "occlusion_size": (0.3, 0.5)}, "points5")(
        batch, torch.Generator().manual_seed(0)
    )
    assert (out.visible <= batch.visible).all() and (out.visible != batch.visible).any()
    assert torch.allclose(out.landmarks, batch.without_margin().landmarks, atol=1e-4)
    unknown = Augmenter({"none": True, "occlusion": 1.0}, "points5")(replace(batch, visible=None))
    assert unknown.visible is None


def test_faces_without_landmarks():
    batch = replace(blobs(), landmarks=None, depth=None, visible=None)
    assert Augmenter({})(batch).images.shape == (6, 3, 96, 96)
    with pytest.raises(UserError, match="schema"):
        Augmenter({})(blobs())


def test_margin_keeps_corners_inside():
    for level in LEVELS:
        config = Augmentation.original(level)
        margin = config.margin(256)
        assert 0 <= margin <= 53
    assert Augmentation.original(4).margin(256) == 53


def test_settings_are_checked():
    assert Augmentation.from_config(Augmentation().config()) == Augmentation()
    for bad, words in (
        ({"rotations": 3}, "did you mean 'rotation'"),
        ({"level": 9}, "0 to 7"),
        ({"flip": 2}, "share"),
        ({"scale": (2, 1)}, "smallest"),
        ({"rotation": -1}, "negative"),
    ):
        with pytest.raises(UserError, match=words):
            Augmentation.from_config(bad)
