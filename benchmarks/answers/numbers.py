"""The numbers of the page: differences by group, what another training changes, slopes and limits of agreement."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import pandas as pd

from answers.entries import Entry, aligned
from parface_bench.clinical.gap import FEWEST, confounders, gap
from parface_bench.clinical.numbers import landmark_errors, sides
from parface_bench.clinical.report import frontal
from parface_bench.clinical.scored import Scored
from parface_bench.clinical.statistics.agreement import agreement
from parface_bench.clinical.statistics.differences import compare_groups, compare_pairs
from parface_bench.registry import UserError
from parface_bench.results.record import FACES
from parface_bench.scoring.crossed import holm

EYE_DISTANCE = 90.0  # mm between the outer eye corners, nominal: only to put thresholds of perception into percent
REGIONS = ("jaw", "brows", "nose", "eyes", "mouth")
# signed differences of right and left; heights of the eyes are left out, since the eyes lay the frame
SLOPES = {
    "brows": "height_asymmetry_brows",
    "lids' opening": "fissure_height_linear_R-L",
    "nose": "height_asymmetry_nose",
    "mouth": "height_asymmetry_mouth",
    "all but the jaw": "height_asymmetry_inner",
}
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
Settings = dict[str, int]


@dataclass
class Effect:
    """A difference with its interval; ``p_holm`` is set by :func:`adjust`; ``base`` is None for what has no share."""

    value: float
    ci95: list[float] | None
    p: float
    base: float | None
    n: int
    p_holm: float = 1.0

    @property
    def relative(self) -> float | None:
        """Percent of what it is compared with."""
        return 100 * self.value / self.base if self.base else None

    @property
    def shown(self) -> bool:
        """The adjusted p is below 0.05 and the interval leaves out 0."""
        return self.p_holm < 0.05 and self.ci95 is not None and not self.ci95[0] <= 0 <= self.ci95[1]


Effects = dict[tuple[str, str], Effect]  # (name of the entry, group) -> effect


def adjust(*tables: Effects) -> int:
    """Holm over all effects of these tables; returns how many."""
    found = [effect for table in tables for effect in table.values()]
    for effect, p in zip(found, holm([e.p for e in found]), strict=True):
        effect.p_holm = p
    return len(found)


def costs(
    found: Sequence[Entry],
    by: str,
    settings: Settings,
    metrics: Sequence[str] = ("NME",),
    reference: str = "",
    within: Sequence[str] = (),
) -> Effects:
    """Each group of a tag less the reference, by entry; keys are groups, or metrics where there are several."""
    effects: Effects = {}
    for entry in found:
        if by not in entry.faces.tags:
            continue
        document = gap([entry.faces], [by], metrics, within=within, reference=reference, **settings)
        for one in document["results"][0]["tags"][by]["comparisons"]:
            if not one["not_tested"]:
                key = (entry.name, one["metric"] if len(metrics) > 1 else one["group"])
                effects[key] = _effect(one, one["mean_reference"], one["n"])
    return effects


def affected_side(found: Sequence[Entry], settings: Settings) -> dict[str, Effects]:
    """On pairs: what palsy adds on the affected and on the other side; and the difference of the two."""
    tables: dict[str, Effects] = {"affected": {}, "other": {}, "affected less other": {}}
    for entry in found:
        pairs = _pairs(entry.faces)
        if pairs is None:
            continue
        without, with_it = pairs
        try:
            with_sides = [values[with_it] for values in sides(entry.faces)]
        except UserError:  # no tag of the side, or a layout without sides
            continue
        errors, schema = landmark_errors(entry.faces), entry.faces.schema
        side = entry.faces.side()
        if schema is None or side is None:
            continue
        left, right = (errors[without][:, schema.side == name].mean(axis=1) for name in ("left", "right"))
        is_right = side[with_it] > 0
        plain = [np.where(is_right, right, left), np.where(is_right, left, right)]
        known = np.isfinite(with_sides[0]) & np.isfinite(plain[0]) & (side[with_it] != 0)
        if known.sum() < FEWEST:
            continue
        person = None if entry.faces.person is None else entry.faces.person[with_it][known]
        rise = [(a - b)[known] for a, b in zip(with_sides, plain, strict=True)]
        for name, (a, b) in {
            "affected": (with_sides[0][known], plain[0][known]),
            "other": (with_sides[1][known], plain[1][known]),
            "affected less other": (rise[0], rise[1]),
        }.items():
            base = float(b.mean()) if name != "affected less other" else None
            tables[name][entry.name, name] = _effect(compare_pairs(a, b, person, **settings), base, len(a))
    return tables


def mended(pairs: Sequence[tuple[Entry, Entry]], settings: Settings) -> Effects:
    """Training on healthy faces only less training on all faces: error with and without palsy, and cost of palsy."""
    effects: Effects = {}
    for one, other in pairs:
        a, b = aligned(other, one)  # healthy only first
        change = a.errors["nme"].to_numpy(dtype=float) - b.errors["nme"].to_numpy(dtype=float)
        base = b.errors["nme"].to_numpy(dtype=float)
        healthy = a.tag("healthy") == "yes"
        for group, rows in (("with palsy", ~healthy), ("without palsy", healthy)):
            if rows.sum() >= FEWEST:
                effects[one.method, group] = _paired(change, base, rows, a, settings)
        found = _pairs(a)
        if found is not None and len(found[0]) >= FEWEST:
            without, with_it = found
            person = None if a.person is None else a.person[with_it]
            both = compare_pairs(change[with_it], change[without], person, **settings)
            effects[one.method, "cost of palsy"] = _effect(both, None, len(with_it))
    return effects


def slopes(
    found: Sequence[Entry], settings: Settings, true_frame: bool = False
) -> dict[tuple[str, str], dict[str, Any]]:
    """Predicted on true signed difference of right and left by region, over faces that look to the front."""
    table = {}
    for entry in found:
        faces = frontal(entry.faces, {})
        if entry.lacking or (true_frame and not faces.has_true_frame):
            continue
        for region, key in SLOPES.items():
            true, predicted = faces.measured(key, true_frame=true_frame)
            one = agreement(true, predicted, faces.person, resamples=settings["resamples"])
            if one.get("slope", {}).get("ci95"):
                table[entry.name, region] = one
    return table


def slope_changes(pairs: Sequence[tuple[Entry, Entry]], settings: Settings) -> dict[tuple[str, str], dict[str, Any]]:
    """Slope after training on healthy faces only less slope after training on all: the slope of the difference."""
    table = {}
    for one, other in pairs:
        a, b = (frontal(faces, {}) for faces in aligned(other, one))
        for region, key in SLOPES.items() if not (one.lacking or other.lacking) else ():
            true, first = a.measured(key)
            _, second = b.measured(key)
            found = agreement(true, first - second, a.person, resamples=settings["resamples"])
            if found.get("slope", {}).get("ci95"):
                table[one.method, region] = found["slope"]
    return table


def survival(found: Sequence[Entry], settings: Settings) -> dict[tuple[str, str], dict[str, Any]]:
    """Agreement of each measure over faces with palsy that look to the front, with ``verdict``: yes, no or unclear."""
    table = {}
    for entry in found:
        if entry.lacking:
            continue
        faces = frontal(entry.faces, {})
        side = faces.side()
        if side is None or not (side != 0).any():
            continue
        rows = side != 0
        person = None if faces.person is None else faces.person[rows]
        for key, (_, mm) in SURVIVAL.items():
            if key.endswith("_affected"):
                stem = key.removesuffix("_affected")
                both = zip(faces.measured(f"{stem}_right"), faces.measured(f"{stem}_left"), strict=True)
                true, predicted = (np.where(side > 0, right, left) for right, left in both)
            else:
                true, predicted = (side * values for values in faces.measured(key))
            one = agreement(true[rows], predicted[rows], person, resamples=settings["resamples"])
            if one["n"] >= FEWEST and one.get("loa"):
                table[entry.name, key] = {**one, "limit": limit(mm), "verdict": verdict(one, limit(mm))}
    return table


def limit(mm: float) -> float:
    """A threshold in percent of the nominal outer-eye distance."""
    return 100 * mm / EYE_DISTANCE


def verdict(one: dict[str, Any], allowed: float) -> str:
    """'yes' where the limits with their intervals lie inside, 'no' where they themselves do not, else 'unclear'."""
    upper = one.get("loa_upper_ci95_exact") or one["loa_upper_ci95"]
    lower = one.get("loa_lower_ci95_exact") or one["loa_lower_ci95"]
    ends = [v for pair in (lower, upper) for v in pair or [np.inf]]
    if max(map(abs, ends)) <= allowed:
        return "yes"
    return "no" if max(map(abs, one["loa"])) > allowed else "unclear"


def missed(found: Sequence[Entry], settings: Settings) -> dict[str, tuple[float, float, Effect]]:
    """Of methods that did not find all faces: percent not found without and with palsy, and the difference."""
    table = {}
    for entry in found:
        file = entry.faces.result.folder / FACES
        if not entry.faces.result.document["excluded"] or not file.is_file():
            continue
        faces = pd.read_csv(file, dtype={"id": str})
        if "healthy" not in faces:
            continue
        values = 100.0 * ~faces["id"].isin(entry.faces.errors["id"].astype(str)).to_numpy()
        palsy = ~faces["healthy"].to_numpy(dtype=bool)
        person = faces["identity"].to_numpy() if "identity" in faces else None
        one = compare_groups(values, palsy, person, **settings)
        without = float(values[~palsy].mean())
        table[entry.name] = (without, float(values[palsy].mean()), _effect(one, None, int(palsy.sum())))
    return table


def alike(found: Sequence[Entry], by: str, reference: str) -> list[dict[str, Any]]:
    """Tags in which the groups of a tag differ on the faces of the first entry, see ``gap``."""
    if not found or by not in found[0].faces.tags:
        return []
    faces = found[0].faces
    labels = faces.tag(by)
    groups = sorted({v for v in labels if v is not None and v != reference})
    return [one for group in groups for one in confounders(faces, labels, group, reference, (by,))]


def _pairs(faces: Scored) -> tuple[np.ndarray, np.ndarray] | None:
    """Rows of the pairs: without palsy, with palsy."""
    if faces.pair is None or "healthy" not in faces.tags:
        return None
    healthy = faces.tag("healthy") == "yes"
    without = {pair: row for row, pair in enumerate(faces.pair) if healthy[row]}
    with_it = [row for row, pair in enumerate(faces.pair) if not healthy[row] and pair in without]
    return np.array([without[faces.pair[row]] for row in with_it], int), np.array(with_it, int)


def _paired(change: np.ndarray, base: np.ndarray, rows: np.ndarray, faces: Scored, settings: Settings) -> Effect:
    person = None if faces.person is None else faces.person[rows]
    found = compare_pairs((base + change)[rows], base[rows], person, **settings)
    return _effect(found, float(base[rows].mean()), int(rows.sum()))


def _effect(found: dict[str, Any], base: float | None, n: int) -> Effect:
    return Effect(found["difference"]["value"], found["difference"]["ci95"], found["p"], base, n)
