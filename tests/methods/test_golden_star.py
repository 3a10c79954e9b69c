"""STAR's network, its labels and coordinates against the authors' own code."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from parface_bench.faces import get_schema
from parface_bench.plugins.losses.star import ellipse
from parface_bench.plugins.methods.star.labels import edge_maps, edges, point_maps
from parface_bench.plugins.methods.star.method import STAR
from parface_bench.plugins.methods.star.network import Maps
from tests.methods.golden_methods import Golden, close, fill, waves


@pytest.fixture(scope="module")
def original(golden) -> Golden:
    return Golden(golden, "star")


@pytest.mark.parametrize("schema", ["ibug68", "wflw98"])
def test_parameters_and_edges(original, schema):
    with torch.device("meta"):
        method = STAR(get_schema(schema))
    points = len(get_schema(schema))
    wanted = original.facts[f"keys_{points}"]
    own = {name: list(t.shape) for name, t in method.network.state_dict().items()}
    assert own == {name: wanted[name] for name in own}
    assert all("skip_layer" in name or "e2h_transform" in name for name in wanted.keys() - own.keys())
    assert sum(p.numel() for p in method.parameters()) == original.facts["parameters"][f"aam_{points}_used_in_forward"]


def test_landmarks_lie_on_the_authors_edges(original):
    network = STAR(get_schema("ibug68"), stacks=1, width=8).network
    assert torch.equal(network.lies, original["e2h_weight_68"].float())
    assert torch.equal(network.on_none, original["e2h_bias_68"].float())


@torch.no_grad()
def test_network(original):
    network = fill(STAR(get_schema("ibug68")).network, original.facts["tame"]).double()
    stacks = network(waves(1).double())
    for k, maps in enumerate(stacks):
        close(ellipse(maps.fused).mean[0], original[f"net68_landmarks_stack{k}"])
        close(maps.fused[0, ::8, ::4, ::4], original[f"net68_fusion_stack{k}"])
    for k in (0, 3):
        close(stacks[k].point[0, ::8, ::4, ::4], original[f"net68_pointmaps_stack{k}"])
    close(stacks[3].edge[0, :, ::4, ::4], original["net68_edgemaps_stack3"])


def test_labels(original):
    close(point_maps(original["encoder_points"][None], 256, published=True)[0], original["encoder_pointmaps"])
    lines = edges(get_schema("ibug68"))
    close(edge_maps(original["edge_landmarks"][None], lines, 256)[0, :, ::2, ::2], original["edgemaps_strided"])


def test_exact_dots_lie_at_the_landmark():
    points = torch.tensor([[[100.0, 120.0], [2.3, 200.7], [128.49, 3.2]]])
    maps = point_maps(points, 256)
    fine = torch.arange(256.0)
    profile = torch.exp(-((fine - points[..., None]) ** 2) / (2 * 1.5**2))
    there = profile[..., 1, :, None] * profile[..., 0, None, :]
    reduced = torch.nn.functional.interpolate(there, size=(64, 64), mode="bilinear", align_corners=False)
    torch.testing.assert_close(maps, reduced, atol=1e-6, rtol=0)


def test_published_coordinates(original):
    method = STAR(get_schema("ibug68"), stacks=1, width=8, labels="published")
    method.image_size = 256
    found = method.to_maps(original["norm_points_in"].double(), 256) * 2 / 63 - 1
    close(found, original["norm_points_out"].clamp(-1, 1))
    heat = torch.zeros(1, 1, 64, 64)
    heat[0, 0, 20, 30] = 1
    place = torch.tensor([30.0, 20.0]) * 2 / 63 - 1
    torch.testing.assert_close(method.decode([Maps(heat, heat, heat)])[0, 0], ((place + 1) * 256 - 1) / 2)
    close(((original["decoder_coords"] + 1) * 256 - 1) / 2, original["denorm_points_of_decoder_coords_256"])


def test_exact_coordinates_are_read_where_they_were_put():
    method = STAR(get_schema("ibug68"), stacks=1, width=8)
    method.image_size = 256
    y, x = np.ogrid[:64, :64]
    heat = torch.tensor(np.exp(-((x - 30.25) ** 2 + (y - 20.5) ** 2) / 8)).float()[None, None]
    found = method.decode([Maps(heat, heat, heat)])
    torch.testing.assert_close(found[0, 0], (torch.tensor([30.25, 20.5]) + 0.5) * 4 - 0.5, atol=1e-3, rtol=0)
    torch.testing.assert_close(method.to_maps(found, 256)[0, 0], torch.tensor([30.25, 20.5]), atol=1e-3, rtol=0)
