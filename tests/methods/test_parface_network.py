"""ParFace-Net against the original's numbers and tensor names; prepared parts against plain ones."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch

from parface_bench.plugins.methods.parface.inference import prepared
from parface_bench.plugins.methods.parface.network import ParFaceNetwork
from parface_bench.registry import UserError
from tests.methods.parface_weights import fill, waves


@pytest.fixture(scope="module")
def network():
    torch.set_num_threads(1)
    return fill(ParFaceNetwork())


@pytest.fixture(scope="module")
def arrays(golden):
    return np.load(golden / "model.npz")


@pytest.fixture(scope="module", params=["plain", "prepared"])
def output(request, network):
    """Both ways through the network on the golden input; gradients make it take the plain one."""
    with torch.set_grad_enabled(request.param == "plain"):
        return network(waves(2))


def near(got, want):
    np.testing.assert_allclose(np.asarray(got.detach()), want, rtol=0, atol=1e-5)


def test_outputs_equal_the_original(output, arrays):
    near(output.z, arrays["tame256_z"])
    near(output.reconstruction[:, :, ::16, ::16], arrays["tame256_recon_strided"])
    near(output.heatmaps[:, ::4, ::16, ::16], arrays["tame256_hm_strided"])
    near(output.depth, arrays["tame256_depth"])


def test_critics_equal_the_original(network, arrays):
    with torch.no_grad():
        out = network(waves(2))
        near(network.D(out.reconstruction), arrays["tame256_D_recon"])
        near(network.D(waves(2)), arrays["tame256_D_x"])
        near(network.D_z(out.z), arrays["tame256_Dz"])


def test_landmarks_equal_the_original(output, arrays):
    heatmaps = output.heatmaps.detach()
    peak = heatmaps.flatten(2).argmax(2)
    xy = torch.stack([peak % 128, peak // 128], -1) * 2
    lms = torch.cat([xy, (output.depth.detach() * 256)[..., None]], -1)
    np.testing.assert_array_equal(lms[..., :2], arrays["tame256_lms3d"][..., :2])
    np.testing.assert_allclose(lms[..., 2], arrays["tame256_lms3d"][..., 2], atol=1e-3)


def test_intermediate_features_equal_the_original(network, arrays):
    def near_tap(name, features):
        taps = features[:, ::16, :: max(1, features.shape[2] // 4), :: max(1, features.shape[3] // 4)]
        np.testing.assert_allclose(taps.detach(), arrays[f"tame256_{name}_strided"], rtol=1e-5, atol=1e-5)

    with torch.no_grad():
        stages = dict(network.Q.stages(network.Q.conv1(waves(2))))
        near_tap("Q_x1", stages["layer1"])
        near_tap("Q_x2", stages["layer2"])
        near_tap("Q_ft", stages["layer4"])
        x = network.P.seed(network.Q(waves(2)))
        near_tap("P_x0", x)
        for number in range(1, 5):
            x = network.P.stage(number)(x)
            near_tap(f"P_x{number}", x)


@pytest.mark.parametrize("landmarks, size", [(68, 128), (68, 256), (68, 512), (98, 256)])
def test_tensor_names_and_shapes_equal_the_original(golden, landmarks, size):
    want = json.loads((golden / "keys.json").read_text())[f"Fabrec_{landmarks}_{size}_99"]
    with torch.device("meta"):
        got = {n: list(t.shape) for n, t in ParFaceNetwork(landmarks, size).state_dict().items()}
    if landmarks != 68:  # the original's depth head knows 68 points only and fails with 98
        own = ("LMH_3D.conv1.weight", "LMH_3D.fc.weight", "LMH_3D.fc.bias")
        assert got["LMH_3D.conv1.weight"][1] == landmarks + 99
        got, want = ({n: s for n, s in d.items() if n not in own} for d in (got, want))
    assert got == want


def test_parameter_counts_of_the_original():
    with torch.device("meta"):
        network = ParFaceNetwork()
    counts = {name: sum(p.numel() for p in part.parameters()) for name, part in network.named_children()}
    assert counts == {
        "Q": 11_379_491,
        "P": 10_868_096,
        "D": 1_743_744,
        "D_z": 1_102_001,
        "LMH": 880_640,
        "LMH_3D": 11_877_892,
    }


@pytest.mark.parametrize(
    "sizes",
    [
        {"image_size": 64, "heatmap_size": 32, "num_landmarks": 29},
        {"image_size": 128, "heatmap_size": 128, "num_landmarks": 98, "code_size": 40},
        {"image_size": 128, "heatmap_size": 64, "num_landmarks": 19},
        {"image_size": 512, "heatmap_size": 128, "num_landmarks": 106},
    ],
    ids=str,
)
def test_any_size_and_number_of_landmarks(sizes):
    torch.manual_seed(0)
    network = ParFaceNetwork(width=0.125, **sizes)
    for buffer in network.buffers():  # statistics that folding must not ignore
        if buffer.dtype.is_floating_point:
            buffer.copy_(torch.rand_like(buffer) + 0.5)
    size, landmarks = sizes["image_size"], sizes["num_landmarks"]
    x = torch.randn(2, 3, size, size)
    plain = network.eval()(x)
    with torch.no_grad():
        fast = network(x)
    assert plain.z.shape == (2, sizes.get("code_size", 99))
    assert plain.reconstruction.shape == x.shape
    assert plain.heatmaps.shape == (2, landmarks, sizes["heatmap_size"], sizes["heatmap_size"])
    assert plain.depth.shape == (2, landmarks)
    for a, b in zip(plain, fast, strict=True):
        np.testing.assert_allclose(a.detach(), b, rtol=1e-3, atol=2e-4 * float(a.detach().abs().max()))
    assert network.D(x).shape == (2,)


def test_prepared_copy_follows_the_weights():
    network = ParFaceNetwork(width=0.125, image_size=64, heatmap_size=32).eval()
    x = torch.randn(1, 3, 64, 64)
    with torch.no_grad():
        before = network(x)
        assert prepared(network.Q) is prepared(network.Q)
        network.Q.bn1.running_mean += 0.5
        assert not torch.equal(network(x).z, before.z)
        network.load_state_dict(ParFaceNetwork(width=0.125, image_size=64, heatmap_size=32).state_dict())
        assert not torch.equal(network(x).heatmaps, before.heatmaps)


def test_landmarks_alone_leave_out_the_reconstruction(network):
    with torch.no_grad():
        out = network(waves(1), reconstruct=False)
    assert out.reconstruction is None


@pytest.mark.parametrize(
    "sizes, word",
    [
        ({"image_size": 200}, "image_size 200"),
        ({"image_size": 64}, "heatmap_size 128"),
        ({"heatmap_size": 100}, "heatmap_size 100"),
    ],
)
def test_impossible_sizes_are_one_sentence(sizes, word):
    with pytest.raises(UserError, match=word), torch.device("meta"):
        ParFaceNetwork(**sizes)
