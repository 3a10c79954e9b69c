"""What a bench consists of, and which of it the store holds already."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from parface_bench.methods.recipe import variant_of
from parface_bench.registry import METHODS, UserError
from parface_bench.results.provenance import code_version, config_hash
from parface_bench.results.result import Result
from parface_bench.results.store import read_store

SEEDS = 1000  # as many as anybody has time for
SAME = ("method", "dataset", "data_fingerprint", "protocol", "seed")


@dataclass
class Cell:
    """One run of a bench.

    Attributes:
        method, dataset, split, seed, labels: what to run; ``dataset`` and ``split`` as given, ``labels`` None for all.
        options: further options of :func:`parface_bench.api.run`.
        identity: what its result will be known by, see :func:`parface_bench.api.plan`.
        state: 'to do', 'recorded' (found in the store), 'running', 'done' or 'failed'.
        note: run id, or why it failed.
    """

    method: str
    dataset: str
    split: str | None
    seed: int
    options: dict[str, Any]
    labels: int | None = None
    identity: dict[str, Any] = field(default_factory=dict)
    state: str = "to do"
    note: str = ""

    @property
    def name(self) -> str:
        """``heatmap on palsy-twin, 100 labels, seed 0``."""
        dataset = self.dataset if self.split is None else f"{self.dataset}:{self.split}"
        labels = "" if self.labels is None else f", {self.labels} labels"
        return f"{self.method} on {dataset}{labels}, seed {self.seed}"

    @property
    def key(self) -> str:
        """A name for files, the same each time that this cell is asked for."""
        mark = config_hash({**{k: self.identity[k] for k in SAME}, "config": config_hash(self.identity["config"])})
        return f"{mark}-s{self.seed}"

    def arguments(self) -> dict[str, Any]:
        """Keywords for :func:`parface_bench.api.run`."""
        own = {"split": self.split, "labels": self.labels}
        own = {key: value for key, value in own.items() if value is not None}
        return {"method": self.method, "dataset": self.dataset, "seed": self.seed, **own, **self.options}


def plan_cells(
    methods: Sequence[str],
    datasets: Sequence[str],
    seeds: int,
    options: Mapping[str, Any],
    plan: Callable[..., dict[str, Any]],
    labels: Sequence[int | None] = (),
) -> list[Cell]:
    """All cells, each with the identity of its result.

    Args:
        methods: names; one that does not learn is run with the first seed only, and with all labels.
        datasets: ``DATASET`` or ``DATASET:SPLIT``.
        seeds: number of seeds, 0, 1, ...
        options: keywords for ``plan`` and ``run``.
        plan: :func:`parface_bench.api.plan`.
        labels: numbers of labelled faces to train on; None among them, and none at all, mean all.

    Raises:
        UserError: a name is unknown or data are missing, before anything has run.
    """
    cells = []
    for method in dict.fromkeys(methods):
        learns = METHODS.spec(variant_of(method)[0]).trainable
        for dataset in dict.fromkeys(datasets):
            name, _, split = dataset.partition(":")
            for count in dict.fromkeys(labels) if learns and labels else (None,):
                first = Cell(method, name, split or None, 0, dict(options), count)
                identity = plan(**first.arguments())
                for seed in range(seeds if learns else 1):
                    own = {**identity, "seed": seed}
                    cells.append(Cell(method, name, split or None, seed, dict(options), count, own))
    return cells


def mark_recorded(cells: Sequence[Cell], store: Path) -> list[str]:
    """Mark the cells whose result the store holds; returns sentences on what in the store cannot be read."""
    if not store.exists():
        return []
    contents = read_store(store)
    for cell in cells:
        found = [r for r in contents.results if is_result_of(r, cell.identity)]
        if found:
            cell.state, cell.note = "recorded", found[-1].document["run_id"]
    return contents.problems


def is_result_of(result: Result, identity: Mapping[str, Any]) -> bool:
    """Whether a result is what a run of this identity would give: same method, configuration, faces, protocol, seed
    and major version of the code."""
    d = result.document
    return (
        all(d[key] == identity[key] for key in SAME)
        and str(d["protocol_version"]) == str(identity["protocol_version"])
        and d["config_hash"] == config_hash(identity["config"])
        and _major(d["code_version"]["package"]) == _major(code_version()["package"])
    )


def _major(version: str) -> str:
    return version.split(".", 1)[0]


def check_seeds(seeds: int) -> int:
    """At least one seed, and no more than can ever be run."""
    if not 1 <= seeds <= SEEDS:
        raise UserError(f"--seeds {seeds}: must be from 1 to {SEEDS}")
    return seeds
