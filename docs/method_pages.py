"""A hook of mkdocs: what the methods' pages show of code, recipes and leaderboards, so that none of it is typed.

A page of docs/reference/methods/ is called as its method. In it these comments are replaced:

- ``<!-- facts -->``: what the method says of itself (``pfbench show method NAME``);
- ``<!-- reported -->``: the rows of leaderboards/reported of the papers that the page's front matter names;
- ``<!-- found -->``: its rows on the boards of leaderboards/;
- ``<!-- settings -->``: its quick and full recipes beside each other;
- ``<!-- options -->``: its arguments, read off the docstring by mkdocstrings.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from parface_bench.leaderboard.render import render
from parface_bench.leaderboard.reported import load_reported
from parface_bench.leaderboard.table import Selection, Table
from parface_bench.leaderboard.views import tables_of
from parface_bench.methods.recipe import compose, configs, profiles_of
from parface_bench.registry import METHODS, Spec
from parface_bench.registry.facts import facts
from parface_bench.scoring.protocol import load_protocol

FOLDER = "reference/methods/"
STORE = Path(__file__).resolve().parents[1] / "leaderboards"
MARK = re.compile(r"^<!-- (facts|reported|found|settings|options) -->$", re.MULTILINE)
NORMS = {"outer": "over the outer eye corners", "pupil": "over the pupils", "bbox": "over the landmarks' box"}
NORMS |= {"face-size": "over the face box's size"}
COSTS = ["parameters", "gflops", "ms_per_face"]


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """The page with its comments replaced; pages of anything else as they are."""
    where = page.file.src_uri
    return filled(Path(where).stem, markdown, page.meta) if where.startswith(FOLDER) else markdown


def filled(name: str, markdown: str, meta: Mapping[str, Any]) -> str:
    """A method's page with its comments replaced.

    Args:
        name: of the method.
        markdown: the page, without its front matter.
        meta: the front matter: ``papers``, names of leaderboards/reported/sources.yaml.
    """
    makers: dict[str, Callable[[], str]] = {
        "facts": lambda: said(METHODS.spec(name)),
        "reported": lambda: reported(meta.get("papers", [])),
        "found": lambda: found(name),
        "settings": lambda: settings(name),
        "options": lambda: options(METHODS.spec(name)),
    }
    return MARK.sub(lambda mark: makers[mark[1]](), markdown)


def said(spec: Spec) -> str:
    """Reference, licence, what it was trained on, and how to install what it needs."""
    own = facts(spec)
    rows = {"Reference": own["reference"], "Licence": own["licence"], "Install": f"`{own['install']}`"}
    if own["trainable"]:
        seen = "the data that you train it on; of weights loaded with pretrained=true also theirs"
    else:
        seen = ", ".join(f"`{part}`" for part in own["trained_on"]) or "not stated"
    rows |= {"Data that its weights have seen": seen}
    return "\n".join(f"- {key}: {value}" for key, value in rows.items() if value not in ("", "``"))


def reported(papers: list[str]) -> str:
    """A table for each data set and norm with figures of these papers, as printed."""
    parts = []
    for entry in load_reported():
        rows = [row for row in entry["rows"] if row.get("paper", row["method"]) in papers]
        if rows:
            norm = NORMS[entry.get("norm") or load_protocol(entry["protocol"]).norm]
            parts.append(f"**{entry['dataset']}**, {norm}:\n\n{_printed(rows)}")
    return "\n\n".join(parts) or "Nothing on the data sets that are scored here."


def found(name: str) -> str:
    """Its rows on each board: the whole set under the protocol's main metrics, with what it costs."""
    boards = []
    for table in _boards():
        rows = [row for row in table.rows if row.method == name]
        if rows:
            main = load_protocol(table.protocol).main
            columns = [c for c in table.columns if c.subset == "full" and c.metric in main]
            boards.append(replace(table, rows=rows, columns=columns, cost=COSTS, extra=[]))
    if not boards:
        return "No row of it is on the boards of `leaderboards/` yet."
    return re.sub(r"^## ", "### ", render(boards, "md"), flags=re.MULTILINE)


def settings(name: str) -> str:
    """What its quick and full recipes set on 300w side by side, and what the recipes say about themselves."""
    profiles = [profile for profile in ("quick", "full") if profile in profiles_of(name)]
    sides = [_settings(compose(name, "300w", profile)) for profile in profiles]
    lines = [f"| | {' | '.join(profiles)} |", f"|---|{'---|' * len(profiles)}"]
    keys = dict.fromkeys(key for side in sides for key in side)
    for key in sorted(keys, key=lambda key: not key.startswith(("crop", "`method"))):  # stable: the network first
        cells = [side.get(key, "–") for side in sides]
        lines.append(f"| {key} | {' | '.join(cells)} |")
    for file in (f"{name}.quick.yaml", f"{name}.yaml"):
        words = _comments(configs() / "methods" / file)
        lines += ["", f"`configs/methods/{file}`:", "", *words] if words else []
    return "\n".join(lines)


def options(spec: Spec) -> str:
    """A directive of mkdocstrings for the class's arguments."""
    module, _, name = str(spec.target).partition(":")
    shown = {"members": "[]", "merge_init_into_class": "true", "show_root_heading": "false", "show_bases": "false"}
    shown |= {"show_root_toc_entry": "false"}
    lines = [f"::: {module.removeprefix('parface_bench.')}.{name}", "    options:"]
    return "\n".join([*lines, *(f"      {key}: {value}" for key, value in shown.items())])


@cache
def _boards() -> list[Table]:
    return tables_of(STORE, Selection())


def _printed(rows: list[dict[str, Any]]) -> str:
    columns = list(dict.fromkeys((s, m) for row in rows for s, metrics in row["values"].items() for m in metrics))
    columns.sort(key=lambda column: column[1] != "NME")  # stable: subsets keep their order
    titles = [metric if subset == "full" else f"{metric} {subset}" for subset, metric in columns]
    lines = [f"| | {' | '.join(titles)} |", f"|---|{'---:|' * len(columns)}"]
    sources: dict[str, list[str]] = {}
    for row in rows:
        cells = [row["values"].get(subset, {}).get(metric, "–") for subset, metric in columns]
        lines.append(f"| {row['method']} | {' | '.join(cells)} |")
        sources.setdefault(row["source"].partition("; figures from ")[2] or row["source"], []).append(row["method"])
    if len(sources) == 1:
        return "\n".join([*lines, "", f"Figures from {next(iter(sources))}."])
    told = [f"- {', '.join(methods)}: {source}" for source, methods in sources.items()]
    return "\n".join([*lines, "", "Figures from:", "", *told])


def _settings(recipe: Mapping[str, Any]) -> dict[str, str]:
    train, shown = recipe["train"], {"crop, pixels": str(recipe["image_size"])}
    shown |= {f"`method.{key}`": _short(value) for key, value in recipe["method"].items()}
    if recipe["stages"]:
        shown["stages: epochs"] = ", ".join(f"{stage['name']} {stage.get('epochs', '')}" for stage in recipe["stages"])
        return shown
    shown |= {"epochs": str(train["epochs"]), "batch": str(train["batch_size"])}
    for optimizer in train["optimizers"].values():
        own = ", ".join(f"{key} {value:g}" for key, value in optimizer.items() if isinstance(value, int | float))
        shown["optimizer"] = f"{optimizer['type']} ({own})"
    shown["schedule"] = _short(train["schedule"])
    shown["augmentation"] = _short(train["augment"]) if train["augment"] else "the shared set"
    shown |= {"averaged weights, decay": f"{train['ema']:g}", "kept": train["keep"]}
    shown["mirrored faces too"] = "yes" if recipe["predict"]["flip_test"] else "no"
    return shown


def _comments(recipe: Path) -> list[str]:
    """The whole-line comments of a recipe, as a quotation in which lists stay lists."""
    text = recipe.read_text(encoding="utf-8") if recipe.is_file() else ""
    found = re.findall(r"^# ?(.*)$", text, flags=re.MULTILINE)
    apart = [line for item in found for line in (["", item] if item.startswith("- ") else [item])]
    return [f"> {line}".rstrip() for line in apart]


def _short(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key}: {_short(item)}" for key, item in value.items())
    return f"{value:g}" if isinstance(value, float) else str(value)
