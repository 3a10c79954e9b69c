"""Numbers that papers report, as rows beside the measured ones: marked, never ranked, audited."""

from __future__ import annotations

from collections.abc import Sequence
from importlib.resources import files
from typing import Any

from parface_bench.leaderboard.board import choose_columns, rank
from parface_bench.leaderboard.table import Cell, Row, Selection, Table
from parface_bench.results.digest import faults
from parface_bench.results.record import metric_facts
from parface_bench.results.whole_and_parts import Composition, contradictions
from parface_bench.scoring.audit import Audit, Fault

SOURCES = "sources"  # the file of papers and pages; the others hold rows


def load_reported() -> list[dict[str, Any]]:
    """The data files of :mod:`parface_bench.reported`, one mapping each, every row with its ``source`` and ``url``."""
    import yaml

    loaded = {
        file.name.removesuffix(".yaml"): yaml.load(file.read_text(encoding="utf-8"), _loader())  # nosec B506 - safe
        for file in sorted(files("parface_bench.reported").iterdir(), key=lambda f: f.name)
        if file.name.endswith(".yaml")
    }
    known = loaded.pop(SOURCES)
    for entry in loaded.values():
        entry["rows"] = [row if "source" in row else {**row, **cited(row, known)} for row in entry["rows"]]
    return list(loaded.values())


def cited(row: dict[str, Any], known: dict[str, Any]) -> dict[str, str]:
    """``source`` and ``url`` of a row: the paper, on which pages its figures were read, and by whom if not its authors.

    Args:
        row: one with ``paper`` and ``read_in``, and maybe ``table``, ``third_party`` and ``norm_inferred``.
        known: ``papers`` and ``pages`` by these names.
    """
    paper = known["papers"][row["paper"]]
    read = " and ".join(known["pages"][page]["name"] for page in row["read_in"])
    parts = [f"{paper['cite']}, {paper['venue']} {paper['year']}", f"figures from {read}"]
    parts[1] += f", {row['table']}" if "table" in row else ""
    parts += [row["third_party"]] if "third_party" in row else []
    parts += [f"normaliser inferred: {row['norm_inferred']}"] if "norm_inferred" in row else []
    return {"source": "; ".join(parts), "url": paper["url"]}


def _loader() -> Any:
    """The safe loader, in C where there is one: the files are long."""
    import yaml

    return getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def add_reported(tables: Sequence[Table], reported: Sequence[dict[str, Any]], selection: Selection) -> list[Table]:
    """The tables with reported rows added where a table covers the same number of faces, else as tables of their own.

    Rows of part of a data set are thus never shown beside numbers for the whole of it.
    """
    tables = list(tables)
    for entry in reported:
        if not selection.takes(entry["dataset"], entry["protocol"]):
            continue
        same = [
            t
            for t in tables
            if (t.dataset, t.protocol) == (entry["dataset"], entry["protocol"])
            and t.counts.get("full") == entry["faces"]["full"]
            and not t.apart
        ]
        table = same[0] if same else _own_table(entry, selection)
        if not table.columns:
            continue
        table.rows += [_row(row, entry) for row in entry["rows"]]
        table.note = entry.get("note", "")
        rank(table)
        if not same:
            tables.append(table)
    return sorted(tables, key=lambda t: (t.dataset, t.protocol))


def _own_table(entry: dict[str, Any], selection: Selection) -> Table:
    names = {metric for row in entry["rows"] for values in row["values"].values() for metric in values}
    facts = metric_facts(names)
    columns = choose_columns([{"subsets": row["values"], "metrics": facts} for row in entry["rows"]], selection)
    return Table(entry["dataset"], entry["protocol"], "", "", columns, [], dict(entry["faces"]))


def _row(row: dict[str, Any], entry: dict[str, Any]) -> Row:
    cells = {
        (subset, metric): Cell(float(value), printed=str(value))
        for subset, metrics in row["values"].items()
        for metric, value in metrics.items()
    }
    wrong = "; ".join(_broken(row, entry))
    return Row(row["method"], source=row["source"], url=row.get("url", ""), impossible=wrong, cells=cells)


def _broken(row: dict[str, Any], entry: dict[str, Any]) -> list[str]:
    """The rules that a row of a paper breaks, a sentence each."""
    own = faults(row["values"])
    made_up = Composition.of(entry["dataset"], entry["faces"], entry["protocol"])
    return ([own] if own else []) + (contradictions(row["values"], made_up) if made_up else [])


def reported_sizes() -> dict[str, dict[str, int]]:
    """Data set -> subset -> number of faces, as the files of reported numbers say."""
    return {entry["dataset"]: entry["faces"] for entry in load_reported()}


def audit_reported() -> Audit:
    """The audit of all reported rows; a row's number is its place in its file."""
    audit = Audit(0, 0)
    for entry in load_reported():
        for number, row in enumerate(entry["rows"], start=1):
            audit.rows += 1
            audit.checked += len(row["values"]) > 1 or any(len(values) > 1 for values in row["values"].values())
            reasons = _broken(row, entry)
            if reasons:
                audit.impossible.append(Fault(number, row["method"], entry["protocol"], row["source"], reasons))
    return audit
