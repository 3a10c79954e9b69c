"""The built-in losses: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import LossSpec

_HERE = "parface_bench.plugins.losses."
PLUGINS: list[LossSpec] = [
    LossSpec(
        name="l1",
        on="images",
        target=_HERE + "pixels:L1",
        summary="mean absolute difference, times 255: in grey levels",
        reference="the usual definition; the factor is that of 3FabRec and ParFace",
    ),
    LossSpec(
        name="l2",
        on="images",
        target=_HERE + "pixels:L2",
        summary="mean squared difference",
        reference="the usual definition",
    ),
    LossSpec(
        name="heatmap_mse",
        on="heatmaps",
        target=_HERE + "pixels:HeatmapMSE",
        summary="mean squared difference of heatmaps, without landmarks that are not visible",
        reference="Tompson et al., NeurIPS 2014, arXiv:1406.2984",
    ),
    LossSpec(
        name="smooth_l1",
        on="landmarks",
        target=_HERE + "pixels:SmoothL1",
        summary="smooth L1 on coordinates",
        reference="Girshick, Fast R-CNN, ICCV 2015",
    ),
    LossSpec(
        name="wing",
        on="landmarks",
        target=_HERE + "pixels:Wing",
        summary="wing loss on coordinates: logarithmic for small errors",
        reference="Feng et al., CVPR 2018, arXiv:1711.06753",
    ),
    LossSpec(
        name="adaptive_wing",
        on="heatmaps",
        target=_HERE + "adaptive_wing:AdaptiveWing",
        summary="adaptive wing loss on heatmaps, as published; with the weighted loss map by weight=10",
        reference="Wang, Bo & Li, ICCV 2019, arXiv:1904.07399",
    ),
    LossSpec(
        name="adaptive_wing_parface",
        on="heatmaps",
        target=_HERE + "adaptive_wing:AdaptiveWingParFace",
        summary="adaptive wing loss as the original ParFace code computes it (discontinuous at theta)",
        reference="ParFace, csl_common/metrics/adaptive_wing_loss.py",
    ),
    LossSpec(
        name="kl_simcc",
        target=_HERE + "classification:SimCCDivergence",
        summary="divergence of scores over bins [B, L, 2, bins] from soft labels, as RTMPose is trained",
        reference="Li et al., SimCC, ECCV 2022, arXiv:2107.03332; Jiang et al., RTMPose, arXiv:2303.07399",
    ),
    LossSpec(
        name="rle",
        target=_HERE + "likelihood:ResidualLogLikelihood",
        summary="residual log-likelihood of coordinates with their sigmas [B, L, 4]; forms: original, mmpose",
        reference="Li et al., Human Pose Regression with RLE, ICCV 2021, arXiv:2107.11291",
    ),
    LossSpec(
        name="ssim",
        on="images",
        target=_HERE + "structure:SSIM",
        summary="one minus structural similarity",
        reference="Wang et al., IEEE Trans. Image Processing 13(4), 2004",
    ),
    LossSpec(
        name="contrast_structure_parface",
        on="images",
        target=_HERE + "structure:ContrastStructureParFace",
        summary="what the original ParFace code calls SSIM: the contrast-structure term with a guessed range",
        reference="ParFace, csl_common/metrics/ssim.py",
    ),
    LossSpec(
        name="perceptual",
        target=_HERE + "perceptual:Perceptual",
        summary="squared distance of VGG19 features; weights from a file, a hub, or random by choice",
        reference="Johnson, Alahi & Li, ECCV 2016; Simonyan & Zisserman, ICLR 2015",
    ),
    LossSpec(
        name="wgan_gp",
        target=_HERE + "adversarial:WassersteinGP",
        summary="Wasserstein GAN with gradient penalty, as published",
        reference="Gulrajani et al., NeurIPS 2017, arXiv:1704.00028",
    ),
    LossSpec(
        name="wgan_gp_parface",
        target=_HERE + "adversarial:WassersteinGPParFace",
        summary="WGAN-GP as the original ParFace code computes it: softplus of the critic's probability",
        reference="ParFace, src/aae_training.py",
    ),
    LossSpec(
        name="gan",
        target=_HERE + "adversarial:GAN",
        summary="GAN with the non-saturating generator loss",
        reference="Goodfellow et al., NeurIPS 2014, arXiv:1406.2661",
    ),
    LossSpec(
        name="code_adversary",
        target=_HERE + "adversarial:CodeAdversary",
        summary="adversarial autoencoder: codes should look like normal samples",
        reference="Makhzani et al. 2015, arXiv:1511.05644",
    ),
]
