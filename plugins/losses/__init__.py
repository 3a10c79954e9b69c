"""The built-in losses: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import LossSpec

_HERE = "parface_bench.plugins.losses."
PLUGINS: list[LossSpec] = [
    LossSpec(
        name="adaptive_wing",
        target=_HERE + "adaptive_wing:AdaptiveWing",
        summary="adaptive wing loss on heatmaps, as published; with the weighted loss map by weight=10",
        reference="Wang, Bo & Li, ICCV 2019, arXiv:1904.07399",
    ),
    LossSpec(
        name="adaptive_wing_parface",
        target=_HERE + "adaptive_wing:AdaptiveWingParFace",
        summary="adaptive wing loss as the original ParFace code computes it (discontinuous at theta)",
        reference="ParFace, csl_common/metrics/adaptive_wing_loss.py",
    ),
]
