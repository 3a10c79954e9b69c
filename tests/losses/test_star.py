"""STAR loss against the authors' own values, closed forms, and maps on which theirs gives no gradient."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from parface_bench.plugins.losses.star import eigen, ellipse
from parface_bench.registry import LOSSES, UserError
from tests.methods.golden_methods import Golden, close, wave


@pytest.fixture(scope="module")
def original(golden) -> Golden:
    return Golden(golden, "star")


def blobs() -> torch.Tensor:
    """The golden heatmaps [2, 6, 64, 64]: two Gaussians each, turned and stretched."""
    b, n, y, x = np.ogrid[:2, :6, :64, :64]
    dx, dy = x - (20.3 + 6.1 * n - 4 * b), y - (14.7 + 5.3 * n + 7.2 * b)
    sx, sy, t = 1.2 + 0.5 * n, 1 + 0.15 * n + 0.4 * b, 0.35 * n - 0.5 * b
    u, v = np.cos(t) * dx + np.sin(t) * dy, -np.sin(t) * dx + np.cos(t) * dy
    main = np.exp(-(u**2) / 2 / sx**2 - v**2 / 2 / sy**2)
    return torch.tensor((3 * (main + 0.1 * np.exp(-((dx - 5) ** 2 + (dy + 3) ** 2) / 8))).astype(np.float32))


def pixels(place: torch.Tensor) -> torch.Tensor:
    """Coordinates of -1 to 1 as heatmap pixels."""
    return (place.double() + 1) * 31.5


def test_ellipse(original):
    maps = ellipse(blobs().double())
    close(maps.mean, original["mean"])
    close(maps.covariance, original["covariance"])
    close(maps.values, original["eigenvalues"])
    # the sign of an eigenvector is free
    signs = (maps.vectors * original["eigenvectors"]).sum(dim=2, keepdim=True).sign()
    close(maps.vectors * signs, original["eigenvectors"].double())
    along = torch.einsum("blc,blck->blk", original["ground_truth"] - maps.mean, maps.vectors) * signs[:, :, 0]
    close(along, original["projection_columns"])
    # LAPACK's eigenvectors of 2 x 2 matrices make a symmetric matrix, so that the authors' rows are its columns
    close(along, original["projection_rows"])


def test_two_parts_of_version_2(original):
    maps, loss = ellipse(blobs().double()), LOSSES.build({"type": "star", "weight": 0.0})
    close(loss.each(maps, original["ground_truth"].double()), original["v2_scaled_distance"])
    close(maps.values.abs().sum(dim=-1), original["v2_eigen_sum"])


@pytest.mark.parametrize("distance", ["smooth_l1", "l1", "l2", "wing", "smooth_l1_w0"])
@pytest.mark.parametrize("version", [1, 2])
def test_value_and_gradient(original, version, distance):
    name = f"loss_v{version}_{distance.replace('smooth_l1', 'smoothl1')}"
    options = {"version": version, "distance": distance.removesuffix("_w0"), "weight": float("w0" not in distance)}
    if version == 2 and distance == "wing":  # the original cannot compute it
        with pytest.raises(UserError, match="wing in 1 only"):
            LOSSES.build({"type": "star", **options})
        return
    heatmaps = blobs().double().requires_grad_()
    value = LOSSES.build({"type": "star", **options})(heatmaps, pixels(original["ground_truth"]))
    value.backward()
    close(torch.stack([value.detach(), heatmaps.grad.norm()]), original[name])
    if name == "loss_v2_smoothl1":
        close(heatmaps.grad[:, :, ::4, ::4], original["grad_v2_smoothl1_strided"])


def test_distances_of_points(original):
    error = 0.02 * wave((2, 6, 2), 0.4)
    from parface_bench.plugins.losses.star import DISTANCES

    each = DISTANCES["smooth_l1"](error)
    close(torch.cat([each.mean()[None], each.flatten()]), original["smoothl1_2d"])
    close(DISTANCES["wing"](error).mean(), original["wing_2d"].reshape(()))


def test_adaptive_wing_of_the_authors(original):
    prediction = (0.5 + 0.5 * wave((2, 3, 16, 16), 0.9)).requires_grad_()
    target = (0.5 + 0.6 * wave((2, 3, 16, 16), 2.1)).clamp(0, 1)
    value = LOSSES.build({"type": "adaptive_wing", "weight": 10})(prediction, target)
    value.backward()
    close(torch.stack([value.detach(), prediction.grad.norm()]), original["awing"])
    close(LOSSES.build("adaptive_wing")(prediction.detach(), target), original["awing_unweighted"].reshape(()))


@given(a=st.floats(1e-4, 0.1), c=st.floats(1e-4, 0.1), r=st.floats(-0.95, 0.95))
@settings(max_examples=60, deadline=None)
def test_eigen_rebuilds_the_matrix(a, c, r):
    b = r * (a * c) ** 0.5
    matrix = torch.tensor([[a, b], [b, c]], dtype=torch.float64)
    values, vectors = eigen(matrix)
    torch.testing.assert_close(vectors.T @ vectors, torch.eye(2, dtype=torch.float64), atol=1e-9, rtol=0)
    torch.testing.assert_close((vectors * values) @ vectors.T, matrix, atol=1e-7, rtol=0)
    torch.testing.assert_close(values, torch.linalg.eigvalsh(matrix), atol=1e-7, rtol=0)


def degenerate() -> dict[str, torch.Tensor]:
    maps = {name: torch.zeros(1, 1, 64, 64) for name in ("empty", "one pixel", "two pixels", "round", "flat", "a row")}
    maps["one pixel"][..., 20, 30] = 1
    maps["two pixels"][..., 20, 30:32] = 1
    y, x = np.ogrid[:64, :64]
    maps["round"][:] = torch.tensor(np.exp(-((x - 31.0) ** 2 + (y - 20.0) ** 2) / 18))
    maps["flat"][:] = 1
    maps["a row"][..., 20, :] = 1
    return maps


@pytest.mark.parametrize("version", [1, 2])
@pytest.mark.parametrize("name", degenerate())
def test_degenerate_maps_have_finite_gradients(name, version):
    heatmap = degenerate()[name].requires_grad_()
    value = LOSSES.build({"type": "star", "version": version})(heatmap, torch.tensor([[[40.3, 17.9]]]))
    value.backward()
    assert torch.isfinite(value)
    assert torch.isfinite(heatmap.grad).all()
    assert name != "round" or heatmap.grad.norm() < 1e3  # 1.5e9 by LAPACK's eigh


def test_round_map_is_measured_along_x_and_y():
    maps = ellipse(degenerate()["round"])
    axes = maps.vectors[0, 0].abs()
    torch.testing.assert_close(axes, axes.round(), atol=1e-2, rtol=0)


def test_unknown_landmarks_teach_nothing():
    heatmaps = blobs().requires_grad_()
    target = torch.full((2, 6, 2), 30.0)
    target[:, 2] = torch.nan
    value = LOSSES.build("star")(heatmaps, target)
    value.backward()
    assert torch.isfinite(value)
    assert (heatmaps.grad.flatten(2).abs().amax(dim=(0, 2)) > 0).tolist() == [True, True, False, True, True, True]
