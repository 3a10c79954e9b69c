"""Numbers as tables and as sentences. No sentence says more than its intervals: what includes 0 is "not found"."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from answers.entries import Entry
from answers.numbers import SURVIVAL, Effect, Effects
from parface_bench.clinical.tables import interval, signed

Agreements = dict[tuple[str, str], dict[str, Any]]


def table(heads: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """A table in Markdown."""
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return "\n".join([*lines, *("| " + " | ".join(row) + " |" for row in rows)])


def matrix(names: Sequence[str], groups: Sequence[str], effects: Effects) -> str:
    """A row for each entry, a column for each group that there is; bold where the adjusted p is below 0.05."""
    groups = [group for group in groups if any(g == group for _, g in effects)]
    if not groups:
        return "No groups of ten faces or more."
    rows = [
        [name, *(cell(effects[name, group]) if (name, group) in effects else "" for group in groups)]
        for name in names
        if any((name, group) in effects for group in groups)
    ]
    heads = [f"{group} ({_counts(effects, group)})" for group in groups]
    return table(["method", *heads], rows)


def cell(effect: Effect) -> str:
    """``**+0.41** [+0.30, +0.52] +12 %``."""
    value = f"**{signed(effect.value, 2)}**" if effect.shown else signed(effect.value, 2)
    share = [] if effect.relative is None else [f"{signed(effect.relative, 0)} %"]
    return " ".join([value, ends(effect.ci95), *share])


def ends(ci95: Sequence[float] | None, digits: int = 2) -> str:
    """``[+0.30, +0.52]``."""
    return "(no interval)" if ci95 is None else interval(ci95, digits)


def listed(names: Sequence[str]) -> str:
    """``a, b and c``."""
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} and {names[-1]}"


def many(count: int, noun: str) -> str:
    """``1 method``, ``3 methods``."""
    return f"{count} {noun}{'' if count == 1 else 's'}"


def on_costs(effects: Effects, group: str, what: str) -> str:
    """How many methods lose by palsy, the least and the most, and for whom no difference was found."""
    own = {name: effect for (name, g), effect in effects.items() if g == group}
    if not own:
        return ""
    worse = {n: e for n, e in own.items() if e.shown and e.value > 0}
    better = {n: e for n, e in own.items() if e.shown and e.value < 0}
    said = [f"{what}, the error is larger with palsy for {len(worse)} of {many(len(own), 'method')}"]
    if worse:
        said.append(f": {_range(worse)}")
    said.append(".")
    if better:
        said.append(f" It is smaller for {listed(_each(better))}.")
    rest = {n: e for n, e in own.items() if n not in worse and n not in better}
    if rest:
        said.append(f" No difference was found for {listed(_each(rest))}; that does not show that there is none.")
    return "".join(said)


def on_order(effects: Effects, groups: Sequence[str]) -> str:
    """Whether the cost grows from the first to the last group."""
    names = list(dict.fromkeys(name for name, _ in effects))
    whole = [n for n in names if all((n, g) in effects for g in groups)]
    if not whole or len(groups) < 2:
        return ""
    rising = [n for n in whole if effects[n, groups[-1]].value > effects[n, groups[0]].value]
    apart = [n for n in rising if _apart(effects[n, groups[0]], effects[n, groups[-1]])]
    return (
        f"From grade {groups[0]} to grade {groups[-1]} the cost grows for {len(rising)} of "
        f"{many(len(whole), 'method')}; for {len(apart)} of them the two intervals do not overlap."
    )


def on_largest(effects: Effects, groups: Sequence[str]) -> str:
    """Where most methods lose most."""
    names = list(dict.fromkeys(name for name, _ in effects))
    largest = {
        n: max((g for g in groups if (n, g) in effects), key=lambda g, n=n: effects[n, g].value)  # type: ignore[misc]
        for n in names
    }
    counted = sorted(((list(largest.values()).count(g), g) for g in groups), reverse=True)
    said = listed([f"the {g.removeprefix('region:')} for {count}" for count, g in counted if count])
    return f"Of {many(len(names), 'method')} the rise is largest, by its value, at {said}."


def on_sides(effects: Effects) -> str:
    """Does the affected side suffer more than the other?"""
    own = {n: e for (n, _), e in effects.items()}
    if not own:
        return ""
    more, less = ({n: e for n, e in own.items() if e.shown and sign * e.value > 0} for sign in (1, -1))
    rest = len(own) - len(more) - len(less)
    said = [
        f"Palsy adds more error to the affected side than to the other for {len(more)} of "
        f"{many(len(own), 'method')}, more to the other side for {len(less)}; for {rest} no difference of the sides "
        "was "
        "found."
    ]
    return " ".join(said)


def on_slopes(slopes: Agreements) -> str:
    """How many slopes lie below 1."""
    below = [k for k, v in slopes.items() if v["slope"]["ci95"][1] < 1]
    above = [k for k, v in slopes.items() if v["slope"]["ci95"][0] > 1]
    open_ = len(slopes) - len(below) - len(above)
    text = (
        f"Of {many(len(slopes), 'slope')} of predicted on true asymmetry (methods by regions) {len(below)} lie below 1 "
        f"with their whole interval: there an asymmetric face is drawn more symmetric than it is. {len(above)} lie "
        f"above 1{f'; for the other {open_} no symmetrisation was found' if open_ else ''}."
    )
    zero: dict[str, list[str]] = {}
    for (name, region), v in slopes.items():
        if v["slope"]["ci95"][0] <= 0 <= v["slope"]["ci95"][1]:
            zero.setdefault(name, []).append(region)
    if zero:
        names = listed([f"{name} ({', '.join(regions)})" for name, regions in zero.items()])
        text += f" That the prediction follows the true asymmetry at all was not shown for {names}."
    return text


def on_regions(slopes: Agreements, regions: Sequence[str]) -> str:
    """The least and the largest slope of each region."""
    said = []
    for region in regions:
        own = {n: v["slope"] for (n, r), v in slopes.items() if r == region}
        if own:
            low, high = (pick(own, key=lambda n: own[n]["value"]) for pick in (min, max))
            texts = [f"{own[n]['value']:.2f} {ends(own[n]['ci95'])} ({n})" for n in dict.fromkeys((low, high))]
            said.append(f"{region.capitalize()}: {' to '.join(texts)}.")
    return " ".join(said)


def on_slope_changes(changes: Agreements) -> str:
    """Does another training change the symmetrisation?"""
    lower, higher = ([k for k, v in changes.items() if sign * v["ci95"][i] < 0] for sign, i in ((1, 1), (-1, 0)))
    return (
        f"After training on healthy faces only, {len(lower)} of {many(len(changes), 'slope')} are lower (more "
        "symmetrisation) "
        f"and {len(higher)} higher with their whole interval; for {len(changes) - len(lower) - len(higher)} no "
        "difference was found."
    )


def on_survival(found: Agreements, names: Sequence[str]) -> str:
    """Which measures survive, by measure."""
    said = []
    for key, (words, mm) in SURVIVAL.items():
        own = {n: found[n, key] for n in names if (n, key) in found}
        if own:
            yes, no = ([n for n, v in own.items() if v["verdict"] == word] for word in ("yes", "no"))
            text = f"- {words[0].upper()}{words[1:]} ({mm:g} mm): inside for {len(yes)} of {many(len(own), 'method')}"
            text += f" ({listed(yes)})" if yes else ""
            text += f", not for {len(no)}, unclear for {len(own) - len(yes) - len(no)}."
            best = min(own, key=lambda n: max(map(abs, own[n]["loa"])))
            one = own[best]
            text += (
                f" The narrowest limits are those of {best}: {ends(one['loa'], 1)} % where ±{one['limit']:.1f} % are "
            )
            text += f"asked for, and the truth itself has an SD of {one['sd_true']:.1f} %."
            said.append(text)
    return "\n".join(said)


def on_mending(effects: Effects) -> str:
    """What training without palsy costs, and whether it costs more where there is palsy."""
    said = []
    for group, more_of, less_of in (
        ("with palsy", "the error on faces with palsy is larger", "smaller"),
        ("without palsy", "the error on healthy faces is larger", "smaller"),
        ("cost of palsy", "palsy costs more within a pair", "less"),
    ):
        own = {n: e for (n, g), e in effects.items() if g == group}
        if own:
            more, less = ({n: e for n, e in own.items() if e.shown and s * e.value > 0} for s in (1, -1))
            ranges = [f" ({_range(part)})" if part else "" for part in (more, less)]
            said.append(
                f"- Trained on healthy faces only, {more_of} for {len(more)} of {many(len(own), 'method')}{ranges[0]}, "
                f"{less_of} for {len(less)}{ranges[1]}; for {len(own) - len(more) - len(less)} no difference was found."
            )
    return "\n".join(said)


def on_all_survival(found: Agreements, names: Sequence[str]) -> str:
    """How many measures survive, in one sentence."""
    own = {k: v for k, v in found.items() if k[0] in names}
    yes, no = ([k for k, v in own.items() if v["verdict"] == word] for word in ("yes", "no"))
    return (
        f"Of {many(len(own), 'combination')} of a method and a clinical measure {len(yes)} keep their limits of "
        "agreement "
        f"inside the threshold of perception, {len(no)} do not, {len(own) - len(yes) - len(no)} are unclear."
    )


def survival_rows(found: Agreements, names: Sequence[str]) -> list[list[str]]:
    """Everything about each measure of each method."""
    rows = []
    for key, (words, _) in SURVIVAL.items():
        for name in names:
            one = found.get((name, key))
            if one is None:
                continue
            spread = f"{one['mean_true']:+.1f} ± {one['sd_true']:.1f}"
            bias = f"{one['bias']:+.2f} {ends(one['bias_ci95'])}"
            slope, icc = (f"{one[k]['value']:.2f} {ends(one[k]['ci95'])}" for k in ("slope", "icc"))
            left_out = str(one["undefined"]) if one["undefined"] else ""
            rows.append([words, name, str(one["n"]), spread, bias, ends(one["loa"], 1), slope, icc, left_out])
    return rows


def not_found(lost: Mapping[str, tuple[float, float, Effect]]) -> list[str]:
    """Faces that a method did not find, which have no error and are in no other number of the page."""
    if not lost:
        return ["\nEvery method gave landmarks for every face."]
    rows = [[name, f"{a:.1f}", f"{b:.1f}", cell(effect)] for name, (a, b, effect) in lost.items()]
    return [
        "\nFaces that a method did not find have no error and are in no other number here; percent of the faces "
        "without and with palsy (as they are, p adjusted among these rows):\n",
        table(["method", "not found, without palsy", "with palsy", "difference [95 %]"], rows),
    ]


def described(entry: Entry) -> list[str]:
    """The row of the table of results."""
    d, faces = entry.faces.result.document, entry.faces
    people = "?" if faces.person is None else str(len(set(faces.person)))
    low, high = min(entry.seeds), max(entry.seeds)
    nme = f"{low:.2f}" if low == high else f"{low:.2f} to {high:.2f}"
    lost = len(d["excluded"])
    count = f"{len(faces)}, {lost} not found" if lost else str(len(faces))
    seeds = [str(len(entry.seeds)), nme, count, people]
    return [entry.method, entry.training, ", ".join(d["split"]), *seeds, d["protocol"], d["data_fingerprint"][:8]]


def _range(effects: dict[str, Effect]) -> str:
    low, high = (pick(effects, key=lambda n: effects[n].value) for pick in (min, max))
    texts = [_one(name, effects[name]) for name in (low, high)]
    return texts[0] if low == high else f"from {texts[0]} to {texts[1]}"


def _each(effects: dict[str, Effect]) -> list[str]:
    return [_one(name, effect) for name, effect in effects.items()]


def _one(name: str, effect: Effect) -> str:
    share = "" if effect.relative is None else f" or {signed(effect.relative, 0)} %"
    return f"{signed(effect.value, 2)} points {ends(effect.ci95)}{share} ({name})"


def _counts(effects: Effects, group: str) -> str:
    counts = sorted({effect.n for (_, g), effect in effects.items() if g == group})
    return str(counts[0]) if len(counts) == 1 else f"{counts[0]} to {counts[-1]}"


def _apart(one: Effect, other: Effect) -> bool:
    return bool(one.ci95 and other.ci95 and (one.ci95[1] < other.ci95[0] or other.ci95[1] < one.ci95[0]))
