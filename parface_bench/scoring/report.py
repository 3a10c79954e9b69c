"""A result document as text for the screen."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from parface_bench.grid import Cell, Grid, Head
from parface_bench.scoring.protocol import main_metrics

SHOWN = 20
_DIGITS = {"fraction": 4}


def subset_table(document: Mapping[str, Any], metrics: list[str] | None = None) -> str:
    """The per-subset table: value ± half the width of its 95 % interval, failures counted in brackets.

    It has a row per subset, or a row per metric where that is narrower. What :func:`main_subsets` leaves out is only
    counted below it.

    Args:
        document: what :func:`parface_bench.scoring.evaluate` makes.
        metrics: names of the metrics; all where None.
    """
    from tabulate import tabulate

    facts, subsets = document.get("metrics", {}), document["subsets"]
    shown = main_subsets(subsets)
    by_tag = [name for name in subsets if name not in shown]
    subsets = {name: subsets[name] for name in shown}
    names = metrics or list(facts) or [k for k in subsets["full"] if k != "n"]
    names = [name for name in names if any(name in row for row in subsets.values())]
    heads = [f"{name} {_arrow(facts.get(name, {}))}".strip() for name in names]
    table = [["subset", "faces", *heads]]
    for subset, row in subsets.items():
        cells = [_cell(row, name, facts.get(name, {}), counted=subset != "balanced") for name in names]
        table.append([subset, str(row["n"]), *cells])
    if len(names) > len(subsets):
        table = [list(column) for column in zip(*table, strict=True)]
    align = ("left", *("right" for _ in table[0][1:]))
    title = f"protocol {document['protocol']} version {document['protocol_version']}"
    if document.get("norm"):
        title += f", errors over {document['norm']}"
    text = f"{title}\n{tabulate(table[1:], headers=table[0], disable_numparse=True, colalign=align)}"
    if by_tag:
        tags = ", ".join(dict.fromkeys(name.partition("=")[0] for name in by_tag))
        text += f"\n{len(by_tag)} more subsets by {tags} in the JSON document"
    return text


def subset_grid(document: Mapping[str, Any], *, everything: bool = False) -> Grid:
    """The per-subset table for a screen: a row per subset, the protocol's main metrics, or all of them.

    Args:
        document: what :func:`parface_bench.scoring.evaluate` makes.
        everything: all metrics and all subsets.
    """
    facts, subsets = document.get("metrics", {}), document["subsets"]
    names = list(facts) or [name for name in subsets["full"] if name != "n"]
    names = names if everything else main_metrics(document)
    shown = list(subsets) if everything else [name for name in main_subsets(subsets) if "=" not in name]
    title = f"{document.get('dataset', 'table')} · protocol {document['protocol']} v{document['protocol_version']}"
    if document.get("norm"):
        title += f" · normalised by {document['norm']}"
    heads = [Head("subset", words=True, keep=0), Head("faces", keep=2)]
    heads += [
        Head(f"{name} {_arrow(facts.get(name, {}))}".strip(), keep=0 if i == 0 else 1) for i, name in enumerate(names)
    ]
    grid = Grid(title, heads)
    for subset in shown:
        row = subsets[subset]
        cells = [_cell(row, name, facts.get(name, {}), counted=False) for name in names]
        grid.rows.append([Cell(subset, "best" if subset == "full" else "plain"), str(row["n"]), *cells])
    if any("±" in str(cell) for row in grid.rows for cell in row):
        grid.notes.append("±: half the 95 % interval over faces (one seed).")
    hidden = len(subsets) - len(shown)
    if hidden:
        grid.notes.append(f"{hidden} more subsets by attribute are in result.json.")
    return grid


def main_subsets(names: Iterable[str]) -> list[str]:
    """Those that a table shows: all, or of more than :data:`SHOWN` all but a tag's values (``skin_tone=IV``)."""
    names = list(names)
    return names if len(names) <= SHOWN else [name for name in names if "=" not in name]


def remarks(document: Mapping[str, Any]) -> list[str]:
    """What a reader of the table must know besides: excluded faces by name, and warnings."""
    lines = []
    excluded = document["excluded"]
    if excluded:
        lines.append(f"{len(excluded)} face{'s' if len(excluded) > 1 else ''} excluded from all numbers:")
        lines += [f"  {entry['id']}: {entry['reason']}" for entry in excluded[:SHOWN]]
        if len(excluded) > SHOWN:
            lines.append(f"  and {len(excluded) - SHOWN} more, all named under 'excluded' of the JSON document")
    if document.get("contaminated"):
        seen = ", ".join(document.get("trained_on", []))
        lines.append(f"seen data: the method was trained on {seen}; leaderboards mark this result and do not rank it")
    return lines + list(document.get("warnings", []))


def _arrow(facts: Mapping[str, Any]) -> str:
    return {True: "↑", False: "↓"}.get(facts.get("higher_is_better"), "")  # type: ignore[arg-type]


def _cell(row: Mapping[str, Any], name: str, facts: Mapping[str, Any], counted: bool) -> str:
    estimate = row.get(name)
    if estimate is None:
        return ""
    digits = _DIGITS.get(facts.get("unit", ""), 3)
    text = f"{estimate['value']:.{digits}f}"
    if counted and name.startswith("FR@"):
        text += f" ({round(estimate['value'] * row['n'] / 100)})"
    if estimate.get("ci95") and row["n"] > 1:
        low, high = estimate["ci95"]
        text += f" ±{(high - low) / 2:.{digits}f}"
    return text
