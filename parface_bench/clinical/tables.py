"""Gaps and fidelity as text for the screen."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from parface_bench.clinical.gap import FEWEST
from parface_bench.grid import Cell, Grid, Head

SHOWN = 6  # confounders a group
_FRAMED_SLOPE = ("slope, true frame", "95 % interval")
_KEEP = {"g / δ": 4, "%": 3, "p": 2, "p Holm": 1}  # columns that go first where the screen is narrow


def gap_table(document: Mapping[str, Any]) -> str:
    """What :func:`parface_bench.clinical.gap.gap` gives: a table for each result and tag, and notes."""
    from tabulate import tabulate

    blocks = []
    for result in document["results"]:
        blocks.append("\n".join([_head(result), *(f"  {note}" for note in result["notes"])]))
        for tag, found in result["tags"].items():
            heads, rows = _heads(tag, document), [cells for cells, _ in _rows(found, document)]
            align = ("left" if h in ("metric", tag) else "right" for h in heads)
            table = tabulate(rows, headers=heads, disable_numparse=True, colalign=tuple(align))
            blocks.append("\n".join([table, *_notes(tag, found)]))
    return "\n\n".join([*blocks, _how(document)])


def gap_grids(document: Mapping[str, Any]) -> list[Grid]:
    """The same for a terminal; groups that were not tested are grey."""
    grids = []
    for result in document["results"]:
        title, notes = _head(result), list(result["notes"])
        for tag, found in result["tags"].items():
            heads = [Head(h, words=h in ("metric", tag), keep=_KEEP.get(h, 0)) for h in _heads(tag, document)]
            rows = [
                [Cell(str(c), "soft" if soft else "plain") for c in cells] for cells, soft in _rows(found, document)
            ]
            grids.append(Grid(title, heads, list(rows), [*notes, *_notes(tag, found)]))
            notes = []
    if grids:
        grids[-1].notes.append(_how(document))
    return grids


def _head(result: Mapping[str, Any]) -> str:
    who = result["method"] + ("" if result["seed"] is None else f" (seed {result['seed']})")
    people = "" if result["persons"] is None else f" of {result['persons']} people"
    return f"{who} on {result['dataset']}, protocol {result['protocol']}: {result['n']} faces{people}"


def _how(document: Mapping[str, Any]) -> str:
    how = f"p: {document['draws']:,} permutations (exact where few), p Holm: adjusted for the {document['tests']} tests"
    how += f" above; g: Hedges' g, δ: Cliff's delta; intervals: bootstrap by person, {document['resamples']} resamples"
    return how


def _heads(tag: str, document: Mapping[str, Any]) -> list[str]:
    many = len(document["metrics"]) > 1
    difference = "difference" if not document["within"] else f"difference within {', '.join(document['within'])}"
    name = document["metrics"][0] if not many else "mean"
    first = ["metric"] if many else []
    return [*first, tag, "faces", name, difference, "95 % interval", "%", "p", "p Holm", "g / δ"]


def _rows(found: Mapping[str, Any], document: Mapping[str, Any]) -> list[tuple[list[Any], bool]]:
    """Cells of each row, and whether the group was not tested."""
    many = len(document["metrics"]) > 1
    rows: list[tuple[list[Any], bool]] = []
    for metric in document["metrics"]:
        base = found["groups"][found["reference"]]
        first = [*([metric] if many else []), found["reference"], base["n"], _number(base[metric])]
        rows.append(([*first, *[""] * 6], False))
        chosen = [one for one in found["comparisons"] if one["metric"] == metric]
        rows += [(_row(one, many), bool(one["not_tested"])) for one in chosen]
    return rows


def _notes(tag: str, found: Mapping[str, Any]) -> list[str]:
    lines = [f"each group less {tag}={found['reference']}" + _pairs(found)]
    for group in dict.fromkeys(one["group"] for one in found["differ_in"]):
        named = [o for o in found["differ_in"] if o["group"] == group][:SHOWN]
        said = ", ".join(f"{o['tag']} (V {o['cramers_v']:.2f}, p {o['p']:.2g})" for o in named)
        lines.append(f"{group} and {found['reference']} also differ in {said}: see --within")
    undefined = sum(one["undefined"] for one in found["comparisons"])
    if undefined:
        lines.append(f"left out where undefined: {undefined} values")
    if found["untagged"]:
        lines.append(f"without a value of {tag}: {found['untagged']} faces")
    return lines


def _pairs(found: Mapping[str, Any]) -> str:
    paired = [one["group"] for one in found["comparisons"] if one["paired"]]
    return f"; paired: {', '.join(dict.fromkeys(paired))} (the same picture in both groups)" if paired else ""


def _row(one: Mapping[str, Any], many: bool) -> list[Any]:
    start = [*([one["metric"]] if many else []), one["group"], one["n"], _number(one["mean"])]
    if one["not_tested"]:
        return [*start, "", f"not tested: {one['not_tested']}", "", "", "", ""]
    relative = "" if one["relative"] is None else f"{one['relative']:+.1f}"
    effects = f"{_number(one['hedges_g'], 2)} / {_number(one['cliff_delta'], 2)}"
    gap = one["difference"]
    return [*start, signed(gap["value"]), interval(gap["ci95"]), relative, _p(one["p"]), _p(one["p_holm"]), effects]


def fidelity_table(document: Mapping[str, Any], title: str) -> str:
    """What :func:`parface_bench.clinical.fidelity.fidelity` gives: signed measures, regions, sides."""
    from tabulate import tabulate

    rows = []
    source = document["oriented"] or document["measures"]
    for key, one in source.items():
        if one["n"] >= FEWEST and one["loa"] and not one["detail"]:
            rows.append(
                [
                    key,
                    one["n"],
                    f"{one['mean_true']:+.2f} ± {one['sd_true']:.2f}",
                    signed(one["bias"], 2),
                    interval(one["bias_ci95"], 2),
                    interval(one["loa"], 2),
                    signed(one["slope"]["value"], 2),
                    interval(one["slope"]["ci95"], 2),
                    signed(one["icc"]["value"], 2),
                    one["undefined"] or "",
                ]
            )
    heads = [
        "measure",
        "faces",
        "true ± SD",
        "bias",
        "95 %",
        "limits of agreement",
        "slope",
        "95 %",
        "ICC",
        "undefined",
    ]
    kind = "+ is the affected side lower or larger" if document["oriented"] else "right less left"
    lines = [
        f"{title}: fidelity, predicted less true, {kind}; percent of the true outer-eye distance (angles: degrees)"
    ]
    lines.append(tabulate(rows, headers=heads, disable_numparse=True, colalign=("left", *["right"] * 9)))
    lines += [
        f"{key} is undefined for {one['undefined']} faces, left out of both: {', '.join(one['undefined_faces'])}"
        + (", ..." if one["undefined"] > len(one["undefined_faces"]) else "")
        for key, one in document["measures"].items()
        if one["undefined"] and not one["detail"] and not key.endswith("_left")
    ]
    framed = document["true_frame"]
    if framed:
        lines += _true_frame(source, framed["oriented"] or framed["measures"])
    heads = ["region", "faces", "slope", "95 % interval", *(_FRAMED_SLOPE if framed else ()), "SD of the truth"]
    regions = []
    for region, one in document["symmetrisation"].items():
        if "slope" in one:
            slopes = [one["slope"], *([framed["symmetrisation"][region]["slope"]] if framed else [])]
            cells = [text for s in slopes for text in (signed(s["value"]), interval(s["ci95"]))]
            regions.append([region, one["n"], *cells, _number(one["sd_true"], 2)])
    lines.append("symmetrisation: predicted on true height difference of right and left; 1: none, 0: total")
    lines.append(
        tabulate(regions, headers=heads, disable_numparse=True, colalign=("left", *["right"] * (len(heads) - 1)))
    )
    if document["sides"]:
        s = document["sides"]
        lines.append(
            f"error of the affected side {s['affected']:.3f} %, of the other {s['unaffected']:.3f} %: difference "
            f"{s['difference']['value']:+.3f} {interval(s['difference']['ci95'])}, p {_p(s['p'])}, {s['n']} faces"
        )
    return "\n".join(lines)


def _true_frame(own: Mapping[str, Any], framed: Mapping[str, Any]) -> list[str]:
    """The table that sets the error of the eyes apart, which lay the frame, from that of the rest."""
    from tabulate import tabulate

    rows = []
    for key, one in framed.items():
        if one["n"] >= FEWEST and one["loa"] and not one["detail"]:
            cells = [signed(one["bias"], 2), interval(one["loa"], 2), signed(one["slope"]["value"], 2)]
            ratio = f"{one['sd'] / own[key]['sd']:.2f}" if own[key]["sd"] else ""
            rows.append([key, *cells, interval(one["slope"]["ci95"], 2), ratio])
    heads = ["measure", "bias", "limits of agreement", "slope", "95 %", "SD of errors"]
    return [
        "the same with the predicted landmarks in the frame of the true eyes; SD of errors: over that in the own frame "
        "(below 1: errors of the eyes are part of it; above 1: the whole prediction is displaced or turned)",
        tabulate(rows, headers=heads, disable_numparse=True, colalign=("left", *["right"] * 5)),
    ]


def interval(ends: Any, digits: int = 3) -> str:
    """``[low, high]``, or '' where there is none."""
    return "" if ends is None else f"[{signed(ends[0], digits)}, {signed(ends[1], digits)}]"


def signed(value: float | None, digits: int = 3) -> str:
    """A number with its sign; what rounds to zero has none, '' where there is none."""
    if value is None:
        return ""
    text = f"{value:+.{digits}f}"
    return text if text.strip("+-0.") else text[1:]


def _number(value: float | None, digits: int = 3) -> str:
    return "" if value is None else f"{value:.{digits}f}"


def _p(value: float | None) -> str:
    return "" if value is None else f"{value:.2g}"
