"""Error against the number of labelled training faces: a table and a plot for every data set."""

from __future__ import annotations

import csv
import io
import json
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from parface_bench.leaderboard.table import PLUS_MINUS, Cell, Column, Row, Table
from parface_bench.registry import DATASETS, UserError
from parface_bench.results.provenance import config_hash

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = {"md": "pipe", "latex": "latex_booktabs", "html": "html", "csv": "", "json": ""}


@dataclass
class Point:
    """One method at one number of labels: the value of each seed's run, and the row's cell over them."""

    seeds: dict[int | None, float]
    cell: Cell

    @property
    def mean(self) -> float:
        """Over the seeds."""
        return statistics.fmean(self.seeds.values())


@dataclass
class LabelTable:
    """One metric of one subset: series (method and configuration) -> number of labels (None: all) -> point."""

    heading: str
    column: Column
    everything: int | None
    series: dict[str, dict[int | None, Point]] = field(default_factory=dict)

    @property
    def counts(self) -> list[int | None]:
        """The numbers of labels, rising; all of them last."""
        found = {count for points in self.series.values() for count in points}
        return [*sorted(c for c in found if c is not None), *([None] if None in found else [])]


def label_tables(tables: Sequence[Table], subsets: Sequence[str] = ()) -> list[LabelTable]:
    """The main metric of each data set against the number of labels, of every method that was run with few.

    Args:
        tables: of the board; methods that do not learn, and those with all labels alone, are left out.
        subsets: which to show; the whole set where empty.

    Raises:
        UserError: nothing was run with few labels.
    """
    out = []
    for table in tables:
        rows = [row for row in table.rows if row.results and not (row.source or row.contaminated)]
        if not any(_labels(row) for row in rows):
            continue
        main = table.columns[0].metric
        columns = [c for c in table.columns if c.metric == main and c.subset in (subsets or ("full",))]
        for column in columns:
            own = LabelTable(f"{table.heading} · {column.subset}", column, _everything(table, rows))
            named = _names(rows)
            for row in rows:
                values = {r.document["seed"]: _value(r.document, column) for r in row.results}
                known = {seed: value for seed, value in values.items() if value is not None}
                if known:
                    cell = row.cells[column.subset, column.metric]
                    own.series.setdefault(named[_series(row)], {})[_labels(row)] = Point(known, cell)
            own.series = {name: points for name, points in own.series.items() if set(points) != {None}}
            out.append(own)
    if not out:
        raise UserError(
            "no run with few labels is recorded: 'pfbench bench METHOD... --dataset DATASET --labels 20,100,all'"
        )
    return out


def render_labels(tables: Sequence[LabelTable], form: str) -> str:
    """The tables as text in one of :data:`FORMATS`; csv has a line for every run."""
    if form == "json":
        return json.dumps([_plain(table) for table in tables], indent=2, ensure_ascii=False) + "\n"
    if form == "csv":
        return _csv(tables)
    from tabulate import tabulate

    blocks = []
    for table in tables:
        heads = ["Method", *(_count(count, table) for count in table.counts)]
        body = [[name, *(_text(points.get(count)) for count in table.counts)] for name, points in _best(table)]
        grid = tabulate(body, headers=heads, tablefmt=FORMATS[form], disable_numparse=True)
        title = f"{table.column.metric} [{table.column.unit or '1'}] against labelled training faces; ±: {PLUS_MINUS}"
        lead = {"md": f"## {table.heading}\n\n{title}\n\n", "html": f"<h2>{table.heading}</h2><p>{title}</p>\n"}
        blocks.append(lead.get(form, f"% {table.heading}: {title}\n") + str(grid) + "\n")
    return "\n".join(blocks)


def plot_labels(table: LabelTable) -> Figure:
    """Error against labels, the axis logarithmic: a line through the means, a band from the best to the worst seed."""
    from parface_bench.figures import COLOURS, DASHES, INK, figure

    drawn = figure(8.0, 4.2)
    axes = drawn.add_subplot()
    numbers = [c for c in table.counts if c is not None]
    last = table.everything or 2 * max(numbers)
    for number, (name, points) in enumerate(_best(table)):
        at = [(count or last, points[count]) for count in table.counts if count in points]
        x, y = [count for count, _ in at], [point.mean for _, point in at]
        colour = COLOURS[number % len(COLOURS)]
        seeds = max(len(point.seeds) for _, point in at)
        label = f"{name}, {seeds} seeds" if seeds > 1 else name
        dash = DASHES[number // len(COLOURS) % len(DASHES)]
        axes.plot(x, y, dash, marker="o", ms=4, color=colour, lw=1.8, label=label.replace("$", r"\$"))
        low, high = ([pick(point.seeds.values()) for _, point in at] for pick in (min, max))
        axes.fill_between(x, low, high, color=colour, alpha=0.2, lw=0)
    axes.set_xscale("log")
    ticks = [*numbers, *([last] if None in table.counts else [])]
    axes.set_xticks(ticks, [*map(str, numbers), *([_count(None, table)] if None in table.counts else [])])
    axes.minorticks_off()
    unit = f" [{table.column.unit}]" if table.column.unit else ""
    axes.set(xlabel="labelled training faces", ylabel=f"{table.column.metric}{unit}")
    axes.set_title(table.heading.replace("$", r"\$"), fontsize=10, color=INK, loc="left")
    axes.grid(alpha=0.25)
    axes.spines[["top", "right"]].set_visible(False)
    axes.legend(loc="upper left", bbox_to_anchor=(1.01, 1.0), fontsize=8, frameon=False, labelcolor=INK)
    return drawn


def save_plots(tables: Sequence[LabelTable], folder: Path, *, force: bool = True) -> list[Path]:
    """``FOLDER/labels-HEADING.{png,svg}`` for each table."""
    from parface_bench.leaderboard.plots import save_figure
    from parface_bench.results.record import folder_name

    made = []
    for table in tables:
        name = f"labels {table.heading}".replace(" · ", " ").replace(" ", "-")
        made += save_figure(plot_labels(table), folder / folder_name(name), force=force)
    return made


def _labels(row: Row) -> int | None:
    return row.results[-1].document["config"].get("labels")


def _series(row: Row) -> tuple[str, str, str]:
    """Method, profile, and a hash of the configuration without the number of labels."""
    document = row.results[-1].document
    config = {key: value for key, value in document["config"].items() if key != "labels"}
    return document["method"], document.get("profile") or "", config_hash(config)[:6]


def _names(rows: Sequence[Row]) -> dict[tuple[str, str, str], str]:
    """What each series is called: the method, with profile and hash only where these tell two apart."""
    keys = list(dict.fromkeys(_series(row) for row in rows))
    names = {}
    for key in keys:
        rivals = [other for other in keys if other[0] == key[0] and other != key]
        same = [other for other in rivals if other[1] == key[1]]
        parts = [key[0], *([key[1]] if rivals else []), *([key[2]] if same else [])]
        names[key] = " ".join(parts)
    return names


def _value(document: dict[str, Any], column: Column) -> float | None:
    return document["subsets"].get(column.subset, {}).get(column.metric, {}).get("value")


def _everything(table: Table, rows: Sequence[Row]) -> int | None:
    """How many labelled training faces there are in all: as runs with all of them say, else as the data set's facts."""
    said = [r.document.get("labelled") for row in rows if _labels(row) is None for r in row.results]
    if any(said):
        return max(filter(None, said))
    try:
        spec = DATASETS.spec(table.dataset)
    except UserError:
        return None
    return sum(spec.counts.get(split, 0) for split in spec.train_splits) or None


def _best(table: LabelTable) -> list[tuple[str, dict[int | None, Point]]]:
    """The series, the best with the fewest labels first."""
    sign = -1 if table.column.higher_is_better else 1

    def place(item: tuple[str, dict[int | None, Point]]) -> tuple[int, float]:
        where = next(i for i, count in enumerate(table.counts) if count in item[1])
        return where, sign * item[1][table.counts[where]].mean

    return sorted(table.series.items(), key=place)


def _count(count: int | None, table: LabelTable) -> str:
    if count is not None:
        return str(count)
    return f"all ({table.everything})" if table.everything else "all"


def _text(point: Point | None) -> str:
    if point is None:
        return "–"
    return f"{point.mean:.3f}" + (f" ± {point.cell.spread:.3f}" if point.cell.spread is not None else "")


def _plain(table: LabelTable) -> dict[str, Any]:
    return {
        "heading": table.heading,
        "subset": table.column.subset,
        "metric": table.column.metric,
        "all_labels": table.everything,
        "series": {
            name: [
                {"labels": count, "mean": p.mean, "spread": p.cell.spread, "interval": p.cell.interval,
                 "seeds": {str(seed): value for seed, value in p.seeds.items()}}
                for count in table.counts if (p := points.get(count)) is not None
            ]
            for name, points in _best(table)
        },
    }  # fmt: skip


def _csv(tables: Sequence[LabelTable]) -> str:
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(["table", "subset", "metric", "method", "labels", "seed", "value"])
    for table in tables:
        for name, points in _best(table):
            for count in table.counts:
                for seed, value in points[count].seeds.items() if count in points else ():
                    labels = "all" if count is None else count
                    writer.writerow(
                        [table.heading, table.column.subset, table.column.metric, name, labels, seed, value]
                    )
    return out.getvalue()
