"""Every timm model is a backbone under its own name."""

from __future__ import annotations

import pytest
import torch

from parface_bench.methods.build import build_method
from parface_bench.methods.recipe import compose
from parface_bench.registry import BACKBONES, UserError


def test_feature_pyramid_by_timms_name():
    backbone = BACKBONES.build("resnet18", features_only=True)
    features = backbone(torch.zeros(1, 3, 64, 96))
    assert [f.shape[1] for f in features] == backbone.channels == [64, 64, 128, 256, 512]
    assert [64 // f.shape[2] for f in features] == backbone.reductions == [2, 4, 8, 16, 32]


def test_feature_maps_are_channels_first():
    backbone = BACKBONES.build("swin_tiny_patch4_window7_224", img_size=64)
    assert [f.shape[1] for f in backbone(torch.zeros(1, 3, 64, 64))] == backbone.channels


@pytest.mark.parametrize("name", ["vit_tiny_patch16_224", "swin_tiny_patch4_window7_224", "levit_128s"])
def test_models_made_for_one_size_fit_the_recipes_crops(name):
    recipe = compose("regression", "300w", "quick", [f"method.backbone={name}", "method.backbone_options={}"])
    method = build_method("regression", "ibug68", recipe).eval()
    size = recipe["image_size"]
    assert size != method.features.made_for == 224
    assert method.predict_crops(torch.zeros(1, 3, size, size)).shape == (1, 68, 2)
    # built by hand they take what timm made them for
    with pytest.raises(
        UserError, match=rf"{name}', as it is built, cannot take pictures of {size} px .* image_size=224"
    ):
        BACKBONES.build(name)(torch.zeros(1, 3, size, size))
    assert BACKBONES.build(name, img_size=size)(torch.zeros(1, 3, size, size))


def test_a_model_that_fits_one_size_alone_says_so():
    change = ["method.backbone=efficientformer_l1", "method.backbone_options={}"]
    method = build_method("regression", "ibug68", compose("regression", "300w", "quick", change)).eval()
    with pytest.raises(UserError, match=r"cannot take pictures of 128 px .*: set image_size=224"):
        method.predict_crops(torch.zeros(1, 3, 128, 128))


def test_vector():
    backbone = BACKBONES.build({"type": "resnet18", "features_only": False, "out_features": 7})
    assert backbone(torch.zeros(2, 3, 32, 32)).shape == (2, 7)


def test_other_input_channels():
    assert BACKBONES.build("resnet18", in_channels=5)(torch.zeros(2, 5, 32, 32))


@pytest.mark.parametrize(
    "config, words",
    [
        ({"type": "resnet81"}, "resnet81.*resnet"),
        ({"type": "timm", "model": "rezznet18"}, "rezznet18.*did you mean"),
        ({"type": "resnet18", "weights": "nowhere.pth"}, "nowhere.pth"),
        ({"type": "resnet18", "no_such_option": 1}, "no_such_option"),
    ],
    ids=str,
)
def test_bad_names_and_options_are_one_sentence(config, words):
    with pytest.raises(UserError, match=words):
        BACKBONES.build(config)
