"""Facts of the data sets of patients."""

from parface_bench.registry.specs import DatasetSpec

_HERE = "parface_bench.plugins.datasets"

SPECS = [
    DatasetSpec(
        name="palsy",
        target=f"{_HERE}.palsy:palsy",
        summary="ParFace: faces with facial palsy from videos, 68 landmarks in 3D",
        reference="https://github.com/jilliam/ParFace",
        licence="on request, for research",
        schema="ibug68",
        dims=3,
        splits=("train", "full", "parface", *(f"labeled_{k}" for k in range(1, 7)), "unlabeled"),
        test_splits=("parface",),
        protocol="parface",
        subsets={"full": "all faces of the split; further subsets as far as the annotation has columns for them"},
        citation="Díaz Barros et al., In-Domain Inversion for 3D Face Alignment on Asymmetrical Expressions, FG 2024",
        how_to_get="write to the authors (address in the README of the ParFace repository); it is given for research",
        fallback="palsy-twin",
    ),
]
