"""Adaptive wing: the original's variant against golden numbers, the published one against its formula."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from parface_bench.registry import LOSSES

CASES = [
    "identical",
    "small_0.01",
    "medium_0.3",
    "large_0.8",
    "mixed_2.0",
    "zeros_pred",
    "shifted_2px",
    "just_below_theta",
    "just_above_theta",
]


@pytest.mark.parametrize("case", CASES)
def test_parface_variant_equals_the_original(golden, case):
    arrays = np.load(golden / "losses.npz")
    want = json.loads((golden / "losses.json").read_text())["awing"][case]
    prediction = torch.tensor(arrays[f"awing_pred_{case}"], requires_grad=True)
    value = LOSSES.build("adaptive_wing_parface")(prediction, torch.tensor(arrays["awing_target"]))
    value.backward()
    assert value.item() == pytest.approx(want["float64"], rel=1e-5, abs=1e-9)
    assert prediction.grad.norm().item() == pytest.approx(want["float64_grad_l2"], rel=1e-4, abs=1e-9)
    np.testing.assert_allclose(prediction.grad, arrays[f"awing_grad64_{case}"], rtol=1e-3, atol=1e-8)


def test_parface_variant_at_theta(golden):
    want = json.loads((golden / "losses.json").read_text())["awing"]["exact_theta_target0"]["float64"]
    value = LOSSES.build("adaptive_wing_parface")(torch.full((1, 1, 4, 4), 0.5), torch.zeros(1, 1, 4, 4))
    assert value.item() == pytest.approx(want, rel=1e-5)


@given(error=st.floats(0, 3), target=st.floats(0, 1), weight=st.sampled_from([0.0, 10.0]))
@settings(max_examples=60, deadline=None)
def test_published_formula(error, target, weight):
    alpha, omega, epsilon, theta = 2.1, 14.0, 1.0, 0.5
    p = alpha - target
    if error < theta:
        want = omega * np.log(1 + (error / epsilon) ** p)
    else:
        a = omega / (1 + (theta / epsilon) ** p) * p * (theta / epsilon) ** (p - 1) / epsilon
        want = a * error - (theta * a - omega * np.log(1 + (theta / epsilon) ** p))
    want *= 1 + weight * (target > 0.2)
    heatmap = torch.full((1, 1, 3, 3), target)
    got = LOSSES.build({"type": "adaptive_wing", "weight": weight})(heatmap + error, heatmap)
    assert got.item() == pytest.approx(want, rel=1e-3, abs=1e-5)


@given(target=st.floats(0, 1))
@settings(max_examples=40, deadline=None)
def test_published_is_continuous_in_value_and_slope(target):
    loss = LOSSES.build("adaptive_wing")
    heatmap = torch.full((1, 1, 1, 1), target)
    values, slopes = [], []
    for error in (0.4999, 0.5001):
        prediction = (heatmap + error).requires_grad_()
        value = loss(prediction, heatmap)
        value.backward()
        values.append(value.item())
        slopes.append(prediction.grad.item())
    assert values[1] - values[0] == pytest.approx(2e-4 * slopes[0], rel=0.05)
    assert slopes[1] == pytest.approx(slopes[0], rel=2e-3)


def test_gradient_is_finite_everywhere():
    prediction = torch.linspace(-5, 5, 4096).reshape(1, 1, 64, 64).requires_grad_()
    target = torch.linspace(0, 1, 4096).reshape(1, 1, 64, 64).flip(-1)
    for name in ("adaptive_wing", "adaptive_wing_parface"):
        LOSSES.build(name)(prediction, target).backward()
        assert torch.isfinite(prediction.grad).all()
