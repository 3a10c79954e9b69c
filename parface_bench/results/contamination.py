"""Whether a method has seen the faces that it is scored on: by the data sets' own facts on what they share."""

from __future__ import annotations

from collections.abc import Iterable

from parface_bench.registry import DATASETS, DatasetSpec


def contaminated(trained_on: Iterable[str], dataset: str, splits: Iterable[str]) -> bool:
    """Whether any of the scored faces is among those that a method was trained on.

    Args:
        trained_on: ``DATASET:SPLIT`` names, or ``DATASET`` for all of its splits; a split that the data set does not
            have may mean any part of it and counts as the whole.
        dataset, splits: what is scored; no split means all of them.

    Splits share faces as the fact ``overlaps`` of their data sets says (either of the two may say so); a split always
    shares them with itself. Data sets that are not registered here are known by their names alone.
    """
    scored = [part for split in splits for part in _parts(f"{dataset}:{split}")] or _parts(dataset)
    return any(_share(seen, part) for name in trained_on for seen in _parts(name) for part in scored)


def _share(one: tuple[str, str], other: tuple[str, str]) -> bool:
    if one[0] == other[0] and (one[1] == other[1] or not (one[1] and other[1])):
        return True
    return other in _overlaps(*one) or one in _overlaps(*other)


def _parts(name: str) -> list[tuple[str, str]]:
    """(data set, split) of each split that a name means."""
    dataset, _, split = name.partition(":")
    spec = _spec(dataset)
    if spec is None or split in spec.splits:
        return [(dataset, split)]
    return [(dataset, each) for each in spec.splits]


def _overlaps(dataset: str, split: str) -> set[tuple[str, str]]:
    spec = _spec(dataset)
    said = spec.overlaps.get(split, ()) if spec else ()
    return {part for name in ((said,) if isinstance(said, str) else said) for part in _parts(name)}


def _spec(dataset: str) -> DatasetSpec | None:
    return DATASETS.spec(dataset) if dataset in DATASETS else None
