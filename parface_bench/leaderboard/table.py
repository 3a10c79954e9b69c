"""What a leaderboard consists of: tables, rows, cells; and what of it is wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from parface_bench.results.result import Result

# What ± and ≈ mean, in every table.
PLUS_MINUS = "half the 95 % interval over faces and seeds; where there is one seed or no randomness, over faces."
TIE = "no clear difference from the best: the 95 % interval of the paired difference (same faces) holds 0."
# Cost entry -> heading, unit, factor to that unit.
COST = {
    "parameters": ("parameters", "M", 1e-6),
    "gflops": ("GFLOPs", "", 1.0),
    "ms_per_face": ("ms/face, batch 1", "", 1.0),
    "ms_per_face_batch32": ("ms/face, batch 32", "", 1.0),
    "peak_memory_mib": ("peak memory", "MiB", 1.0),
}


@dataclass(frozen=True)
class Column:
    """A metric of a subset. ``higher_is_better`` None: no arrow, never ranked."""

    subset: str
    metric: str
    unit: str = ""
    higher_is_better: bool | None = None


@dataclass
class Cell:
    """A value and its spread, half the 95 % interval over faces and seeds (of one run: over faces).

    ``tied`` is set where the paired difference from the best row is not clear, ``printed`` is the value as its source
    prints it, where it was not measured here.
    """

    value: float | None = None
    spread: float | None = None
    interval: tuple[float, float] | None = None
    best: bool = False
    tied: bool = False
    printed: str = ""


@dataclass
class Row:
    """A method's line. ``source`` marks numbers reported elsewhere, ``impossible`` what the audit found in them.

    ``results`` are all its runs, ``counted`` those that differ in their numbers. ``key`` names them with their files.
    ``no_errors`` says why the per-face errors cannot be used, ``rough`` names the columns whose
    interval over several runs was made without them.
    """

    method: str
    config: str = ""
    rank: int | None = None
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    n: int | None = None
    excluded: int = 0
    seeds: int = 1
    contaminated: bool = False
    source: str = ""
    url: str = ""
    impossible: str = ""
    cost: dict[str, float | None] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    command: str = ""
    created: str = ""
    results: list[Result] = field(default_factory=list)
    counted: list[Result] = field(default_factory=list)
    key: str = ""
    no_errors: str = ""
    rough: list[tuple[str, str]] = field(default_factory=list)

    @property
    def reference(self) -> str:
        """Source and address of reported numbers; '' for measured ones."""
        return f"{self.source}, {self.url}" if self.url else self.source


class Group(NamedTuple):
    """What results must share to be ranked together.

    ``unscored`` are the landmarks of the data that the method does not give, ``crop`` is the crop's mode where it is
    another than the protocol's.
    """

    dataset: str
    protocol: str
    version: str
    fingerprint: str
    unscored: tuple[int, ...] = ()
    crop: str = ""


@dataclass
class Table:
    """Rows that were scored on the same faces and landmarks by the same version of a protocol.

    ``whole`` is the number of faces of the data set's scored splits, None where it is not known; ``apart`` says what
    keeps the rows from the data set's main table.
    """

    dataset: str
    protocol: str
    protocol_version: str
    fingerprint: str
    columns: list[Column]
    rows: list[Row]
    counts: dict[str, int]
    cost: list[str] = field(default_factory=list)
    extra: list[str] = field(default_factory=list)
    older: int = 0
    note: str = ""
    group: Group | None = None
    whole: int | None = None
    apart: str = ""

    @property
    def heading(self) -> str:
        """Data set, protocol and version, faces, short fingerprint."""
        if not self.fingerprint:
            return f"{self.dataset} · protocol {self.protocol} · reported elsewhere, not measured here"
        version, faces, data = self.protocol_version, self.counts["full"], self.fingerprint[:8]
        of = f" of {self.whole}" if self.whole and faces < self.whole else ""
        apart = f" · {self.apart}" if self.apart else ""
        return f"{self.dataset} · protocol {self.protocol} v{version} · {faces}{of} faces{apart} · data {data}"


@dataclass(frozen=True)
class Selection:
    """What to show.

    Attributes:
        dataset, protocol: these only; ``DATASET:SPLIT`` for what was scored on another than the test splits.
        subsets: all metrics of these; by default all metrics of ``full`` and the main metric of the others.
        metrics: these only.
        cost: add cost columns.
    """

    dataset: str | None = None
    protocol: str | None = None
    subsets: Sequence[str] = ()
    metrics: Sequence[str] = ()
    cost: bool = False

    def takes(self, dataset: str, protocol: str) -> bool:
        """Whether a table of this data set (``DATASET``, or ``DATASET:SPLIT``) and protocol is wanted."""
        data = (None, dataset, dataset.partition(":")[0])
        return self.dataset in data and self.protocol in (None, protocol)
