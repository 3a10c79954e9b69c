"""The built-in methods: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import MethodSpec

_HERE = "parface_bench.plugins.methods"

PLUGINS: list[MethodSpec] = [
    MethodSpec(
        name="mean-shape",
        target=f"{_HERE}.mean_shape:MeanShape",
        trainable=True,
        summary="mean training shape in the crop, whatever the picture shows: the floor",
        reference="no learning; the mean of the training landmarks",
    ),
    MethodSpec(
        name="regression",
        target=f"{_HERE}.regression:Regression",
        trainable=True,
        summary="coordinates straight from pooled features, with wing, smooth L1 or L1 loss",
        reference="Feng et al., Wing Loss for Robust Facial Landmark Localisation, CVPR 2018, arXiv:1711.06753",
    ),
    MethodSpec(
        name="heatmap",
        target=f"{_HERE}.heatmap:Heatmap",
        trainable=True,
        summary="one heatmap a landmark, with MSE or adaptive wing loss; argmax, sub-pixel (local fit) or DARK decoding",
        reference="Bulat & Tzimiropoulos, ICCV 2017, arXiv:1703.07332; Wang et al., ICCV 2019, arXiv:1904.07399",
    ),
    MethodSpec(
        name="integral",
        target=f"{_HERE}.integral:Integral",
        trainable=True,
        summary="soft-argmax of heatmaps, trained on coordinates with variance regularisation",
        reference="Sun et al., Integral Human Pose Regression, ECCV 2018; Nibali et al., DSNT, arXiv:1801.07372",
    ),
    MethodSpec(
        name="parface",
        target=f"{_HERE}.parface.method:ParFace",
        trainable=True,
        summary="ParFace-Net: 3D landmarks from a face autoencoder, trained in stages, first without landmarks",
        reference="ParFace-Net, 3D face alignment for facial palsy; Browatzki & Wallraven, CVPR 2020, arXiv:1911.10448",
    ),
    MethodSpec(
        name="3fabrec",
        target=f"{_HERE}.parface.method:FabRec",
        trainable=True,
        summary="3FabRec: 2D landmarks from a face autoencoder; no in-domain inversion, no depth head of its own",
        reference="Browatzki & Wallraven, 3FabRec, CVPR 2020, arXiv:1911.10448",
    ),
]
