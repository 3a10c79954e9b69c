"""Results grouped into tables: what may be ranked together, over seeds, best and ties."""

from __future__ import annotations

import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from parface_bench.leaderboard.result import Result
from parface_bench.registry import UserError, nearest

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
    """A value and its spread: half the 95 % interval over faces or, over several seeds, the standard deviation."""

    value: float | None = None
    spread: float | None = None
    interval: tuple[float, float] | None = None
    best: bool = False
    tied: bool = False


@dataclass
class Row:
    """A method's line. ``source`` marks numbers reported elsewhere, ``impossible`` what the audit found in them."""

    method: str
    config: str = ""
    rank: int | None = None
    cells: dict[tuple[str, str], Cell] = field(default_factory=dict)
    n: int | None = None
    excluded: int = 0
    seeds: int = 1
    contaminated: bool = False
    source: str = ""
    impossible: str = ""
    cost: dict[str, float | None] = field(default_factory=dict)
    extra: dict[str, Any] = field(default_factory=dict)
    runs: list[str] = field(default_factory=list)
    command: str = ""
    created: str = ""
    results: list[Result] = field(default_factory=list)


@dataclass
class Table:
    """Rows that were scored on the same faces by the same version of a protocol."""

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

    @property
    def heading(self) -> str:
        """Data set, protocol and version, faces, short fingerprint."""
        if not self.fingerprint:
            return f"{self.dataset} · protocol {self.protocol} · reported elsewhere, not measured here"
        version, faces, data = self.protocol_version, self.counts["full"], self.fingerprint[:8]
        return f"{self.dataset} · protocol {self.protocol} v{version} · {faces} faces · data {data}"


def build_tables(
    results: Iterable[Result],
    *,
    dataset: str | None = None,
    protocol: str | None = None,
    subsets: Sequence[str] = (),
    cost: bool = False,
    extra: Sequence[tuple[str, Callable[[dict[str, Any]], Any]]] = (),
) -> list[Table]:
    """One table per data set, protocol, protocol version and data fingerprint.

    Args:
        results: recorded results, oldest first.
        dataset, protocol: keep these only.
        subsets: show all metrics of these; by default all metrics of ``full`` and the main metric of the others.
        cost: add cost columns.
        extra: further columns: heading and a function of the result document.

    Raises:
        UserError: nothing is left; the sentence names what there is.
    """
    results = list(results)
    for key, wanted in (("dataset", dataset), ("protocol", protocol)):
        known = {r.document[key] for r in results}
        if wanted is not None and results and wanted not in known:
            raise UserError(f"no results for {key} {wanted!r}{nearest(wanted, known)}")
        results = [r for r in results if wanted is None or r.document[key] == wanted]
    groups: dict[tuple[str, str, str, str], list[Result]] = {}
    for result in results:
        d = result.document
        key4 = (d["dataset"], d["protocol"], str(d["protocol_version"]), d["data_fingerprint"])
        groups.setdefault(key4, []).append(result)
    # newest protocol version and most faces first, so that the main table of a data set is on top
    order = sorted(groups, key=lambda k: (k[0], k[1], [-p for p in _version(k[2])], -_faces(groups[k]), k[3]))
    return [_table(key4, groups[key4], subsets, cost, extra) for key4 in order]


def rank(table: Table) -> None:
    """Sort rows by the main metric, number them, and mark the best of each column and what lies in its interval.

    Contaminated and reported rows keep their place in the order of their kind but have no rank and no mark.
    """
    main = table.columns[0]

    def place(row: Row) -> tuple[bool, bool, float]:
        value = row.cells.get((main.subset, main.metric), Cell()).value
        sign = -1.0 if main.higher_is_better else 1.0
        return bool(row.source), value is None, sign * (value or 0.0)

    table.rows.sort(key=place)
    ranked = [r for r in table.rows if not r.source and not r.contaminated]
    if main.higher_is_better is not None:
        for number, row in enumerate((r for r in ranked if _value(r, main) is not None), start=1):
            row.rank = number
    for column in table.columns:
        cells = [r.cells[column.subset, column.metric] for r in ranked if _value(r, column) is not None]
        if column.higher_is_better is None or not cells:
            continue
        pick = max if column.higher_is_better else min
        best = pick(cells, key=lambda c: c.value if c.value is not None else 0.0)
        low, high = best.interval or (best.value, best.value)
        for cell in cells:
            cell.best = cell.value == best.value
            cell.tied = not cell.best and low <= cell.value <= high  # type: ignore[operator]


def _table(
    key: tuple[str, str, str, str],
    results: list[Result],
    subsets: Sequence[str],
    cost: bool,
    extra: Sequence[tuple[str, Callable[[dict[str, Any]], Any]]],
) -> Table:
    columns = choose_columns([r.document for r in results], subsets, key[0])
    runs: dict[tuple[str, str], dict[int | None, Result]] = {}
    for result in results:  # oldest first, so that the newest run of a seed stays
        d = result.document
        runs.setdefault((d["method"], d["config_hash"]), {})[d["seed"]] = result
    rows = [_row(list(by_seed.values()), columns, extra) for by_seed in runs.values()]
    _name_configs(rows)
    full = max(results, key=lambda r: r.document["n"]).document
    counts = {name: row["n"] for name, row in full["subsets"].items()}
    cost_columns = [k for k in COST if cost and any(row.cost.get(k) is not None for row in rows)]
    shown = sum(len(by_seed) for by_seed in runs.values())
    table = Table(*key, columns, rows, counts, cost_columns, [h for h, _ in extra], len(results) - shown)
    rank(table)
    return table


def choose_columns(documents: Sequence[Mapping[str, Any]], subsets: Sequence[str], dataset: str) -> list[Column]:
    """Columns over the documents' subsets: all metrics of ``full`` and the main metric of the others, or ``subsets``.

    The main metric is the first of ``full`` (or the first there is); metrics keep the order in which they appear.

    Raises:
        UserError: no such subset, or no metric at all.
    """
    found: dict[tuple[str, str], Column] = {}
    present: dict[str, None] = {}
    for document in documents:
        for subset, row in document["subsets"].items():
            present[subset] = None
            for metric in row:
                if metric != "n":
                    fact = document["metrics"].get(metric, {})
                    column = Column(subset, metric, fact.get("unit", ""), fact.get("higher_is_better"))
                    found.setdefault((subset, metric), column)
    for wanted in subsets:
        if wanted not in present:
            raise UserError(f"no subset {wanted!r} in the results for {dataset!r}{nearest(wanted, present)}")
    main = next((metric for subset, metric in sorted(found, key=lambda k: k[0] != "full")), "")
    columns = [
        column
        for subset in (subsets or sorted(present, key=lambda s: s != "full"))
        for (owner, metric), column in found.items()
        if owner == subset and (subset == "full" or subsets or metric == main)
    ]
    if not columns:
        raise UserError(f"the results for {dataset!r} hold no metrics: score them again")
    return columns


def _row(results: list[Result], columns: list[Column], extra: Sequence[tuple[str, Any]]) -> Row:
    """One method and configuration; several results differ by seed only."""
    documents = [r.document for r in results]
    newest = documents[-1]
    row = Row(
        method=newest["method"],
        config=newest.get("profile") or "",
        n=newest["n"],
        excluded=len(newest["excluded"]),
        seeds=len(documents),
        contaminated=any(d["contaminated"] for d in documents),
        runs=[d["run_id"] for d in documents],
        command=newest["command"],
        created=newest["created"],
        results=results,
    )
    for column in columns:
        entries = [d["subsets"].get(column.subset, {}).get(column.metric, {}) for d in documents]
        row.cells[column.subset, column.metric] = _cell(entries)
    for name in COST:
        row.cost[name] = _mean([d.get("cost", {}).get(name) for d in documents])
    for heading, function in extra:
        row.extra[heading] = _extra(heading, function, documents)
    return row


def _cell(entries: list[dict[str, Any]]) -> Cell:
    values = [e["value"] for e in entries if e.get("value") is not None]
    if not values:
        return Cell()
    intervals = [e["ci95"] for e in entries if e.get("ci95")]
    interval = None
    if intervals:
        interval = (statistics.fmean(i[0] for i in intervals), statistics.fmean(i[1] for i in intervals))
    if len(values) > 1:
        spread: float | None = statistics.stdev(values)
    else:
        spread = (interval[1] - interval[0]) / 2 if interval else None
    return Cell(statistics.fmean(values), spread, interval)


def _extra(heading: str, function: Callable[[dict[str, Any]], Any], documents: list[dict[str, Any]]) -> Any:
    try:
        values = [function(d) for d in documents]
    except Exception as error:
        raise UserError(
            f"the plugin column {heading!r} failed on run {documents[-1]['run_id']!r}: {type(error).__name__}: {error}"
        ) from error
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return statistics.fmean(values)
    return values[-1]


def _name_configs(rows: list[Row]) -> None:
    """Tell rows of one method and profile apart by the configuration's hash."""
    named = Counter((row.method, row.config) for row in rows)
    for row in rows:
        if named[row.method, row.config] > 1:
            row.config = f"{row.config} {row.results[0].document['config_hash'][:6]}".strip()


def _value(row: Row, column: Column) -> float | None:
    return row.cells.get((column.subset, column.metric), Cell()).value


def _mean(values: list[float | None]) -> float | None:
    present = [v for v in values if v is not None and math.isfinite(v)]
    return statistics.fmean(present) if present else None


def _faces(results: list[Result]) -> int:
    return max(r.document["n"] for r in results)


def _version(text: str) -> list[int]:
    return [int(p) if p.isdigit() else 0 for p in text.split(".")]
