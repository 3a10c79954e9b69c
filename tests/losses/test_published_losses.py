"""Residual log-likelihood and RTMPose's divergence: against their authors' numbers."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch

from parface_bench.data.heatmaps.simcc import SimCC
from parface_bench.registry import LOSSES, UserError
from tests.methods.golden_methods import Golden, close, fill, wave

FORMS = {
    "original_loss": {},
    "mmpose_laplace": {"form": "mmpose"},
    "mmpose_gaussian": {"form": "mmpose", "base": "gaussian"},
    "mmpose_noresidual": {"form": "mmpose", "residual": False},
}


def built(numbers: Golden, **options):
    loss = LOSSES.build("rle", **options)
    fill(loss.flow, numbers.facts["tame"])
    return loss


def inputs() -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    mean = 0.5 * wave((3, 68, 2), 0.7)
    target, raw = mean + 0.05 * wave((3, 68, 2), 1.7), -2 + 1.5 * wave((3, 68, 2), 2.3)
    return mean.requires_grad_(), raw.requires_grad_(), target.detach()


def test_flow(golden: Path):
    numbers = Golden(golden, "rle")
    flow = built(numbers).flow
    assert sum(p.numel() for p in flow.parameters()) == numbers.facts["flow_parameters"] == 53784
    points = numbers["flow_points"]
    z, log_det = flow.to_latent(points)
    close(z, numbers["flow_z"])
    close(log_det, numbers["flow_logdet"])
    close(flow.log_prob(points), numbers["flow_log_prob"])
    close(flow.from_latent(z), points)
    close(flow.from_latent(z), numbers["flow_forward_p_of_z"])


@pytest.mark.parametrize("name", FORMS)
def test_residual_log_likelihood(golden: Path, name):
    numbers = Golden(golden, "rle")
    loss, (mean, raw, target) = built(numbers, **FORMS[name]), inputs()
    value = loss(torch.cat([mean, raw], dim=-1), target, numbers["weights"][..., 0])
    value.backward()
    of_flow = torch.stack([p.grad.norm() for p in loss.flow.parameters()]).norm()
    close(torch.stack([value.detach(), mean.grad.norm(), raw.grad.norm(), of_flow]).double(), numbers[name])
    if name == "original_loss":
        close(mean.grad, numbers["original_grad_pred"])
        close(raw.grad, numbers["original_grad_logit"])
        close(value.detach().double() * len(mean), numbers["original_loss_sum"])
        sigma = raw.sigmoid()
        terms = loss.terms(torch.cat([mean, raw], dim=-1), target) * numbers["weights"]
        log_q = (sigma * (2 * torch.pi) ** 0.5).log() + (mean - target).abs() / (2**0.5 * sigma + 1e-9)
        close((log_q * numbers["weights"]).detach(), numbers["original_logq"] * numbers["weights"])
        close((terms - log_q * numbers["weights"]).detach(), numbers["original_nf_loss"] * numbers["weights"])


def test_forms_that_do_not_exist():
    with pytest.raises(UserError, match="loss rle: form 'orignal' does not exist; did you mean 'original'"):
        LOSSES.build("rle", form="orignal")
    with pytest.raises(UserError, match="a base of its own"):
        LOSSES.build("rle", base="gaussian")


@pytest.mark.parametrize(
    ("name", "options"),
    [("kl_rtmpose", {}), ("kl_default", {"beta": 1.0, "label_softmax": False}), ("kl_nobeta_softmax", {"beta": 1.0})],
)
def test_divergence(golden: Path, name, options):
    numbers = Golden(golden, "simcc")
    seen = numbers["visible"]
    smooth = SimCC(sigma=6.0, normalise=True) if name == "kl_default" else SimCC()
    label, weights = smooth.encode(numbers["keypoints"], 256)
    drawn = SimCC().encode(numbers["keypoints"], 256)[0] * seen[..., None, None]
    x = drawn[:, :, 0] + 0.1 * wave((2, 9, 512), 0.8) + 0.15 * wave((2, 9, 512), 0.05)
    y = 0.9 * drawn[:, :, 1] + 0.1 * wave((2, 9, 512), 1.9)
    x.requires_grad_(), y.requires_grad_()
    loss = LOSSES.build("kl_simcc", over_faces=False, **options)
    value = loss(torch.stack([x, y], dim=2), label * seen[..., None, None], weights * seen)
    value.backward()
    close(torch.stack([value.detach(), x.grad.norm(), y.grad.norm()]).double(), numbers[name])
    mean = LOSSES.build("kl_simcc", **options)
    found = mean(torch.stack([x, y], dim=2), label * seen[..., None, None], weights * seen)
    assert found.item() == pytest.approx(value.item() / 2)
    if name == "kl_rtmpose":
        close(x.grad[..., ::8], numbers["kl_rtmpose_grad_x_strided"])
        fewer = (weights * seen).clone()
        fewer[:, 1:3] *= 0.25
        value = loss(torch.stack([x, y], dim=2), label * seen[..., None, None], fewer)
        close(value.detach().double(), numbers["kl_rtmpose_doc_wi_weight_mask"])
