"""Peripheral facial palsy as a change of face-unit weights: conditions, and how v1 of the twin shows them.

Plausible to the eye, not clinically validated; v2's harder model is in ``palsy_v2``.

Severity is continuous, 0 (House-Brackmann I) to 1 (VI): ``grade = 1 + 5 * severity``. House and Brackmann (1985) put
the function that is left at 100, 80, 60, 40, 20 and 0 % for I to VI, which is ``1 - severity``; how each region
departs from that mean follows the wording of their grades (see ``REGIONS``; palsy-twin.md has the table with
sources).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from parface_bench.plugins.datasets.palsy_twin.expression import LEFT, RIGHT, SIDE_NAMES, Sides
from parface_bench.registry.errors import UserError

KINDS = ("healthy", "flaccid", "synkinetic")
SIDES = ("left", "right")
BOTH = "both"  # drawn by v2 only
GRADES = ("I", "II", "III", "IV", "V", "VI")

# Region -> (severity at which loss of movement begins, at which it is complete, its units).
Regions = dict[str, tuple[float, float, tuple[str, ...]]]
REGIONS: Regions = {
    "forehead": (0.0, 0.8, ("browInnerUp", "browOuterUp", "browDown")),
    "eye": (0.2, 1.0, ("eyeBlink",)),
    "lower lid and cheek": (0.0, 1.0, ("eyeSquint", "cheekSquint", "eyeWide")),
    "nose": (0.0, 1.0, ("noseSneer",)),
    "mouth": (
        0.0,
        1.0,
        (
            "mouthSmile",
            "mouthUpperUp",
            "mouthLowerDown",
            "mouthStretch",
            "mouthDimple",
            "mouthPress",
            "mouthFrown",
            "mouthPucker",
            "mouthFunnel",
            "cheekPuff",
            "mouthRollUpper",
            "mouthRollLower",
            "mouthShrugUpper",
            "mouthShrugLower",
        ),
    ),
}
# Resting position of the affected side at severity 1: units, then shape targets.
REST_UNITS = {
    "browInnerUp": -0.45,
    "browOuterUp": -0.5,
    "eyeWide": 0.5,
    "eyeSquint": -0.45,
    "cheekSquint": -0.2,
    "noseSneer": -0.3,
    "mouthUpperUp": -0.3,
    "mouthFrown": 0.45,
    "mouthDimple": -0.25,
}
REST_TARGETS = {
    "eyebrows/eyebrows-trans-down-{side}": 0.5,
    "cheek/{s}-cheek-trans-down": 0.35,
    "mouth/mouth-angles-down-{side}": 0.5,
}
REST_PULL = 0.22  # mouth (and philtrum) toward the healthy side at rest
REST_EXPONENT = 1.5  # the grades call II to IV symmetric at rest or nearly so; V and VI asymmetric
EFFORT_PULL = 0.20  # further pull when the healthy side of the mouth works
MOUTH_EFFORT = ("mouthSmile", "mouthUpperUp", "mouthLowerDown", "mouthStretch", "mouthPucker", "mouthFunnel")
# Contracture after aberrant regeneration: signs opposite to the flaccid rest, at full synkinesis.
CONTRACTURE_UNITS = {
    "eyeSquint": 0.45,
    "eyeBlink": 0.22,
    "cheekSquint": 0.4,
    "mouthSmile": 0.18,
    "mouthDimple": 0.35,
    "mouthUpperUp": 0.15,
    "noseSneer": 0.15,
}
CONTRACTURE_TARGETS = {"mouth/mouth-laugh-lines-in-{side}": 0.6}
# Synkinesis: intended unit (healthy effort) -> unwanted unit on the affected side, weight at full synkinesis.
SYNKINESIS = (
    ("mouthSmile", "eyeBlink", 0.45),
    ("mouthSmile", "eyeSquint", 0.4),
    ("mouthPucker", "eyeBlink", 0.45),
    ("mouthUpperUp", "eyeBlink", 0.2),
    ("eyeBlink", "mouthSmile", 0.3),
    ("eyeBlink", "mouthDimple", 0.3),
    ("browOuterUp", "mouthUpperUp", 0.25),
    ("browOuterUp", "eyeBlink", 0.25),
)
SYNKINESIS_PEAK = 0.6  # severity (grade IV) at which synkinesis is strongest; there is none in I and VI


@dataclass(frozen=True)
class Palsy:
    """What is wrong with a face.

    Attributes:
        kind: 'healthy', 'flaccid' or 'synkinetic'; side: 'left', 'right' (the subject's), '' when healthy.
        severity: 0 ... 1; variation: factor of each region of ``REGIONS``, about 1 (branches suffer differently).
        other: severity of the right side where the side is 'both' (``severity`` is the left's then).
        signs: factor of each resting sign of v2, about 1 (see ``palsy_v2``).
    """

    kind: str = "healthy"
    side: str = ""
    severity: float = 0.0
    variation: tuple[float, ...] = (1.0,) * len(REGIONS)
    other: float = 0.0
    signs: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        if self.kind not in KINDS:
            raise UserError(f"palsy kind {self.kind!r} is not known; choose one of {', '.join(KINDS)}")
        if not 0 <= self.severity <= 1:
            raise UserError(f"palsy severity {self.severity} is outside the valid range 0 (grade I) to 1 (grade VI)")
        if self.kind != "healthy" and self.side not in (*SIDES, BOTH):
            raise UserError(f"palsy side {self.side!r} is not known; choose left, right or both")

    @property
    def grade(self) -> str:
        """House-Brackmann grade, 'I' ... 'VI', nearest to the severity (of the worse side)."""
        return GRADES[int(np.floor(max(self.severity, self.other) * 5 + 0.5))]

    def on(self, side: int) -> float:
        """Severity on a side (``LEFT`` or ``RIGHT``), 0 where it is well."""
        if self.kind == "healthy":
            return 0.0
        if self.side == BOTH:
            return self.severity if side == LEFT else self.other
        return self.severity if side == (LEFT if self.side == "left" else RIGHT) else 0.0


def draw_palsy(rng: np.random.Generator, healthy: float = 0.3, synkinetic: float = 0.25) -> Palsy:
    """A random condition; the shares of healthy and synkinetic faces are arguments, the rest is flaccid."""
    kind_at, side, severity = rng.random(3)
    variation = tuple(float(v) for v in np.clip(1 + 0.12 * rng.normal(size=len(REGIONS)), 0.7, 1.3))
    if kind_at < healthy:
        return Palsy()
    if kind_at < healthy + synkinetic:
        return Palsy("synkinetic", SIDES[int(side < 0.5)], 0.1 + 0.75 * severity, variation)
    return Palsy("flaccid", SIDES[int(side < 0.5)], 0.1 + 0.9 * severity, variation)


def loss(palsy: Palsy, regions: Regions = REGIONS, severity: float | None = None) -> dict[str, float]:
    """Share of voluntary movement that each unit has lost on a side of this severity (the palsy's own), 0 ... 1."""
    out = {}
    severity = palsy.severity if severity is None else severity
    for (begin, complete, units), factor in zip(regions.values(), palsy.variation, strict=True):
        share = np.clip((severity - begin) / (complete - begin), 0, 1)
        for unit in units:
            out[unit] = float(np.clip(share * factor, 0, 1)) if share < 1 else 1.0
    return out


def apply_palsy(palsy: Palsy, sides: Sides) -> tuple[Sides, dict[str, float]]:
    """Weights per side and further targets of a face that tries to perform ``sides`` with this palsy."""
    out = {unit: list(pair) for unit, pair in sides.items()}
    if palsy.kind == "healthy" or palsy.severity == 0:
        return out, {}
    a = LEFT if palsy.side == "left" else RIGHT
    h = 1 - a
    names = {"side": palsy.side, "s": palsy.side[0], "Side": SIDE_NAMES[a]}
    extra: dict[str, float] = {}

    def add(unit: str, amount: float) -> None:
        out.setdefault(unit, [0.0, 0.0])[a] += amount

    for unit, lost in loss(palsy).items():
        if unit in out:
            out[unit][a] *= 1 - lost
    if palsy.kind == "flaccid":
        rest, couple = palsy.severity**REST_EXPONENT, 0.0
        units, targets = REST_UNITS, REST_TARGETS
    else:
        couple = float(np.interp(palsy.severity, [0, SYNKINESIS_PEAK, 1], [0, 1, 0]))
        rest = couple
        units, targets = CONTRACTURE_UNITS, CONTRACTURE_TARGETS
    for unit, weight in units.items():
        add(unit, weight * rest)
    for pattern, weight in targets.items():
        extra[pattern.format(**names)] = weight * rest
    for intended, unwanted, weight in SYNKINESIS:
        add(unwanted, weight * couple * sides.get(intended, [0.0, 0.0])[h])
    effort = max((sides.get(unit, [0.0, 0.0])[h] for unit in MOUTH_EFFORT), default=0.0)
    pull = (REST_PULL * rest if palsy.kind == "flaccid" else 0.0) + EFFORT_PULL * effort * palsy.severity
    toward = 1.0 if h == LEFT else -1.0
    out["mouthShift"] = [toward * pull, toward * pull]
    return out, extra
