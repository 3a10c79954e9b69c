"""Writes findings.md from the results of a store: what palsy costs detectors, where, and which measures survive.

    python benchmarks/findings.py [--store leaderboards] [--dataset palsy-twin] [--out docs/explanation/findings.md]

Every number is computed here from the per-face tables beside the results (see clinical.md); the page says which
results were used and what is missing. Of several results of one method on the same faces the lowest seed gives the
numbers; the newest counts of each seed.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from parface_bench.atomic import write_atomic
from parface_bench.clinical.differences import DRAWS
from parface_bench.clinical.fidelity import fidelity
from parface_bench.clinical.gap import gap
from parface_bench.clinical.intervals import RESAMPLES
from parface_bench.clinical.report import frontal
from parface_bench.clinical.scored import Scored, scored
from parface_bench.clinical.tables import interval, signed
from parface_bench.registry import UserError
from parface_bench.results.store import read_store

EYE_DISTANCE = 90.0  # mm between the outer eye corners, nominal: only to put thresholds of perception into percent
REGIONS = ("jaw", "brows", "nose", "eyes", "mouth")
# measure -> (how it is called, threshold of perception in mm)
SURVIVAL = {
    "commissure_height_deviation": ("height of the corners of the mouth, right less left", 3.0),
    "brow_mean_height_R-L": ("height of the brows, right less left", 3.0),
    "fissure_height_linear_R-L": ("opening of the lids, right less left", 1.0),
    "fissure_height_linear_affected": ("opening of the affected eye", 1.0),
    "philtrum_deviation": ("upper lip's middle beside the midline", 3.0),
    "commissure_position_affected": ("affected corner to the lower lip's middle", 3.0),
}
WITHIN = ("yaw_bin", "occlusion")


@dataclass
class Entry:
    """A method's result that the page tells of.

    Attributes:
        faces: of the lowest seed.
        name: method, with what it was trained on where there are several.
        paired: the faces are pairs without and with palsy.
        seeds: NME of every seed.
    """

    faces: Scored
    name: str
    paired: bool
    seeds: list[float]


def entries(store: Path, dataset: str) -> Iterator[Entry]:
    """The results to tell of, detectors by name, pairs after single faces."""
    newest: dict[tuple[Any, ...], Any] = {}
    for result in read_store(store).results:  # oldest first
        d = result.document
        if d["dataset"] == dataset:
            key = (d["method"], tuple(d.get("trained_on") or ()), tuple(d.get("split") or ()), d["data_fingerprint"])
            newest[(*key, d.get("seed") or 0)] = result
    groups: dict[tuple[Any, ...], dict[int, Any]] = {}
    for key, result in newest.items():
        groups.setdefault(key[:-1], {})[key[-1]] = result
    last = {(key[0], key[1], key[2]): key for key in groups}  # of several versions of the data the one recorded last
    for key in sorted(last.values(), key=lambda k: ("paired" in k[2], k[0], k[1])):
        results = groups[key]
        first = results[min(results)]
        healthy = any("healthy" in source for source in key[1])
        name = key[0] + (" (trained on healthy faces only)" if healthy else "")
        nme = [r.document["subsets"]["full"]["NME"]["value"] for r in results.values()]
        yield Entry(scored(first), name, "paired" in key[2], nme)


def table(heads: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def cost(
    found: Sequence[Entry],
    by: str,
    metrics: Sequence[str],
    settings: dict[str, Any],
    reference: str = "",
    within: bool = False,
) -> str:
    """Differences of errors by group as a table; Holm over the whole table."""
    usable = [e for e in found if by in e.faces.tags]
    if not usable:
        return f"No result has the tag `{by}`."
    tags = [tag for tag in WITHIN if within and all(tag in e.faces.tags for e in usable)]
    document = gap([e.faces for e in usable], [by], metrics, within=tags, reference=reference, **settings)
    rows = []
    for entry, result in zip(usable, document["results"], strict=True):
        for one in result["tags"][by]["comparisons"]:
            label = [entry.name, *([one["metric"]] if len(metrics) > 1 else []), f"{by}={one['group']} ({one['n']})"]
            if one["not_tested"]:
                rows.append([*label, "", one["not_tested"], "", ""])
                continue
            relative = "" if one["relative"] is None else f"{one['relative']:+.1f} %"
            d = one["difference"]
            values = [f"{one['mean_reference']:.2f}", f"{d['value']:+.2f} {interval(d['ci95'], 2)}", relative]
            rows.append([*label, *values, f"{one['p_holm']:.2g}"])
    pairs = all(c["paired"] for r in document["results"] for c in r["tags"][by]["comparisons"] if not c["not_tested"])
    how = "paired" if pairs else f"within {', '.join(tags)}" if tags else "groups of different faces"
    heads = ["method", *(["error"] if len(metrics) > 1 else []), "group (faces)", "reference", "difference [95 %]"]
    note = f"{how}; p: {document['draws']:,} permutations, Holm over {document['tests']} "
    note += f"tests; {document['resamples']} bootstrap resamples."
    return table([*heads, "relative", "p (Holm)"], rows) + f"\n\n{note}"


def survival(entry: Entry, document: dict[str, Any]) -> list[list[str]]:
    """Limits of agreement against the thresholds."""
    rows = []
    for key, (words, mm) in SURVIVAL.items():
        one = document["oriented"].get(key) or document["measures"].get(key)
        if one is None or not one.get("loa"):
            continue
        limit = 100 * mm / EYE_DISTANCE
        upper = one.get("loa_upper_ci95_exact") or one["loa_upper_ci95"]
        lower = one.get("loa_lower_ci95_exact") or one["loa_lower_ci95"]
        inside = max(abs(lower[0]), abs(upper[1])) <= limit
        outside = one["loa"][0] < -limit or one["loa"][1] > limit
        verdict = "yes" if inside else "no" if outside else "unclear"
        bias = f"{one['bias']:+.2f} {interval(one['bias_ci95'], 2)}"
        spread = f"{one['mean_true']:+.1f} ± {one['sd_true']:.1f}"
        loa = f"[{one['loa'][0]:+.1f}, {one['loa'][1]:+.1f}]"
        slope, icc = (f"{signed(one[k]['value'], 2)} {interval(one[k]['ci95'], 2)}" for k in ("slope", "icc"))
        rows.append([entry.name, words, str(one["n"]), spread, bias, loa, slope, icc, f"±{limit:.1f}: {verdict}"])
    return rows


def page(store: Path, dataset: str, draws: int = DRAWS, resamples: int = RESAMPLES) -> str:
    """The whole page.

    Raises:
        UserError: the store has no results with per-face errors for this data set.
    """
    found, lacking = [], []
    settings = {"draws": draws, "resamples": resamples}
    for entry in entries(store, dataset):
        try:
            entry.faces.measured("fai")
        except UserError as error:
            lacking.append(f"{entry.name}: {error}")
        found.append(entry)
    if not found:
        raise UserError(f"{store}: no results of {dataset!r}: 'pfbench run METHOD --dataset {dataset}' makes them")
    single, pairs = ([e for e in found if e.paired == p] for p in (False, True))
    parts = [
        "# What palsy does to a detector\n",
        f"Made by `benchmarks/findings.py` from the results of `{dataset}` in the store; do not edit. The data are "
        "synthetic: nothing here is clinical evidence. How everything is computed, and what must not be claimed of it: "
        "[clinical.md](clinical.md). Errors are NME in percent under the data set's protocol.\n",
        table(
            ["method", "split", "seeds", "NME", "faces", "people", "protocol", "data"],
            [_described(e) for e in found],
        ),
    ]
    for title, group in (("the same picture without and with palsy", pairs), ("different faces", single)):
        if group:
            parts.append(f"\n## What palsy costs: {title}\n")
            parts.append(cost(group, "healthy", ["NME"], settings, reference="yes", within=group is single))
            parts.append("\n" + cost(group, "palsy_grade", ["NME"], settings, within=group is single))
            parts.append("\n" + cost(group, "palsy_kind", ["NME"], settings, within=group is single))
    where = pairs or single
    parts.append("\n## Where on the face\n")
    parts.append(
        cost(where, "healthy", [f"region:{r}" for r in REGIONS], settings, reference="yes", within=where is single)
    )
    documents = [
        (e, fidelity(frontal(e.faces, {}), draws=draws, resamples=resamples))
        for e in single or pairs
        if not _named(e, lacking)
    ]
    if documents:
        parts += fidelity_parts(documents)
    if lacking:
        parts.append("\n## What is missing\n")
        parts += [f"- {line}" for line in lacking]
    return "\n".join(parts) + "\n"


def _described(entry: Entry) -> list[str]:
    """The row of the first table."""
    d, faces = entry.faces.result.document, entry.faces
    people = "?" if faces.person is None else str(len(set(faces.person)))
    seeds = [str(len(entry.seeds)), _range(entry.seeds)]
    return [
        entry.name,
        ", ".join(d["split"]),
        *seeds,
        str(len(faces)),
        people,
        d["protocol"],
        d["data_fingerprint"][:8],
    ]


def fidelity_parts(documents: Sequence[tuple[Entry, dict[str, Any]]]) -> list[str]:
    """Sides, symmetrisation and survival, over the faces that look to the front."""
    parts = ["\nErrors of the affected and the other side of faces with palsy that look to the front:\n"]
    rows = []
    for entry, document in documents:
        if s := document["sides"]:
            gap_ = f"{s['difference']['value']:+.2f} {interval(s['difference']['ci95'], 2)}"
            rows.append(
                [entry.name, str(s["n"]), f"{s['affected']:.2f}", f"{s['unaffected']:.2f}", gap_, f"{s['p']:.2g}"]
            )
    parts.append(table(["method", "faces", "affected", "other", "difference [95 %]", "p"], rows))
    parts.append("\n## Symmetrisation\n")
    parts.append(
        "Slope of the predicted on the true height difference of right and left, by region, with 95 % interval: "
        "1 keeps the asymmetry, 0 shows a symmetric face.\n"
    )
    regions = list(documents[0][1]["symmetrisation"])
    rows = []
    for entry, document in documents:
        cells = [document["symmetrisation"][r]["slope"] for r in regions]
        rows.append([entry.name, *(f"{signed(c['value'], 2)} {interval(c['ci95'], 2)}" for c in cells)])
    parts.append(table(["method", *regions], rows))
    parts.append("\n## Which measures survive\n")
    parts.append(
        "Predicted less true, percent of the true outer-eye distance, faces with palsy that look to the front; + is "
        "the affected side lower or larger. A measure survives where the limits of agreement with their intervals lie "
        "inside what observers see (3 mm at corner of the mouth and brow, 1 mm at a lid), put into percent at a "
        f"*nominal* {EYE_DISTANCE:g} mm between the outer eye corners: an assumed scale, and thresholds of perception, "
        "not of importance to patients.\n"
    )
    heads = ["method", "measure", "faces", "true ± SD", "bias [95 %]", "limits", "slope [95 %]", "ICC [95 %]", "inside"]
    parts.append(table(heads, [row for entry, document in documents for row in survival(entry, document)]))
    return parts


def _named(entry: Entry, lacking: Sequence[str]) -> bool:
    return any(line.startswith(f"{entry.name}:") for line in lacking)


def _range(values: Sequence[float]) -> str:
    low, high = min(values), max(values)
    return f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--store", type=Path, default=Path("leaderboards"))
    parser.add_argument("--dataset", default="palsy-twin")
    parser.add_argument("--out", type=Path, default=Path("docs/explanation/findings.md"))
    args = parser.parse_args()
    try:
        write_atomic(args.out, page(args.store, args.dataset))
    except UserError as error:
        raise SystemExit(f"findings: {error}") from None
    print(args.out)


if __name__ == "__main__":
    main()
