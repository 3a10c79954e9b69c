"""The built-in normalising distances: facts only, so that listing them imports none of them."""

from parface_bench.registry.specs import NormSpec

_HERE = "parface_bench.plugins.norms"
_300W = "Sagonas et al., 300 Faces in-the-Wild Challenge, 2013"
_POSE = "Zhu et al., Face Alignment in Full Pose Range, 2017"

PLUGINS: list[NormSpec] = [
    NormSpec(
        name="outer",
        target=f"{_HERE}.eyes:outer",
        summary="Distance of the outer eye corners (inter-ocular)",
        reference=_300W,
    ),
    NormSpec(
        name="inner",
        target=f"{_HERE}.eyes:inner",
        summary="Distance of the inner eye corners",
        reference=_300W,
    ),
    NormSpec(
        name="pupil",
        target=f"{_HERE}.eyes:pupil",
        summary="Distance of the eye centres, each the mean of the eye's landmarks (inter-pupil)",
        reference=_300W,
    ),
    NormSpec(
        name="parface-pupil",
        target=f"{_HERE}.eyes:parface_pupil",
        summary="Mean of the inner-corner and the outer-corner distance",
        reference="ParFace, src/train_aae_landmarks_3d.py",
    ),
    NormSpec(
        name="bbox",
        target=f"{_HERE}.boxes:bbox",
        summary="sqrt(w * h) of the tight box of the true landmarks, in x and y",
        reference=_POSE,
    ),
    NormSpec(
        name="bbox-max",
        target=f"{_HERE}.boxes:bbox_max",
        summary="max(w, h) of the tight box of the true landmarks, in x and y",
        reference=_POSE,
    ),
    NormSpec(
        name="bbox-diag",
        target=f"{_HERE}.boxes:bbox_diag",
        summary="Diagonal of the tight box of the true landmarks, in x and y",
        reference="Deng et al., The Menpo Benchmark, 2019",
    ),
    NormSpec(
        name="face-size",
        target=f"{_HERE}.boxes:face_size",
        summary="sqrt(w * h) of the annotated face box, or its column box_size",
        reference="Zhu et al., Unconstrained Face Alignment via Cascaded Compositional Learning, 2016",
    ),
    NormSpec(
        name="image",
        target=f"{_HERE}.boxes:image",
        summary="Side of the square crop in pixels",
        reference="ParFace, src/train_aae_landmarks_3d.py",
    ),
    NormSpec(
        name="none",
        target=f"{_HERE}.boxes:none",
        summary="100, so that the percentage is pixels",
        reference="this project",
    ),
]
