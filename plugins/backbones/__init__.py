"""The built-in backbones: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import BackboneSpec

PLUGINS: list[BackboneSpec] = [
    BackboneSpec(
        name="resnet_encoder",
        target="parface_bench.plugins.backbones.resnet_encoder:ResNetEncoder",
        summary="ResNet-18 from an image of 64 to 1024 px to a code; the encoder Q of 3FabRec and ParFace-Net",
        reference="Browatzki & Wallraven, 3FabRec, CVPR 2020, arXiv:1911.10448",
    ),
    BackboneSpec(
        name="inverse_resnet",
        takes="codes",
        target="parface_bench.plugins.backbones.inverse_resnet:InverseResNet",
        summary="ResNet-18 turned round, from a code to an image; the decoder P of 3FabRec and ParFace-Net",
        reference="Browatzki & Wallraven, 3FabRec, CVPR 2020, arXiv:1911.10448",
    ),
    BackboneSpec(
        name="timm",
        target="parface_bench.plugins.backbones.timm_family:TimmBackbone",
        summary="every model of timm, by its own name (resnet18, convnext_tiny, hrnet_w18, ...)",
        reference="https://github.com/huggingface/pytorch-image-models",
        licence="Apache-2.0 (code); weights: see the model's card",
        family=True,
        example="resnet18",
    ),
]
