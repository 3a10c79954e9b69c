"""Facts of the data sets of patients."""

from parface_bench.registry.specs import DatasetSpec

_HERE = "parface_bench.plugins.datasets"

SPECS: list[DatasetSpec] = [
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
        overlaps={"full": ("palsy:train", "palsy:parface", *(f"palsy:labeled_{k}" for k in range(1, 7)))}
        | {"train": tuple(f"palsy:labeled_{k}" for k in range(1, 7))},
        citation="Díaz Barros et al., In-Domain Inversion for 3D Face Alignment on Asymmetrical Expressions, FG 2024",
        how_to_get="write to the authors (address in the README of the ParFace repository); it is given for research",
        fallback="palsy-twin",
    ),
    DatasetSpec(
        name="neuroface",
        target=f"{_HERE}.neuroface:neuroface",
        summary="Toronto NeuroFace: orofacial gestures after stroke, with ALS and of healthy controls, 68 landmarks",
        reference="https://doi.org/10.1109/ACCESS.2020.3015762",
        licence="on request, for research",
        schema="ibug68",
        splits=("all",),
        train_splits=("all",),
        test_splits=("all",),
        protocol="300w",
        subsets={"ALS": "patients with ALS", "stroke": "patients after a stroke", "healthy": "controls"},
        citation="Bandini et al., A New Dataset for Facial Motion Analysis in ... Neurological Disorders, 2021",
        how_to_get="on request from its authors (University Health Network, Toronto), under a data transfer agreement",
    ),
    DatasetSpec(
        name="meei",
        target=f"{_HERE}.unlabelled:meei",
        summary="MEEI standard set: photographs and videos over the whole range of facial palsy, no landmarks",
        reference="https://doi.org/10.1002/lary.27986",
        licence="on request, for research",
        splits=("all",),
        train_splits=("all",),
        test_splits=(),
        subsets={
            "kind=...": "normal, flaccid, synkinetic",
            "grade=...": "near-normal, mild, moderate, severe, complete",
        },
        citation="Greene et al., The spectrum of facial palsy: the MEEI ... photo and video standard set, 2020",
        how_to_get="on request from the Sir Charles Bell Society; ParFace's MEEI_annotations.csv goes to csv/",
    ),
]
