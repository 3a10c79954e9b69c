"""What cannot be true of a whole set of faces and its subsets: NME, FR and AUC are means over faces.

So each of the whole set is the mean of its parts weighted by their sizes, and the faces of any subset bound it alone.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from parface_bench.registry import DATASETS, UserError
from parface_bench.scoring.audit import MEANS, Audit, Fault, Printed, Rows, read_rows
from parface_bench.scoring.protocol import load_protocol, protocol_of

_MOST = 12  # subsets of which the parts are looked for


@dataclass(frozen=True)
class Composition:
    """How the whole set of a data set is made up.

    Attributes:
        whole: number of its faces.
        sizes: subset -> number of faces, of the subsets that lie within it.
        parts: sets of subsets that together are the whole set, each face in one of them.
        balanced: bins whose plain mean is the subset ``balanced``.
    """

    whole: int
    sizes: Mapping[str, int]
    parts: tuple[tuple[str, ...], ...]
    balanced: tuple[str, ...] = ()

    @classmethod
    def of(cls, dataset: str, sizes: Mapping[str, int] | None = None, protocol: str = "") -> Composition | None:
        """By the facts of the data set; None where nothing is known of it.

        Args:
            dataset: its name.
            sizes: further sizes of subsets, and of ``full``.
            protocol: whose bins make up ``balanced``; the data set's own where empty.

        Subsets whose sizes add up to the whole set are its parts. A split that is no such part may lie outside of it.
        """
        counts = dict(sizes or {})
        splits: Mapping[str, int] = {}
        balanced: tuple[str, ...] = ()
        try:
            spec = DATASETS.spec(dataset)
            splits = spec.counts
            balanced = (load_protocol(protocol) if protocol else protocol_of(spec)).balanced
            counts.setdefault("full", splits.get("full") or sum(splits.get(s, 0) for s in spec.test_splits))
        except UserError:  # a data set or protocol of somebody else
            pass
        whole = counts.pop("full", 0)
        if not whole:
            return None
        known = {name: n for name, n in {**splits, **counts}.items() if 0 < n < whole}
        names = sorted(known)[:_MOST]
        parts = [
            group
            for size in range(2, len(names) + 1)
            for group in combinations(names, size)
            if sum(known[name] for name in group) == whole
        ]
        within = {name for group in parts for name in group} | (counts.keys() - splits.keys())
        return cls(whole, {n: known[n] for n in known if n in within}, tuple(parts), tuple(balanced))


def contradictions(values: Mapping[str, Mapping[str, Any]], made_up: Composition) -> list[str]:
    """What cannot be true among the subsets of one method: a sentence for each broken rule; rounding is allowed for.

    Args:
        values: subset -> metric -> a number, its text, or :class:`Printed`, percent.
        made_up: of the data set that they are of.

    Raises:
        ValueError: a value is no number.
    """
    rows = {
        subset: {
            name: v if isinstance(v, Printed) else Printed.of(v) for name, v in row.items() if MEANS.fullmatch(name)
        }
        for subset, row in values.items()
    }
    found: list[str] = []
    for name, whole in rows.get("full", {}).items():
        has = {subset: row[name] for subset, row in rows.items() if name in row}
        parts = [group for group in made_up.parts if all(part in has for part in group)]
        for group in parts:
            found += _weighted(name, whole, {part: has[part] for part in group}, made_up)
        covered = {part for group in parts for part in group}
        for subset in [s for s in made_up.sizes if s in has and s not in covered]:
            found += _within(name, whole, subset, has[subset], made_up)
    for name, mean in rows.get("balanced", {}).items():
        bins = [rows.get(b, {}).get(name) for b in made_up.balanced]
        given = [b for b in bins if b is not None]
        if given and len(given) == len(bins):
            low, high = (sum(getattr(b, end) for b in given) / len(given) for end in ("low", "high"))
            if mean.high < low - _SLACK or mean.low > high + _SLACK:
                found.append(f"balanced {name} = {mean.text} is not the mean of its bins, {low:.3f} to {high:.3f}")
    return found


_SLACK = 1e-9


def _printed(value: Any) -> Printed:
    return value if isinstance(value, Printed) else Printed.of(value)


def _weighted(name: str, whole: Printed, parts: Mapping[str, Printed], made_up: Composition) -> list[str]:
    texts = ", ".join(f"{part} {value.text}" for part, value in parts.items())
    low, high = min(p.low for p in parts.values()), max(p.high for p in parts.values())
    if whole.high < low - _SLACK or whole.low > high + _SLACK:
        return [f"{name} = {whole.text} lies outside those of its parts ({texts})"]
    ends = (sum(made_up.sizes[part] * getattr(value, end) for part, value in parts.items()) for end in ("low", "high"))
    low, high = (end / made_up.whole for end in ends)
    if whole.high < low - _SLACK or whole.low > high + _SLACK:
        faces = " and ".join(f"{made_up.sizes[part]}" for part in parts)
        return [f"{name} = {whole.text} is not the mean of its parts ({texts}; {faces} faces), {low:.3f} to {high:.3f}"]
    return []


def _within(name: str, whole: Printed, subset: str, value: Printed, made_up: Composition) -> list[str]:
    share = made_up.sizes[subset] / made_up.whole
    if whole.high < share * value.low - _SLACK:
        least = f"the {made_up.sizes[subset]} faces of {subset} ({value.text}) alone give {share * value.low:.3f}"
        return [f"{name} = {whole.text} is too small: {least}"]
    most = share * value.high + (1 - share) * 100
    if name != "NME" and whole.low > most + _SLACK:
        rest = f"with the {made_up.sizes[subset]} faces of {subset} ({value.text}) it is at most {most:.3f}"
        return [f"{name} = {whole.text} is too large: {rest}"]
    return []


def audit_whole(rows: Rows, sizes: Mapping[str, Mapping[str, int]], audit: Audit) -> None:
    """Add to an audit what cannot be true among the rows of one method on one data set.

    Args:
        rows: (row number, method, data set, subset, values).
        sizes: data set -> subset -> number of faces, beside the data sets' own facts.
        audit: gets a fault at the row of the whole set, and a note on each data set of unknown make-up.
    """
    groups: dict[tuple[str, str], dict[str, tuple[int, Mapping[str, Printed]]]] = {}
    twice = set()
    for number, method, dataset, subset, values in rows:
        group = groups.setdefault((method, dataset), {})
        twice |= {(method, dataset)} if subset in group else set()
        group[subset] = number, values
    unknown = set()
    for (method, dataset), group in groups.items():
        made_up = Composition.of(dataset, sizes.get(dataset))
        if len(group) < 2 or (method, dataset) in twice:
            continue
        if made_up is None:
            unknown.add(dataset)
            continue
        reasons = contradictions({subset: values for subset, (_, values) in group.items()}, made_up)
        if reasons:
            subset = "full" if "full" in group else "balanced"
            audit.impossible.append(Fault(group[subset][0], method, dataset, subset, reasons))
    audit.notes += [
        f"the sizes of the subsets of {name or 'this table'!r} are not known: they are not checked against the whole"
        for name in sorted(unknown)
    ]
    audit.notes += [f"{m}, {d}: a subset occurs twice; not checked against the whole set" for m, d in sorted(twice)]
    audit.impossible.sort(key=lambda fault: fault.row)


def audit_file(path: Any, sizes: Mapping[str, Mapping[str, int]]) -> Audit:
    """:func:`parface_bench.scoring.audit.audit_table`, and whole sets against their subsets.

    Raises:
        UserError: see there.
    """
    audit, rows = read_rows(path)
    audit_whole(rows, sizes, audit)
    return audit
