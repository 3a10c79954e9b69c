"""Results grouped into tables: what may be ranked together, over seeds, best and ties."""

from __future__ import annotations

import copy
import math
import statistics
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, SupportsFloat

from parface_bench.leaderboard.table import COST, Cell, Column, Group, Row, Selection, Table
from parface_bench.leaderboard.uncertain import Uncertain
from parface_bench.progress import progress
from parface_bench.registry import DATASETS, UserError, catalogue, nearest
from parface_bench.results.contamination import contaminated
from parface_bench.results.digest import Digest, faults, values_of
from parface_bench.results.result import Result
from parface_bench.results.store_index import Memory
from parface_bench.scoring.protocol import load_protocol
from parface_bench.scoring.report import main_subsets

Extra = tuple[str, Callable[[dict[str, Any]], Any]]
_LONG = 100  # rows before a bar is shown


def group_of(document: Mapping[str, Any]) -> Group:
    """The group of a result; those of version 0.1 have no crop of their own, but the recipe that they were made by."""
    crop = document.get("crop")
    if crop is None and document["config"].get("train"):
        crop = document["config"].get("recipe", {}).get("crop")
    mode = (crop or {}).get("mode", "auto")
    return Group(
        scored_data(document),
        document["protocol"],
        str(document["protocol_version"]),
        document["data_fingerprint"],
        tuple(document.get("unmapped") or ()),
        "" if mode in ("auto", _crop_of(document)) else mode,
    )


def scored_data(document: Mapping[str, Any]) -> str:
    """``DATASET``, or ``DATASET:SPLIT`` where that was scored instead of the data set's test splits."""
    name, splits = document["dataset"], document.get("split") or []
    splits = [splits] if isinstance(splits, str) else list(splits)
    if not splits or name not in DATASETS or set(splits) == set(DATASETS.spec(name).test_splits):
        return str(name)
    return f"{name}:{'+'.join(splits)}"


def _crop_of(document: Mapping[str, Any]) -> str:
    """The crop's mode that the protocol asks for."""
    stated = document.get("protocol_crop")
    if stated:
        return str(stated)
    try:
        return load_protocol(document["protocol"]).crop
    except UserError:
        return ""


def build_tables(
    results: Iterable[Result], selection: Selection, extra: Sequence[Extra] = (), memory: Memory | None = None
) -> list[Table]:
    """One table per data set, protocol, protocol version, data fingerprint, set of scored landmarks and crop.

    Args:
        results: recorded results, oldest first.
        selection: what to show.
        extra: further columns: heading and a function of the result document.
        memory: intervals and ties that were worked out before.

    Raises:
        UserError: a selected name is nowhere in the results.
    """
    results, memory = list(results), memory or Memory()
    _check_names([r.document for r in results], selection)
    groups: dict[Group, list[Result]] = {}
    for result in results:
        if selection.takes(scored_data(result.document), result.document["protocol"]):
            groups.setdefault(group_of(result.document), []).append(result)
    # newest protocol version, most faces, all landmarks first, so that the main table of a data set is on top
    order = sorted(
        groups,
        key=lambda k: (*k[:2], [-p for p in _version(k[2])], -_faces(groups[k]), k.fingerprint, k.crop, k.unscored),
    )
    tables = [_table(key, groups[key], selection, extra, memory) for key in order]
    return [table for table in tables if table.columns]


def rank(table: Table, uncertain: Uncertain | None = None) -> None:
    """Sort rows by the main metric, number them, and mark the best of each column and, with ``uncertain``, its ties.

    Contaminated, reported and impossible rows keep their place in the order of their kind but have no rank and no mark.
    """
    main = table.columns[0]

    def place(row: Row) -> tuple[bool, bool, float]:
        value = row.cells.get((main.subset, main.metric), Cell()).value
        sign = -1.0 if main.higher_is_better else 1.0
        return bool(row.source), value is None, sign * (value or 0.0)

    table.rows.sort(key=place)
    ranked = [r for r in table.rows if not (r.source or r.contaminated or r.impossible)]
    if main.higher_is_better is not None:
        for number, row in enumerate((r for r in ranked if _value(r, main) is not None), start=1):
            row.rank = number
    bests: dict[tuple[str, str], Row] = {}
    for column in table.columns:
        rows = [r for r in ranked if _value(r, column) is not None]
        if column.higher_is_better is None or not rows:
            continue
        key = column.subset, column.metric
        pick = max if column.higher_is_better else min
        best = bests[key] = pick(rows, key=lambda r: r.cells[key].value or 0.0)
        for row in rows:
            row.cells[key].best = row.cells[key].value == best.cells[key].value
    if uncertain is not None:
        uncertain.tie(ranked, bests)


def _table(key: Group, results: list[Result], selection: Selection, extra: Sequence[Extra], memory: Memory) -> Table:
    columns = choose_columns([r.document for r in results], selection)
    uncertain = Uncertain(columns, memory)
    runs: dict[tuple[str, str], dict[int | None, Result]] = {}
    for result in results:  # oldest first, so that the newest run of a seed stays
        d = result.document
        runs.setdefault((d["method"], d["config_hash"]), {})[d["seed"]] = result
    rows = [_row(list(by_seed.values()), columns, extra) for by_seed in runs.values()]
    for row in progress(rows, f"intervals of {len(rows)} rows", long=_LONG):
        uncertain.fill(row)
    _name_configs(rows)
    full = max(results, key=lambda r: r.document["n"]).document
    asked = [name for name in selection.subsets if name in full["subsets"]]
    counts = {name: full["subsets"][name]["n"] for name in ["full", *(asked or main_subsets(full["subsets"]))]}
    cost_columns = [k for k in COST if selection.cost and any(row.cost.get(k) is not None for row in rows)]
    shown = sum(len(by_seed) for by_seed in runs.values())
    table = Table(*key[:4], columns, rows, counts, cost_columns, [h for h, _ in extra], len(results) - shown)
    table.group, table.whole, table.apart = key, _whole(full), _apart(key, full)
    if columns:
        rank(table, uncertain)
    return table


def _whole(document: Mapping[str, Any]) -> int | None:
    """How many faces the scored splits have where the data set is there as a whole; None where that is not known."""
    splits = document.get("split") or []
    try:
        counts = DATASETS.spec(document["dataset"]).counts
    except UserError:
        return None
    splits = [splits] if isinstance(splits, str) else splits
    return sum(counts[s] for s in splits) if splits and all(s in counts for s in splits) else None


def _apart(key: Group, document: Mapping[str, Any]) -> str:
    """What a table's rows have in common that keeps them from the data set's main table."""
    parts = []
    if key.unscored:
        landmarks = len(document.get("breakdown", {}).get("full", {}).get("landmark", ()))
        scored = f"{landmarks - len(key.unscored)} of {landmarks}" if landmarks else f"all but {len(key.unscored)}"
        parts.append(f"{scored} landmarks")
    if key.crop:
        parts.append(f"crop {key.crop} instead of the protocol's")
    return ", ".join(parts)


def choose_columns(documents: Sequence[Mapping[str, Any]], selection: Selection) -> list[Column]:
    """The selected columns of documents with ``subsets`` and ``metrics``; none where nothing selected is in them.

    The main metric is the first of ``full`` (or the first there is); metrics keep the order in which they appear.
    """
    found: dict[tuple[str, str], Column] = {}
    for document in documents:
        for subset, row in document["subsets"].items():
            for metric in row:
                if metric != "n":
                    fact = document["metrics"].get(metric, {})
                    column = Column(subset, metric, fact.get("unit", ""), fact.get("higher_is_better"))
                    found.setdefault((subset, metric), column)
    main = next((metric for _, metric in sorted(found, key=lambda k: k[0] != "full")), "")
    shown = main_subsets(dict.fromkeys(subset for subset, _ in found))
    subsets = selection.subsets or sorted(shown, key=lambda s: s != "full")

    def wanted(subset: str, metric: str) -> bool:
        if not selection.subsets and subset != "full" and _is_full(documents, subset, main):
            return False
        if selection.metrics:
            return metric in selection.metrics
        return bool(selection.subsets) or subset == "full" or metric == main

    return [
        column
        for subset in subsets
        for (owner, metric), column in found.items()
        if owner == subset and wanted(subset, metric)
    ]


def _is_full(documents: Sequence[Mapping[str, Any]], subset: str, main: str) -> bool:
    """Whether a subset holds the same faces as ``full`` wherever it occurs, so that its column would say nothing."""
    pairs = [(d["subsets"][subset], d["subsets"].get("full", {})) for d in documents if subset in d["subsets"]]
    return all(
        own.get("n") is not None
        and own["n"] == full.get("n")
        and own.get(main, {}).get("value") == full.get(main, {}).get("value")
        for own, full in pairs
    )


def _check_names(documents: Sequence[Mapping[str, Any]], selection: Selection) -> None:
    subsets = {subset for d in documents for subset in d["subsets"]}
    metrics = {metric for d in documents for row in d["subsets"].values() for metric in row} - {"n"}
    for kind, wanted, known in (
        ("data set", [selection.dataset], {n for d in documents for n in (d["dataset"], scored_data(d))}),
        ("protocol", [selection.protocol], {d["protocol"] for d in documents}),
        ("subset", selection.subsets, subsets),
        ("metric", selection.metrics, metrics),
    ):
        for name in wanted:
            if name is not None and name not in known:
                raise UserError(f"no results for {kind} {name!r}{nearest(name, known)}")


def _row(results: list[Result], columns: list[Column], extra: Sequence[Extra]) -> Row:
    """One method and configuration; several results differ by seed only."""
    runs = [r.document["run_id"] for r in results]
    counted = results[-1:] if _equal(results) else results  # equal runs: nothing is random here, and no seed counts
    documents = [r.document for r in counted]
    newest = documents[-1]
    row = Row(
        method=newest["method"],
        config=", ".join(filter(None, [newest.get("profile"), _few_labels(newest)])),
        n=newest["n"],
        excluded=len(newest["excluded"]),
        seeds=len(documents),
        contaminated=any(_has_seen(d) for d in documents),
        runs=runs,
        command=newest["command"],
        created=newest["created"],
        results=results,
        counted=counted,
    )
    for column in columns:
        entries = [d["subsets"].get(column.subset, {}).get(column.metric, {}) for d in documents]
        row.cells[column.subset, column.metric] = Cell(_mean([e.get("value") for e in entries]))
    for name in COST:
        row.cost[name] = _mean([d.get("cost", {}).get(name) for d in documents])
    last = results[-1]
    row.impossible = last.faults if isinstance(last, Digest) else faults(values_of(last.document))
    for heading, function in extra:
        row.extra[heading] = _extra(heading, function, documents)
    return row


def _equal(results: list[Result]) -> bool:
    """Whether results have the same numbers in every subset."""
    first = results[0]
    if isinstance(first, Digest):
        return all(isinstance(r, Digest) and r.numbers == first.numbers for r in results)
    return all(r.document["subsets"] == first.document["subsets"] for r in results)


def _few_labels(document: Mapping[str, Any]) -> str:
    labels = document["config"].get("labels")
    return "" if labels is None else f"{labels} labels"


def _has_seen(document: Mapping[str, Any]) -> bool:
    """The mark that was recorded, or what the data sets' facts say today."""
    splits = document.get("split") or []
    splits = [splits] if isinstance(splits, str) else splits
    return bool(document["contaminated"]) or contaminated(document["trained_on"], document["dataset"], splits)


def _extra(heading: str, function: Callable[[dict[str, Any]], Any], documents: list[dict[str, Any]]) -> Any:
    values: list[Any] = []
    with catalogue.noting(f"column {heading!r}"):
        values += [_shown(function(copy.deepcopy(d))) for d in documents]
    if not values:
        return None
    if all(isinstance(v, (int, float)) and not isinstance(v, bool) for v in values):
        return statistics.fmean(values)
    return values[-1]


def _shown(value: Any) -> str | int | float | None:
    """What a plugin's column holds, as something that every format can show."""
    if value is None or isinstance(value, (bool, int, str)):
        return value if not isinstance(value, int) or abs(value) < 1 << 53 else str(value)[:40]
    number = float(value) if isinstance(value, SupportsFloat) else None
    return str(value)[:200] if number is None else number if math.isfinite(number) else None


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
    return [int(p) if p.isdecimal() else 0 for p in text.split(".")]
