"""The profile `parface-2024` is the original's recipe; what it needs of the method and of crops."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from parface_bench.data.images.crop import Crop
from parface_bench.methods.build import build_method
from parface_bench.methods.recipe import compose
from parface_bench.methods.stage import Stage
from parface_bench.registry import UserError

SMALL = ("image_size=64", "method.heatmap_size=32", "method.width=0.25", "method.pretrained=''")


def stages(profile, *overrides):
    recipe = compose("parface", "palsy-twin", profile, [*SMALL, *overrides])
    return build_method("parface", "ibug68", recipe, 3).stages(recipe)


def test_the_originals_settings_stage_by_stage():
    recipe = compose("parface", "wflw", "parface-2024")  # WFLW's own crop does not reach it
    assert recipe["crop"] == {"mode": "auto", "geometry": "parface", "scale": 1.0, "shift": 0.0}
    assert recipe["validation"]["fraction"] == 0.0 and recipe["method"]["pretrained"] == "torchvision"
    made = [Stage.from_recipe(recipe, **own) for own in recipe["stages"]]
    assert sum(stage.epochs for stage in made) == 650 and len(made) == 8
    blind, seeing = made[:3], made[3:]
    assert all(s.crop == {"mode": "bb_ground_truth"} and s.augment == {"level": 4} for s in blind)
    assert all({"palsy:unlabeled", "menpo2d:profile"} <= set(s.data) for s in blind)
    assert all(s.augment == {"level": 0} and s.keep == "last" and "target" not in s.data for s in seeing)
    assert {s.amp for s in made} == {"off"}
    assert [s.crop.get("points") for s in seeing] == [None, None, *["landmarks_2d"] * 3]
    assert seeing[-1].settings["heatmaps"] == "true" and made[2].drifts == ("network.P",)


def test_full_keeps_what_is_better():
    made = stages("full")
    assert all(s.augment == {"level": 4} for s in made) and all("target" in s.data for s in made[3:])


@pytest.mark.parametrize("profile", ["full", "quick", "standard"])
def test_no_adversary_trains_no_critic(profile):
    made = stages(profile, "stages.autoencoder.settings.adversary=null")
    first = next(stage for stage in made if stage.name == "autoencoder")
    assert list(first.optimizers) == ["autoencoder"] and first.trains == ("network.Q", "network.P")
    method = build_method("parface", "ibug68", compose("parface", "palsy-twin", profile, SMALL), 3)
    first = replace(first, settings={**first.settings, "losses": ["l2"]})  # perceptual weights would be downloaded
    method.check_stage(first)


def test_imagenet_weights_are_copied_where_they_fit(tmp_path):
    recipe = compose("parface", "palsy-twin", "full", ["image_size=256"])
    bare = build_method("parface", "ibug68", recipe, 3)
    own = bare.network.Q.state_dict()
    state = {name: torch.full_like(tensor, 0.5) for name, tensor in own.items() if not name.startswith("layer0.")}
    state["fc.weight"] = torch.zeros(1000, 512)
    torch.save(state, tmp_path / "resnet18.pth")
    started = build_method(
        "parface", "ibug68", {**recipe, "method": {**recipe["method"], "pretrained": str(tmp_path / "resnet18.pth")}}, 3
    )
    q, depth = started.network.Q.state_dict(), started.network.LMH_3D.state_dict()
    assert (q["conv1.weight"] == 0.5).all() and (q["layer4.1.conv2.weight"] == 0.5).all()
    assert not (q["layer0.0.conv1.weight"] == 0.5).all() and q["fc.weight"].shape == own["fc.weight"].shape
    assert (depth["layer4.1.conv2.weight"] == 0.5).all() and not (depth["conv1.weight"] == 0.5).all()
    torch.save({"a": torch.zeros(1)}, tmp_path / "other.pth")
    with pytest.raises(UserError, match="no weights of a ResNet-18"):
        build_method("parface", "ibug68", {**recipe, "method": {"pretrained": str(tmp_path / "other.pth")}}, 3)


def test_crops_by_the_second_convention_of_points():
    rng = np.random.default_rng(0)
    flat = rng.uniform(50, 150, (68, 2))
    row = {"id": "a", "landmarks": np.column_stack([flat + 20, np.zeros(68)]), "landmarks_2d": flat}
    other = {"id": "a", "landmarks": flat}
    assert np.array_equal(Crop(points="landmarks_2d").matrix(row), Crop().matrix(other))
    assert not np.array_equal(Crop().matrix(row), Crop().matrix(other))
    assert np.array_equal(Crop(points="landmarks_2d").matrix(other), Crop().matrix(other))
    with pytest.raises(UserError, match="did you mean 'landmarks_2d'"):
        Crop(points="landmarks_2")
