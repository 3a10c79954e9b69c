"""The palsy of v2: as hard as clinic photographs show it. Sources and ranges of every number: palsy-twin.md."""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np

from parface_bench.plugins.datasets.palsy_twin.expression import LEFT, RIGHT, SIDE_NAMES, Sides
from parface_bench.plugins.datasets.palsy_twin.palsy import BOTH, MOUTH_EFFORT, REGIONS, SIDES, Palsy, Regions, loss

# Severity at which loss of movement begins and is complete: grade III still shuts the eye, VI moves nothing.
SPANS = {
    "forehead": (0.0, 0.7),
    "eye": (0.4, 0.95),
    "lower lid and cheek": (0.0, 0.9),
    "nose": (0.08, 0.92),
    "mouth": (0.08, 0.92),
}
LOST: Regions = {name: (*SPANS[name], units) for name, (_, _, units) in REGIONS.items()}
PASSIVE = 0.44  # of full closure: the upper lid sinks on attempted closure though its closing muscle is dead
TIGHT = 0.3  # by how much of the gap that is left the hardest squeeze narrows it
BELL = (30.0, 8.0)  # degrees up and outward that the eyeball rolls behind a lid that does not close

# The affected side at rest, at severity 1: groups that vary together from person to person.
REST: dict[str, dict[str, float]] = {  # face units
    "brow": {"browInnerUp": -0.45, "browOuterUp": -0.55},
    "eye": {"eyeWide": 0.16, "eyeSquint": -0.25, "cheekSquint": -0.25},
    "cheek": {"noseSneer": -0.4, "mouthUpperUp": -0.3, "mouthDimple": -0.25},
    "corner": {"mouthFrown": 0.22},
    "lips": {"mouthLowerDown": 0.38},
}
REST_TARGETS: dict[str, dict[str, float]] = {  # shape targets
    "brow": {"eyebrows/eyebrows-trans-down-{side}": 0.68},
    "cheek": {"cheek/{s}-cheek-trans-down": 0.4},
    "corner": {"mouth/mouth-angles-down-{side}": 0.25},
}
REST_SIGNS: dict[str, dict[str, float]] = {  # fields of ``signs``
    "brow": {"brow-tail": 0.7, "hood": 0.6},
    "eye": {"lid-sag": 0.8},
    "cheek": {"cheek-sag": 0.6},
    "lips": {"lip-evert": 0.9},
}
GROUPS = tuple(REST)
REST_EXPONENT = 1.25  # II to IV are nearly symmetric at rest, V and VI are not
REST_PULL, EFFORT_PULL = 0.28, 0.50  # mouth and philtrum toward the healthy side
NOSE_REST, NOSE_EFFORT = 0.35, 0.60  # the nose's tip and base, likewise

CONTRACTURE = {
    "eyeSquint": 0.50,
    "eyeBlink": 0.28,
    "cheekSquint": 0.45,
    "mouthSmile": 0.22,
    "mouthDimple": 0.45,
    "mouthUpperUp": 0.22,
    "noseSneer": 0.22,
    "mouthShrugLower": 0.15,
}
CONTRACTURE_TARGETS = {"mouth/mouth-laugh-lines-in-{side}": 0.7}
CONTRACTURE_SIGNS = {"cheek-bulge": 0.5, "platysma": 0.35}
# Intended movement (healthy effort) -> unwanted one on the affected side, at full synkinesis.
SYNKINESIS = (
    ("mouthSmile", "eyeBlink", 0.65),
    ("mouthSmile", "eyeSquint", 0.5),
    ("mouthPucker", "eyeBlink", 0.70),
    ("mouthPucker", "cheekSquint", 0.4),
    ("mouthUpperUp", "eyeBlink", 0.25),
    ("mouthLowerDown", "eyeBlink", 0.30),
    ("eyeBlink", "mouthSmile", 0.45),
    ("eyeBlink", "mouthDimple", 0.45),
    ("eyeBlink", "mouthUpperUp", 0.25),
    ("eyeBlink", "mouthShrugLower", 0.30),
    ("browOuterUp", "mouthUpperUp", 0.30),
    ("browOuterUp", "mouthSmile", 0.20),
    ("browOuterUp", "eyeBlink", 0.40),
)
SYNKINETIC_SIGNS = (  # the same for fields
    ("mouthSmile", "cheek-bulge", 0.6),
    ("mouthPucker", "cheek-bulge", 0.7),
    ("eyeBlink", "cheek-bulge", 0.5),
    ("mouthSmile", "platysma", 0.6),
    ("mouthPucker", "platysma", 0.8),
    ("eyeBlink", "platysma", 0.5),
)
COUPLING = ((0.0, 0.6, 0.85, 1.0), (0.0, 0.8, 1.0, 0.0))  # severity -> strength; II to V only
FROZEN = 0.6  # share of the pull by effort that a contracted side leaves
BILATERAL = 0.02  # share of palsies on both sides

# Clinical photographs: the eight expressions of the MEEI set and the snarl, some everyday ones; mostly full effort.
ODDS = {
    "rest": 0.13,
    "close-gentle": 0.07,
    "close-tight": 0.08,
    "brow-raise": 0.10,
    "frown": 0.03,
    "snarl": 0.06,
    "smile-closed": 0.10,
    "smile-open": 0.19,
    "pucker": 0.07,
    "lip-depression": 0.07,
    "mouth-open": 0.02,
    "speech": 0.03,
    "surprise": 0.01,
    "laugh": 0.03,
    "sad": 0.01,
}
FULL_EFFORT = 0.8  # share of faces


@dataclass
class Movement:
    """What a face with palsy really does: weights per side, further targets, fields, and how far each eyeball rolls."""

    sides: Sides
    targets: dict[str, float] = field(default_factory=dict)
    signs: dict[str, float] = field(default_factory=dict)
    bell: list[float] = field(default_factory=lambda: [0.0, 0.0])

    def add(self, unit: str, side: int, amount: float) -> None:
        self.sides.setdefault(unit, [0.0, 0.0])[side] += amount

    def add_sign(self, name: str, amount: float) -> None:
        self.signs[name] = self.signs.get(name, 0.0) + amount


def draw(rng: np.random.Generator, healthy: float = 0.3, synkinetic: float = 0.25) -> Palsy:
    """A random condition: grades II to VI (synkinetic: to V) equally often, side and severity within them at random.

    The shares of healthy and synkinetic faces are arguments; the rest is flaccid, a few on both sides.
    """
    kind_at, side_at, grade_at, within, rare, second = rng.random(6)
    variation = tuple(float(v) for v in np.clip(1 + 0.12 * rng.normal(size=len(LOST)), 0.75, 1.3))
    signs = tuple(float(v) for v in np.clip(1 + 0.2 * rng.normal(size=len(GROUPS)), 0.6, 1.25))
    if kind_at < healthy:
        return Palsy()
    kind = "synkinetic" if kind_at < healthy + synkinetic else "flaccid"
    grade = 1 + int(grade_at * (4 if kind == "synkinetic" else 5))
    severity = float(min(1.0, grade / 5 + 0.2 * (within - 0.5)))
    if grade == 5:
        severity = float(0.9 + 0.1 * within)
    side = SIDES[int(side_at < 0.5)]
    other = 0.0
    if kind == "flaccid" and rare < BILATERAL:
        side, other = BOTH, float(severity * (0.6 + 0.4 * second))
    return Palsy(kind, side, severity, variation, other, signs)


def apply(palsy: Palsy, intended: Sides) -> Movement:
    """The movement of a face that tries to perform ``intended`` with this palsy."""
    out = Movement({unit: list(pair) for unit, pair in intended.items()})
    pull = nose = 0.0  # + toward the subject's left
    for side in (LEFT, RIGHT):
        severity = palsy.on(side)
        if severity == 0:
            continue
        toward = 1.0 if side == RIGHT else -1.0
        pulled, nose_pulled = _one_side(out, palsy, severity, side, intended)
        pull, nose = pull + toward * pulled, nose + toward * nose_pulled
    if pull or nose:
        out.sides["mouthShift"] = [pull, pull]
        out.add_sign("nose-pull-left" if nose > 0 else "nose-pull-right", abs(nose))
    return out


def _one_side(out: Movement, palsy: Palsy, severity: float, side: int, intended: Sides) -> tuple[float, float]:
    """Change one affected side; how far mouth and nose are pulled away from it."""
    other, name = 1 - side, SIDE_NAMES[side].lower()
    lost = loss(palsy, LOST, severity)
    for unit, share in lost.items():
        if unit in out.sides and unit != "eyeBlink":
            out.sides[unit][side] *= 1 - share
    _close(out, lost["eyeBlink"], side, intended)

    def effort(unit: str) -> float:
        return max(0.0, intended.get(unit, [0.0, 0.0])[other])

    imbalance = lost["mouthSmile"]  # what no longer holds the healthy half of the mouth
    work = min(1.0, max(effort(unit) for unit in MOUTH_EFFORT))
    if palsy.kind == "synkinetic":
        couple = float(np.interp(severity, *COUPLING))
        for unit, weight in CONTRACTURE.items():
            out.add(unit, side, weight * couple)
        for pattern, weight in CONTRACTURE_TARGETS.items():
            out.targets[pattern.format(side=name)] = weight * couple
        for sign, weight in CONTRACTURE_SIGNS.items():
            out.add_sign(f"{sign}-{name}", weight * couple)
        for wanted, unwanted, weight in SYNKINESIS:
            out.add(unwanted, side, weight * couple * effort(wanted))
        for wanted, sign, weight in SYNKINETIC_SIGNS:
            out.add_sign(f"{sign}-{name}", weight * couple * effort(wanted))
        share = FROZEN * imbalance * work
        return EFFORT_PULL * share, NOSE_EFFORT * share
    slack = severity**REST_EXPONENT
    factor = dict(zip(GROUPS, palsy.signs or (1.0,) * len(GROUPS), strict=True))
    for group, units in REST.items():
        for unit, weight in units.items():
            out.add(unit, side, weight * slack * factor[group])
    for group, targets in REST_TARGETS.items():
        for pattern, weight in targets.items():
            out.targets[pattern.format(side=name, s=name[0])] = weight * slack * factor[group]
    for group, fields in REST_SIGNS.items():
        for sign, weight in fields.items():
            out.add_sign(f"{sign}-{name}", weight * slack * factor[group])
    strain = imbalance * work
    return REST_PULL * slack + EFFORT_PULL * strain, NOSE_REST * slack + NOSE_EFFORT * strain


def _close(out: Movement, lost: float, side: int, intended: Sides) -> None:
    """Lagophthalmos: how far the lids still close, and Bell's phenomenon behind them."""
    wanted = intended.get("eyeBlink", [0.0, 0.0])[side]
    if wanted <= 0:
        return
    tight = min(1.0, intended.get("cheekSquint", [0.0, 0.0])[side]) if wanted > 0.6 else 0.0
    left = lost * (1 - PASSIVE) * (1 - TIGHT * tight)
    out.sides["eyeBlink"][side] = min(wanted, 1.0) * (1 - left)
    if wanted > 0.6:
        out.bell[side] = left / (1 - PASSIVE) * min(wanted, 1.0)
