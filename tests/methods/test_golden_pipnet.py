"""PIPNet against the authors' own code: neighbours, merging, targets, loss, decoding, network."""

from __future__ import annotations

import pytest
import torch

from parface_bench.faces import get_schema
from parface_bench.plugins.methods.pipnet import Maps, PIPNet, nearest_neighbours, repetitions
from tests.methods.golden_methods import Golden, close, fill, wave, waves

NAMES = ("score", "x", "y", "nb_x", "nb_y")
TARGETS = ("target_map", "target_x", "target_y", "target_nb_x", "target_nb_y")


@pytest.fixture(scope="module")
def original(golden) -> Golden:
    return Golden(golden, "pipnet")


@pytest.fixture
def method(original) -> PIPNet:
    method = PIPNet(get_schema("ibug68"))
    method.image_size = 256
    method.mean_face.copy_(original["meanface_300w"])
    method.neighbours.copy_(original["nb_index_300w"])
    return method


@pytest.mark.parametrize("name", ["300w", "wflw", "cofw", "aflw", "lapa"])
def test_neighbours_and_published_lists(original, name):
    neighbours = nearest_neighbours(original[f"meanface_{name}"].double(), 10)
    assert torch.equal(neighbours, original[f"nb_index_{name}"].long())
    check_lists(original, neighbours, name)
    longest = repetitions(neighbours, cyclic=True).sum(dim=(0, 1))
    assert longest.unique().tolist() == [original.facts[f"max_len_{name}"]]


def test_few_neighbours(original):
    neighbours = nearest_neighbours(original["meanface_300w"].double(), 5)
    assert torch.equal(neighbours, original["nb_index_300w_nb5"].long())
    check_lists(original, neighbours, "300w_nb5")


def check_lists(original, neighbours, name):
    """Every landmark's contributors as often as in the original's padded lists."""
    landmarks, slots = original[f"reverse1_{name}"].long(), original[f"reverse2_{name}"].long()
    wanted = torch.zeros(len(neighbours), neighbours.shape[1], len(neighbours), dtype=torch.long)
    for i in range(len(neighbours)):
        for j, k in zip(landmarks[i].tolist(), slots[i].tolist(), strict=True):
            wanted[j, k, i] += 1
    assert torch.equal(repetitions(neighbours, cyclic=True), wanted)
    assert torch.equal(repetitions(neighbours, cyclic=False), (wanted > 0).long())


def outputs(original) -> Maps:
    maps = []
    for k, name in enumerate(TARGETS):
        target = original[name]
        own, more = (0.54, 0.3) if k == 0 else (0.8, 0.5)
        maps.append((own * target + more * wave(tuple(target.shape), 1.3 + k)).requires_grad_())
    return Maps(*maps)


def test_loss_and_gradients(original, method):
    maps = outputs(original)
    terms = method.terms(maps, original["faces"])
    assert list(terms) == list(NAMES)
    values = torch.stack([terms["score"] / 10, *list(terms.values())[1:]]).detach()
    close(values, original["loss_parts"])
    total = sum(terms.values())
    assert total.item() == pytest.approx(original["loss_total"].item(), rel=1e-5)
    total.backward()
    close(torch.stack([m.grad.norm() for m in maps]), original["grad_norms"])
    close(maps.score.grad[1, ::8], original["grad_map_face1"])
    assert int((maps.nb_x.grad[1] != 0).sum()) == int(original["grad_nb_x_face1_nonzero_count"])


def test_squared_offsets(original, method):
    method.offset_loss = "l2"
    terms = method.terms(outputs(original), original["faces"])
    close(torch.stack([terms["score"] / 10, *list(terms.values())[1:]]).detach(), original["loss_parts_l2l2"])


@torch.no_grad()
def test_decoding(original, method):
    maps = outputs(original)
    own, neighbours = method.places(maps)
    close(own, original["decoded"])
    close(neighbours, original["decoded_neighbours"])
    close(maps.score.flatten(2).amax(-1), original["decoded_score"])
    close((method.decode(maps) + 0.5) / 256, original["decoded_merged_each_neighbour_once"])
    method.merging = "cyclic"
    close((method.decode(maps) + 0.5) / 256, original["decoded_merged"])


@torch.no_grad()
@pytest.mark.parametrize(("schema", "steps"), [("ibug68", (1, 1, 1, 16, 16)), ("wflw98", (4, 4, 4, 16, 16))])
def test_network(original, schema, steps):
    points = len(get_schema(schema))
    method = PIPNet(get_schema(schema))
    own = {n.removeprefix("features.model."): list(t.shape) for n, t in method.state_dict().items()}
    assert own.pop("mean_face") == [points, 2] and own.pop("neighbours") == [points, 10]
    assert own == original.facts[f"net18_keys_{points}"]
    neighbours = method.neighbours.clone()
    del method.mean_face, method.neighbours
    fill(method, rename=lambda name: name.removeprefix("features.model."))
    method.neighbours, method.standardise = neighbours, torch.nn.Identity()
    maps = method.double()(waves(1).double())
    for name, step, found in zip(("map", "x", "y", "nb_x", "nb_y"), steps, maps, strict=True):
        close(found[0, ::step], original[f"net18_{points}_{name}"])


@pytest.mark.parametrize("points", [68, 98])
@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("resnet18", {}),
        ("resnet50", {"backbone": "resnet50"}),
        ("resnet101", {"backbone": "resnet101"}),
        ("mobilenet_v2", {"backbone": "mobilenetv2_100", "expand": 1280}),
        ("resnet18_stride64", {"stride": 64}),
        ("resnet18_stride128", {"stride": 128}),
    ],
)
def test_parameters(original, points, name, options):
    wanted = name.replace("_stride", f"_{points}_stride") if "stride" in name else f"{name}_{points}"
    if wanted not in original.facts["parameters"]:
        pytest.skip("the original's count is not known")
    method = PIPNet(get_schema({68: "ibug68", 98: "wflw98"}[points]), **options)
    assert sum(p.numel() for p in method.parameters()) == original.facts["parameters"][wanted]
