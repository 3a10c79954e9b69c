"""The sections of the page; each gives its headline sentences and its text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from answers import plots, words
from answers.entries import Entry, both_trainings, entries
from answers.numbers import (
    EYE_DISTANCE,
    REGIONS,
    SLOPES,
    SURVIVAL,
    WITHIN,
    Effects,
    Settings,
    adjust,
    affected_side,
    alike,
    costs,
    mended,
    missed,
    slope_changes,
    slopes,
    survival,
)

GRADES = ("II", "III", "IV", "V", "VI")
KINDS = ("flaccid", "synkinetic")
COST, SLOPE = "palsy", "symmetrisation"  # figures, after the page's own name
REAL = "300w"
Section = tuple[list[str], str]  # headline sentences, text


def pairs(found: Sequence[Entry], settings: Settings, out: Path) -> Section:
    """The effect of palsy alone."""
    if not found:
        return [], "## What palsy costs: the same picture without and with palsy\n\nNo result on pairs is recorded.\n"
    whole = costs(found, "healthy", settings, reference="yes")
    tables = {
        "grade": costs(found, "palsy_grade", settings),
        "kind": costs(found, "palsy_kind", settings),
        "side": costs(found, "palsy_side", settings, reference="none"),
        "clinic": costs([_clinic(e) for e in found if "clinic" in e.faces.tags], "healthy", settings, reference="yes"),
    }
    tests = adjust(whole, *tables.values())
    merged: Effects = {}
    for group, table in ((("all", "no"), whole), (("clinic", "no"), tables["clinic"])):
        merged |= {(name, group[0]): effect for (name, g), effect in table.items() if g == group[1]}
    merged |= {key: effect for name in ("kind", "side") for key, effect in tables[name].items()}
    names = [e.name for e in found]
    grades = [g for g in GRADES if any(group == g for _, group in tables["grade"])]
    picture = out.with_name(f"{out.stem}-{COST}.svg")
    drawn = {key: (e.relative, *(100 * v / e.base for v in e.ci95)) for key, e in tables["grade"].items() if e.ci95}
    drawn = {(name, f"grade {group}"): value for (name, group), value in drawn.items()}
    plots.panels(picture, names, [f"grade {g}" for g in grades], drawn, "change of NME by palsy, percent", (0.0,))
    headlines = [
        words.on_costs(merged, "all", "In pairs that differ in palsy alone"),
        words.on_costs(merged, "clinic", "As a clinic photographs (clean, head turned by at most 30 degrees)"),
        words.on_order(tables["grade"], grades),
    ]
    lines = [
        "## What palsy costs: the same picture without and with palsy\n",
        "NME with palsy less NME without, in points, its interval and percent of NME without; in brackets the pairs. "
        "`clinic`: nothing before the face, fair photograph, head turned by at most 30 degrees; left and right are the "
        "patient's own.\n",
        words.matrix(names, ["all", "clinic", *KINDS, "left", "right"], merged),
        "\nBy House-Brackmann grade:\n",
        words.matrix(names, grades, tables["grade"]),
        f"\n![Change of NME by palsy, by grade]({picture.name})\n",
        f"{words.many(tests, 'test')} in this section.\n",
    ]
    return headlines, "\n".join(lines)


def singles(found: Sequence[Entry], settings: Settings) -> Section:
    """Healthy and palsied faces that are different people."""
    if not found:
        return [], ""
    plain = costs(found, "healthy", settings, reference="yes")
    inside = [e for e in found if all(tag in e.faces.tags for tag in WITHIN)]
    within = costs(inside, "healthy", settings, reference="yes", within=WITHIN)
    kinds = costs(inside, "palsy_kind", settings, within=WITHIN)
    grades = costs(inside, "palsy_grade", settings, within=WITHIN)
    tests = adjust(plain, within, kinds, grades)
    both = {(name, "as they are"): effect for (name, _), effect in plain.items()}
    both |= {(name, f"within {' and '.join(WITHIN)}"): effect for (name, _), effect in within.items()}
    differ = alike(found, "healthy", "yes")
    said = words.listed([f"{one['tag']} (Cramér's V {one['cramers_v']:.2f})" for one in differ]) if differ else ""
    names = [e.name for e in found]
    lost = missed(found, settings)
    tests += adjust({(name, "not found"): effect for name, (_, _, effect) in lost.items()})
    lines = [
        "\n## What palsy costs: different faces\n",
        "Here the faces with palsy are other people than those without, so that pose and what covers the face differ "
        f"by chance; differences are therefore taken inside groups alike in {' and '.join(WITHIN)}.",
        f"The groups differ in {said}." if said else "No other tag was found in which the groups differ.",
        "",
        words.matrix(names, ["as they are", f"within {' and '.join(WITHIN)}"], both),
        "\nBy kind and grade, within the same groups:\n",
        words.matrix(names, [*KINDS, *GRADES], {**kinds, **grades}),
        *words.not_found(lost),
        f"\n{words.many(tests, 'test')} in this section.\n",
    ]
    headline = words.on_costs(
        both, f"within {' and '.join(WITHIN)}", f"Among different faces alike in {' and '.join(WITHIN)}"
    )
    return [headline], "\n".join(lines)


def where(found: Sequence[Entry], settings: Settings) -> Section:
    """Regions and sides, on pairs."""
    if not found:
        return [], ""
    names = [f"region:{r}" for r in REGIONS]
    regions = costs(found, "healthy", settings, metrics=names, reference="yes")
    sides = affected_side(found, settings)
    tests = adjust(regions, *sides.values())
    shown = {(name, region.removeprefix("region:")): effect for (name, region), effect in regions.items()}
    merged = {key: effect for table in sides.values() for key, effect in table.items()}
    lines = [
        "\n## Where on the face\n",
        "NME of a region with palsy less without, the same pairs:\n",
        words.matrix([e.name for e in found], REGIONS, shown),
        "\nThe same for the landmarks of the affected and of the other side (one-sided palsies), and how much more "
        "palsy "
        "adds on the affected side:\n",
        words.matrix([e.name for e in found], ["affected", "other"], merged),
        "",
        words.matrix([e.name for e in found], ["affected less other"], merged),
        f"\n{words.many(tests, 'test')} in this section.\n",
    ]
    headlines = [words.on_largest(shown, REGIONS) if shown else "", words.on_sides(sides["affected less other"])]
    return headlines, "\n".join(lines)


def symmetrisation(found: Sequence[Entry], settings: Settings, out: Path) -> Section:
    """Symmetrisation."""
    own, framed = (slopes(found, settings, true_frame=t) for t in (False, True))
    if not own:
        return [], ""
    names = [e.name for e in found if any(name == e.name for name, _ in own)]
    picture = out.with_name(f"{out.stem}-{SLOPE}.svg")
    drawn = {key: (one["slope"]["value"], *one["slope"]["ci95"]) for key, one in own.items()}
    plots.panels(picture, names, tuple(SLOPES), drawn, "slope of predicted on true asymmetry", (1.0, 0.0))

    def rows(source: words.Agreements) -> list[list[str]]:
        cells = {key: f"{one['slope']['value']:.2f} {words.ends(one['slope']['ci95'])}" for key, one in source.items()}
        return [[name, *(cells.get((name, region), "") for region in SLOPES)] for name in names]

    heads = ["method", *(f"{region} ({_spread(own, region)})" for region in SLOPES)]
    lines = [
        "\n## Symmetrisation\n",
        "Slope of the predicted on the true signed difference of right and left (heights; of the lids their opening), "
        "over the faces that look to the front, healthy and with palsy: 1 keeps the asymmetry, 0 shows a symmetric "
        "face. In brackets the SD of the true difference, percent of the outer-eye distance.\n",
        words.table(heads, rows(own)),
        f"\n{words.on_regions(own, tuple(SLOPES))}\n",
        f"\n![Slopes by region]({picture.name})\n",
    ]
    if framed:
        lines += [
            "The same with the prediction in the frame of the true eyes, so that errors of the eyes do not tilt the "
            "rest:\n",
            words.table(["method", *SLOPES], rows(framed)),
        ]
    return [words.on_slopes(own)], "\n".join(lines)


def survivors(found: Sequence[Entry], settings: Settings) -> Section:
    """Limits of agreement against thresholds of perception."""
    table = survival(found, settings)
    if not table:
        return [], ""
    names = [e.name for e in found if any(name == e.name for name, _ in table)]
    rows = [
        [
            name,
            *(
                f"{table[name, key]['verdict']} {words.ends(table[name, key]['loa'], 1)}"
                if (name, key) in table
                else ""
                for key in SURVIVAL
            ),
        ]
        for name in names
    ]
    heads = [
        "measure",
        "method",
        "faces",
        "true ± SD",
        "bias [95 %]",
        "limits",
        "slope [95 %]",
        "ICC [95 %]",
        "undefined",
    ]
    lines = [
        "\n## Which measures survive\n",
        "A measure survives here where the limits of agreement of predicted and true, with their intervals, lie inside "
        "what observers see: 3 mm at brow, lip and corner of the mouth, 1 mm at a lid, put into percent at a *nominal* "
        f"{EYE_DISTANCE:g} mm between the outer eye corners. That scale is assumed, and these are thresholds of "
        "perception, not of importance to patients. Faces with palsy that look to the front; + is the affected side "
        "lower or larger. The last two measures lie across the midline, so that their truth holds the turn of the head "
        "too.\n",
        words.on_survival(table, names),
        "\nVerdict and limits of agreement, percent of the true outer-eye distance:\n",
        words.table(["method", *(f"{text} ({mm:g} mm)" for text, mm in SURVIVAL.values())], rows),
        "\nBias, slope and ICC(2,1); an ICC without its slope can hide a shrink, and it falls with the spread of the "
        "sample, so the SD of the truth stands beside it:\n",
        words.table(heads, words.survival_rows(table, names)),
        "",
    ]
    return [words.on_all_survival(table, names)], "\n".join(lines)


def trainings(found: Sequence[Entry], settings: Settings) -> Section:
    """Does training with palsy mend it?"""
    title = "\n## Does training with palsy mend it?\n"
    paired = bool(both_trainings(found, paired=True))
    pairs = both_trainings(found, paired=paired)
    if not pairs:
        return [], f"{title}\nNo method is recorded with both trainings.\n"
    effects = mended(pairs, settings)
    own = [e for pair in pairs for e in pair]
    tables = [costs(own, "healthy", settings, reference="yes"), costs(own, "palsy_grade", settings)]
    tests = adjust(effects, *tables)
    cost = {(name, "all" if group == "no" else group): e for t in tables for (name, group), e in t.items()}
    lines = [
        title,
        "Each method was trained twice, on all faces of the training split and on the same people, poses and light "
        "with every palsy taken away; both are scored on the same faces.\n",
        "NME after training on healthy faces only less NME after training on all faces; the last column, if there, "
        "is the change of what palsy costs in a pair:\n",
        words.matrix([e.method for e, _ in pairs], ["with palsy", "without palsy", "cost of palsy"], effects),
        "\nWhat palsy costs after either training, `(healthy)`: trained on healthy faces only:\n",
        words.matrix([e.name for e in own], ["all", *GRADES], cost),
        f"\n{words.many(tests, 'test')} in this section.\n",
    ]
    headlines = words.on_mending(effects).split("\n")
    single = both_trainings(found, paired=False) or pairs
    changes = slope_changes(single, settings)
    if changes:
        headlines.append(words.on_slope_changes(changes))
        table = [
            [
                e.method,
                *(
                    f"{words.signed(changes[e.method, r]['value'], 2)} {words.ends(changes[e.method, r]['ci95'])}"
                    if (e.method, r) in changes
                    else ""
                    for r in SLOPES
                ),
            ]
            for e, _ in single
        ]
        agreements = survival([e for pair in single for e in pair], settings)
        lines += [
            "Slope after training on healthy faces only less slope after training on all (not adjusted for their "
            "number):\n",
            words.table(["method", *SLOPES], table),
            "\nMeasures that survive after training on all faces and on healthy faces only:\n",
            words.table(["method", "all faces", "healthy faces only"], _survivors(single, agreements)),
        ]
    return [line.removeprefix("- ") for line in headlines], "\n".join([*lines, ""])


def photographs(store: Path) -> str:
    """The same methods on photographs, for scale."""
    found = [e for e in entries(store, REAL) if not e.paired]
    if not found:
        return ""
    rows = []
    for entry in found:
        nme = entry.faces.result.document["subsets"]["full"]["NME"]
        rows.append(
            [
                entry.method,
                str(len(entry.faces)),
                f"{sum(entry.seeds) / len(entry.seeds):.2f}",
                str(len(entry.seeds)),
                words.ends(nme["ci95"]),
            ]
        )
    heads = ["method", "faces", "NME", "seeds", "95 % over faces (lowest seed)"]
    return "\n".join(
        [
            f"\n## The same methods on photographs: {REAL}\n",
            "For scale only: real photographs, of whose palsies nothing is known, so that they say nothing of palsy. "
            "Methods that learn were trained on that data set's own faces.\n",
            words.table(heads, rows),
            "",
        ]
    )


def _survivors(pairs: Sequence[tuple[Entry, Entry]], agreements: words.Agreements) -> list[list[str]]:
    def survives(entry: Entry) -> str:
        own = [SURVIVAL[k][0] for k in SURVIVAL if agreements.get((entry.name, k), {}).get("verdict") == "yes"]
        return "; ".join(own) or "none"

    return [[one.method, survives(one), survives(other)] for one, other in pairs]


def _clinic(entry: Entry) -> Entry:
    return replace(entry, faces=entry.faces.where({"clinic": "yes"}))


def _spread(source: words.Agreements, region: str) -> str:
    found = [one["sd_true"] for (_, r), one in source.items() if r == region]
    return f"SD {max(found):.1f}" if found else ""
