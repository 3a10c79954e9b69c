"""The linear path beside ParFace-Net's autoencoder, against a singular value decomposition."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parface_bench.data.batches.face_arrays import FaceArrays
from parface_bench.faces import get_schema
from parface_bench.plugins.methods.parface.linear import PrincipalPath
from parface_bench.plugins.methods.parface.method import ParFace
from parface_bench.plugins.methods.parface.network import MEAN
from parface_bench.registry import UserError

CODES = 5


@pytest.fixture(scope="module")
def crops() -> np.ndarray:
    """Pictures of rank 12 plus noise, so that 5 components leave something."""
    rng = np.random.default_rng(0)
    made = np.tensordot(rng.normal(size=(40, 12)), rng.normal(size=(12, 64, 64, 3)), 1)
    return (128 + 8 * made + rng.normal(size=made.shape)).clip(0, 255).astype(np.uint8)


def normalised(crops: np.ndarray) -> torch.Tensor:
    return torch.from_numpy(crops / 255 - np.array(MEAN)).permute(0, 3, 1, 2).float()


class Crops:
    """Stands for faces whose crops are at hand."""

    def __init__(self, crops: np.ndarray) -> None:
        self.crops = crops

    def pictures(self, most: int) -> np.ndarray:
        return self.crops


def small(**more: object) -> ParFace:
    torch.manual_seed(0)
    return ParFace(get_schema("ibug68"), 64, code_size=CODES, heatmap_size=32, width=0.125, linear=True, **more).eval()


def test_it_projects_on_the_first_singular_vectors(crops: np.ndarray) -> None:
    path = PrincipalPath(CODES, 64)
    path.fit(crops, MEAN)
    rows = normalised(crops).flatten(1).double().numpy()
    mean = rows.mean(0)
    u, s, v = np.linalg.svd(rows - mean, full_matrices=False)
    codes = path.encode(normalised(crops)).detach()
    order = np.abs(np.corrcoef(codes.T.numpy(), u[:, :CODES].T)[:CODES, CODES:])
    assert np.allclose(np.sort(order.max(1)), 1, atol=1e-4)  # one of them each, in some order and sign
    assert codes.mean(0).numpy() == pytest.approx(0, abs=1e-4)
    deviations = codes.std(0, correction=0).numpy()
    assert np.sort(deviations)[::-1] == pytest.approx(s[:CODES] / s[0], rel=1e-3)
    wanted = mean + (u[:, :CODES] * s[:CODES]) @ v[:CODES]
    assert path.decode(codes).flatten(1).numpy() == pytest.approx(wanted, abs=1e-4)


def test_a_network_starts_from_the_components_of_crops_and_mirror_images(crops: np.ndarray) -> None:
    method = small()
    method.fit_linear(Crops(crops))
    rows = (np.concatenate([crops, crops[:, :, ::-1]]) / 255).reshape(80, -1)
    mean = rows.mean(0)
    axes = np.linalg.svd(rows - mean, full_matrices=False)[2][:CODES]
    wanted = mean + (rows[:40] - mean) @ axes.T @ axes
    images = torch.from_numpy(crops / 255).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        found = method.reconstruct(images).permute(0, 2, 3, 1).reshape(40, -1)
    assert found.numpy() == pytest.approx(wanted.clip(0, 1), abs=1e-4)


def test_only_its_weights_can_learn_and_a_checkpoint_holds_it(crops: np.ndarray) -> None:
    method, other = small(), small()
    method.fit_linear(Crops(crops))
    learning = [name for name, _ in method.named_parameters() if ".linear." in name]
    assert learning == ["network.linear.weights"] and not method.network.linear.weights.sub(1).any()
    other.load_state_dict(method.state_dict())
    images = torch.from_numpy(crops[:2] / 255).permute(0, 3, 1, 2).float()
    with torch.no_grad():
        assert torch.equal(other.reconstruct(images), method.reconstruct(images))


def test_before_it_is_fitted_it_adds_nothing() -> None:
    path = PrincipalPath(CODES, 64)
    assert not path.encode(torch.ones(2, 3, 64, 64)).any()
    assert not path.decode(torch.ones(2, CODES)).any()


def test_few_faces_give_as_many_components_as_they_have(crops: np.ndarray) -> None:
    path = PrincipalPath(CODES, 64)
    path.fit(crops[:3], MEAN)
    codes = path.encode(normalised(crops[:3])).detach()
    assert not codes[:, 2:].any()
    assert path.decode(codes).numpy() == pytest.approx(normalised(crops[:3]).numpy(), abs=1e-4)  # three span a plane
    path.fit(np.repeat(crops[:1], 3, axis=0), MEAN)
    same = normalised(crops[:1])
    assert path.decode(path.encode(same)).detach().numpy() == pytest.approx(same.numpy(), abs=1e-4)  # nothing varies


def test_what_cannot_be_is_said() -> None:
    plain = ParFace(get_schema("ibug68"), 64, code_size=CODES, heatmap_size=32, width=0.125)
    with pytest.raises(UserError, match=r"set method\.linear=true"):
        plain.fit_linear(FaceArrays(np.zeros((9, 0, 2), np.float32), 64))
    with pytest.raises(UserError, match="no linear path"):
        ParFace(get_schema("ibug68"), 128, linear=True).as_foreign("parface")
