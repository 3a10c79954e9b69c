"""Which results of a store the page is about: a method, what it was trained on, the faces it was scored on."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from parface_bench.clinical.scored import Scored, scored
from parface_bench.registry import UserError
from parface_bench.results.provenance import config_hash
from parface_bench.results.result import Result
from parface_bench.results.store import read_store

ALL, HEALTHY, OFF_THE_SHELF = "all faces", "healthy faces only", "other data, as published"


@dataclass
class Entry:
    """A method with one training on the faces of one split.

    Attributes:
        faces: errors are means over the seeds, measures are those of the lowest seed.
        method: its name, with the profile where the store has several of it.
        training: what it was trained on, such as :data:`ALL` and :data:`HEALTHY`.
        paired: the faces are pairs without and with palsy.
        seeds: NME of every seed.
        lacking: why the measures are not there, '' where they are.
    """

    faces: Scored
    method: str
    training: str
    paired: bool
    seeds: list[float]
    lacking: str = ""

    @property
    def name(self) -> str:
        """Method, with its training where that needs to be said."""
        said = {ALL: "", OFF_THE_SHELF: "", HEALTHY: " (healthy)"}
        return self.method + said.get(self.training, f" ({self.training})")


def entries(store: Path, dataset: str) -> list[Entry]:
    """The results to tell of, by method; where a method has several configurations, the one with most faces and seeds.

    Runs with few labels are left out.
    """
    groups: dict[tuple[Any, ...], dict[int, Result]] = {}
    for result in read_store(store).results:  # oldest first, so that the newest of a seed stays
        d = result.document
        if d["dataset"] == dataset and not d["config"].get("labels"):
            who = (d["method"], d.get("profile"), training(d, dataset), "paired" in (d.get("split") or ()))
            key = (*who, d["data_fingerprint"], config_hash(d["config"]))
            groups.setdefault(key, {})[d.get("seed") or 0] = result
    chosen: dict[tuple[Any, ...], dict[int, Result]] = {}
    for key, results in groups.items():
        if key[:4] not in chosen or _weight(results) > _weight(chosen[key[:4]]):
            chosen[key[:4]] = results
    profiles: dict[str, set[Any]] = {}
    for method, profile, *_ in chosen:
        profiles.setdefault(method, set()).add(profile)
    made = [
        _entry(results, f"{method} ({profile})" if len(profiles[method]) > 1 else method, trained, paired)
        for (method, profile, trained, paired), results in chosen.items()
    ]
    return sorted(made, key=lambda e: (e.paired, e.training == HEALTHY, -float(np.mean(e.seeds))))


def training(document: dict[str, Any], dataset: str) -> str:
    """What a result's method was trained on."""
    seen = list(document.get("trained_on") or [])
    weights = document.get("checkpoint") or {}
    recipe = document.get("config", {}).get("recipe") or {}
    options = weights.get("data_options") or {} if weights else recipe.get("dataset") or {}
    own = any(name.partition(":")[0] == dataset for name in seen)
    if own:
        return HEALTHY if options.get("palsy") is False else ALL
    trained_here = weights or document.get("training_data")
    return ", ".join(seen) if trained_here and seen else OFF_THE_SHELF


def of(found: Iterable[Entry], *, paired: bool, healthy: bool | None = False) -> list[Entry]:
    """Those on pairs or on single faces; ``healthy`` None: whatever they were trained on."""
    return [e for e in found if e.paired == paired and (healthy is None or (e.training == HEALTHY) == healthy)]


def both_trainings(found: Sequence[Entry], *, paired: bool) -> list[tuple[Entry, Entry]]:
    """(trained on all faces, trained on healthy faces only) of each method that has both."""
    healthy = {e.method: e for e in of(found, paired=paired, healthy=True)}
    return [(e, healthy[e.method]) for e in of(found, paired=paired) if e.training == ALL and e.method in healthy]


def aligned(one: Entry, other: Entry) -> tuple[Scored, Scored]:
    """The faces that both have, in the same order."""
    a, b = one.faces, other.faces
    place = {name: row for row, name in enumerate(b.errors["id"])}
    rows = np.array([row for row, name in enumerate(a.errors["id"]) if name in place], dtype=int)
    there = np.array([place[name] for name in a.errors["id"].iloc[rows]], dtype=int)
    return chosen(a, rows), chosen(b, there)


def chosen(faces: Scored, rows: np.ndarray) -> Scored:
    """These rows of scored faces."""
    return replace(
        faces,
        errors=faces.errors.iloc[rows].reset_index(drop=True),
        tags={name: values[rows] for name, values in faces.tags.items()},
        person=None if faces.person is None else faces.person[rows],
        pair=None if faces.pair is None else faces.pair[rows],
    )


def _weight(results: dict[int, Result]) -> tuple[Any, ...]:
    documents = [r.document for r in results.values()]
    return max(d["n"] for d in documents), len(results), max(d["created"] for d in documents)


def _entry(results: dict[int, Result], method: str, trained: str, paired: bool) -> Entry:
    faces = scored(results[min(results)])
    numeric = [c for c in faces.errors if c in ("nme", "gte") or (c[:1] == "e" and c[1:].isdecimal())]
    tables = [r.errors().set_index("id").reindex(faces.errors["id"])[numeric].to_numpy() for r in results.values()]
    if len(tables) > 1:
        faces.errors = faces.errors.assign(**dict(zip(numeric, np.mean(tables, axis=0).T, strict=True)))
    nme = [results[seed].document["subsets"]["full"]["NME"]["value"] for seed in sorted(results)]
    lacking = ""
    try:
        faces.measured("height_asymmetry_mouth")
    except UserError as error:
        lacking = str(error)
    return Entry(faces, method, trained, paired, nme, lacking)
