"""What one change alone does to a method: pairs of pictures that are alike in everything else.

A data set declares such pairs: the index column ``pair`` and, in its facts, the tag of the face that the other one is
compared with (``DatasetSpec.pairs``). The palsy twin's split ``paired`` has them.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import numpy as np

from parface_bench.clinical.statistics.differences import compare_pairs
from parface_bench.faces import Schema, get_schema
from parface_bench.grid import Grid, Head
from parface_bench.registry import DATASETS

if TYPE_CHECKING:
    import pandas as pd

METRIC = "dNME"
FACTS = {"unit": "%", "higher_is_better": False}
FEWEST = 5  # pairs of a group; smaller groups are left out
DRAWS = 2000
OPPOSITE = {"left": "right", "right": "left"}


def add_pairs(document: dict[str, Any], errors: pd.DataFrame, index: pd.DataFrame) -> None:
    """Add the effect of the change to a scored document, where the data set declares pairs; else do nothing.

    Args:
        document: what scoring made; gets ``pairs`` (see :func:`pair_effects`) and, in ``full`` and each group of them,
            the metric ``dNME``: the mean of NME with the change minus NME without, in points.
        errors: per-face errors, see :meth:`parface_bench.results.result.Result.errors`.
        index: the scored index table; faces that were excluded may be in it.
    """
    name = index.attrs.get("dataset", "")
    facts = DATASETS.spec(name) if name in DATASETS else None
    if facts is None or not facts.pairs or "pair" not in index or facts.pairs not in index:
        return
    schema = document.get("schema")
    layout = get_schema(schema) if schema else None
    found = pair_effects(errors, index, facts.pairs, layout, facts.pairs_within)
    if not found["groups"]:
        return
    document["pairs"] = found
    document.setdefault("metrics", {})[METRIC] = FACTS
    for group, rows in found["groups"].items():
        if group in document["subsets"]:
            document["subsets"][group][METRIC] = rows["NME"]["difference"]


def pair_effects(
    errors: pd.DataFrame, index: pd.DataFrame, base: str, schema: Schema | None, within: str = ""
) -> dict[str, Any]:
    """Differences of errors within pairs.

    Args:
        errors, index: see :func:`add_pairs`; base: tag that is true of the face without the change.
        schema: layout of the landmarks, for regions and sides; None where it is not known.
        within: a 0/1 tag for whose pairs everything is given once more, '' for none.

    Returns:
        ``base``, ``n`` (whole pairs) and ``groups``: for ``full`` and each value of the tags in which the two faces of
        a pair differ (``palsy_grade=V``, ``flaccid``, ...), then for WITHIN and ``WITHIN & ...``, the differences by
        ``NME``, region, ``affected side`` and ``other side``: ``n``, ``without`` (mean error of the unchanged face),
        ``difference`` {value, ci95}, ``p`` (sign flips), ``percent`` (difference of ``without``).
    """
    facts = index.set_index("id")
    rows = errors[errors["id"].isin(facts.index)].reset_index(drop=True)
    facts = facts.loc[rows["id"]]
    key = list(zip(facts["split"], facts["pair"], strict=True))
    plain = facts[base].to_numpy(dtype=bool)
    without = {key[k]: k for k in np.flatnonzero(plain)}
    changed = {key[k]: k for k in np.flatnonzero(~plain) if key[k] in without}
    a, b = np.array(list(changed.values()), int), np.array([without[k] for k in changed], int)
    person = facts["person"].to_numpy()[a] if "person" in facts else None
    groups = _groups(rows, a, b)
    values = {name: (v[a], v[b]) for name, v in _regions(rows, schema).items()}
    values |= _sides(rows, schema, groups, a, b)
    if within in facts:
        inside = facts[within].to_numpy(dtype=bool)[a]
        groups |= {within if name == "full" else f"{within} & {name}": mask & inside for name, mask in groups.items()}
    found: dict[str, Any] = {}
    alike: dict[bytes, str] = {}
    for group, mask in groups.items():
        twin = alike.setdefault(mask.tobytes(), group)
        if twin != group:  # a tag's value that is a 0/1 tag as well
            found |= {group: found[twin]} if twin in found else {}
            continue
        for name, (with_it, without_it) in values.items():
            there = mask & np.isfinite(with_it)
            if there.sum() >= FEWEST:
                who = None if person is None else person[there]
                found.setdefault(group, {})[name] = _compared(with_it[there], without_it[there], who)
    return {"base": base, "n": len(a), "groups": found}


def _compared(with_it: np.ndarray, without: np.ndarray, person: np.ndarray | None) -> dict[str, Any]:
    found = compare_pairs(with_it, without, person, draws=DRAWS)
    mean = float(without.mean())
    kept = {"n": len(with_it), "without": mean, "difference": found["difference"], "p": found["p"]}
    return {**kept, "percent": 100 * found["difference"]["value"] / mean if mean else None}


def _groups(rows: pd.DataFrame, a: np.ndarray, b: np.ndarray) -> dict[str, np.ndarray]:
    """``full``, and the subsets to which some changed faces belong and no unchanged one: bool masks of the pairs."""
    groups = {"full": np.ones(len(a), dtype=bool)}
    for column in rows.columns:
        name = str(column).removeprefix("subset:")
        if name == column or name in groups:
            continue
        mask = rows[column].to_numpy(dtype=bool)
        if mask[a].any() and not mask[b].any():
            groups[name] = mask[a]
    return groups


def _regions(rows: pd.DataFrame, schema: Schema | None) -> dict[str, np.ndarray]:
    """NME and the mean error of each region, [N] each."""
    values = {"NME": rows["nme"].to_numpy(dtype=np.float64)}
    landmarks = _landmarks(rows)
    if schema is not None and landmarks.shape[1] == len(schema):
        values |= {name: landmarks[:, points].mean(axis=1) for name, points in schema.regions.items()}
    return values


def _sides(
    rows: pd.DataFrame, schema: Schema | None, groups: dict[str, np.ndarray], a: np.ndarray, b: np.ndarray
) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Mean errors of the affected and of the other side with and without the change, NaN where no side is affected."""
    landmarks = _landmarks(rows)
    affected = {s: m for s in OPPOSITE for name, m in groups.items() if name.endswith(f"side={s}")}
    if schema is None or landmarks.shape[1] != len(schema) or len(affected) != 2 or "left" not in schema.side:
        return {}
    error = {s: landmarks[:, schema.side == s].mean(axis=1) for s in OPPOSITE}

    def chosen(left: str, right: str, at: np.ndarray) -> np.ndarray:
        """The error of one side where the left is affected, of another where the right is."""
        return np.select([affected["left"], affected["right"]], [error[left][at], error[right][at]], np.nan)

    return {
        "affected side": (chosen("left", "right", a), chosen("left", "right", b)),
        "other side": (chosen("right", "left", a), chosen("right", "left", b)),
    }


def _landmarks(rows: pd.DataFrame) -> np.ndarray:
    """Errors [N, L] of the single landmarks."""
    return rows[[c for c in rows.columns if re.fullmatch(r"e\d+", str(c))]].to_numpy(dtype=np.float64)


def pair_table(document: dict[str, Any]) -> str:
    """The effects as plain text, '' where there are none."""
    from tabulate import tabulate

    grid = pair_grid(document)
    if grid is None:
        return ""
    rows = [[str(cell) for cell in row] for row in grid.rows]
    return f"{grid.title}\n{tabulate(rows, headers=[h.text for h in grid.heads], disable_numparse=True)}"


def pair_grid(document: dict[str, Any]) -> Grid | None:
    """The effects as a table: a row a group, a column each for NME, regions and sides; None where there are none."""
    found = document.get("pairs")
    if not found:
        return None
    names = list(found["groups"]["full"])
    heads = [Head("with the change", words=True, keep=0), Head("pairs", keep=2), Head("NME without", keep=2)]
    heads += [Head("difference [95 %]", keep=0), Head("of NME", keep=1), *(Head(name, keep=3) for name in names[1:])]
    title = f"NME with the change minus NME of the same picture without ({found['base']}), {found['n']} pairs"
    grid = Grid(title, heads)
    shown: list[Any] = []
    for group, row in found["groups"].items():
        if row in shown:  # a tag's value that is a 0/1 tag as well
            continue
        shown.append(row)
        nme = row["NME"]
        percent = "" if nme["percent"] is None else f"{nme['percent']:+.0f} %"
        cells = [group, str(nme["n"]), f"{nme['without']:.2f}", _signed(nme), percent]
        grid.rows.append([*cells, *(_signed(row[name], short=True) if name in row else "" for name in names[1:])])
    return grid


def _signed(one: dict[str, Any], short: bool = False) -> str:
    low, high = one["difference"]["ci95"] or (float("nan"), float("nan"))
    value = f"{one['difference']['value']:+.2f}"
    return value if short else f"{value} [{low:+.2f}, {high:+.2f}]"
