"""Who the face belongs to: macro shape (sex, age, ancestry, weight), detail targets and natural asymmetry."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.asset import Head

ANCESTRY = ("african", "asian", "caucasian")
ASYMMETRY_PARTS = {"brown": 2, "cheek": 2, "eye": 8, "jaw": 3, "mouth": 2, "nose": 4, "temple": 2}
ASYMMETRY_SIGMA = 0.08  # weight of an asymmetry target; 0.1 moves a mouth corner by about 0.5 % of the eye distance
SIDE_SIGMA = 0.05  # left and right weight of a paired detail differ by this standard deviation
# Means of detail targets (named by their high end) in place of 0, in their weights: a ridge fit of the twin's mean
# frontal landmarks to those of 601 faces of 300W's training folders; the artists' model has heavier jaws.
CENTRE = {
    "head/head-fat-incr": -0.18,
    "head/head-triangular": -0.13,
    "head/head-round": -0.085,
    "chin/chin-height-incr": -0.09,
    "chin/chin-bones-incr": -0.08,
    "head/head-scale-vert-incr": -0.075,
    "head/head-square": -0.06,
    "mouth/mouth-trans-up": -0.035,
    "mouth/mouth-scale-horiz-incr": 0.045,
    "chin/chin-jaw-drop-incr": -0.04,
    "head/head-scale-horiz-incr": 0.04,
    "head/head-age-incr": -0.03,
}
BROWS_APART = 0.020  # dm: standard deviation of how far each brow lies from its mean place, sideways
OUTER_EYE = 0.88  # dm between the outer eye corners of every identity: scale is not identity in a picture


@dataclass(frozen=True)
class Identity:
    """Shape and the facts about a person on which appearance depends.

    Attributes:
        male: 0 female ... 1 male; age: -1 child ... 0 young ... 1 old; ancestry: weights of ``ANCESTRY`` (sum 1).
        weights: target name -> weight;
        brows_apart: how far (dm) each brow lies outward of its mean place.
    """

    male: float
    age: float
    ancestry: tuple[float, float, float]
    fatness: float
    weights: dict[str, float]
    brows_apart: float = 0.0

    def vertices(self, head: Head) -> NDArray[np.float64]:
        """Head at rest, float64 [V, 3], scaled to a common eye distance about the base head's centre."""
        points = head.moved(self.weights)
        points[:, 0] += self.brows_apart * _brow_field(head)
        corner = (points[head.landmark_vertex[[36, 45]]] * head.landmark_weight[[36, 45], :, None]).sum(axis=1)
        scale = OUTER_EYE / np.sqrt(((corner[1] - corner[0]) ** 2).sum())
        return (points - corner.mean(axis=0)) * scale + head.eye_centre * [0, 1, 1] + [0, 0, 0.08]


def _brow_field(head: Head) -> NDArray[np.float64]:
    """Outward sideways direction round the brows [V], fading to 0 at the lids, the forehead and the mid line."""
    x, y = head.vertices[:, 0], head.vertices[:, 1]
    near = np.exp(-0.5 * (((np.abs(x) - 0.3) / 0.2) ** 2 + ((y - 7.47) / 0.06) ** 2))
    return np.asarray(np.tanh(x / 0.06) * near * (head.vertices[:, 2] > 0.8))


def macro_weights(male: float, age: float, ancestry: tuple[float, ...], fatness: float) -> dict[str, float]:
    """MakeHuman's macro rule: products of sex, age group, ancestry and weight group."""
    ages = {"young": 1 - abs(age), "old" if age >= 0 else "child": abs(age)}
    sizes = {"averageweight": 1 - abs(fatness), "maxweight" if fatness > 0 else "minweight": abs(fatness)}
    out: dict[str, float] = {}
    for sex, share in (("male", male), ("female", 1 - male)):
        for group, years in ages.items():
            for name, part in zip(ANCESTRY, ancestry, strict=True):
                out[f"macro/{name}-{sex}-{group}"] = share * years * part
            for size, part in sizes.items():
                out[f"macro/universal-{sex}-{group}-averagemuscle-{size}"] = share * years * part
    return {k: v for k, v in out.items() if v > 1e-4}


def draw_identity(rng: np.random.Generator, head: Head) -> Identity:
    """A random person."""
    male = float(np.clip(rng.normal(0.5, 0.42), 0, 1))
    age = float(rng.uniform(-0.6, -0.1) if rng.random() < 0.2 else rng.uniform(-0.15, 0.95))
    ancestry = rng.dirichlet([0.7, 0.7, 0.7])
    fatness = float(rng.uniform(-0.6, 0.8))
    weights = macro_weights(male, age, tuple(ancestry), fatness)
    for low, high, sigma in head.pairs:
        centre = CENTRE.get(high[0], 0.0) + rng.normal() * sigma
        jitter = rng.normal(size=2) * SIDE_SIGMA
        for k in range(len(low)):
            weight = float(np.clip(centre + (jitter[k] if len(low) == 2 else 0.0), -1, 1))
            name = low[k] if weight < 0 else high[k]
            weights[name] = weights.get(name, 0.0) + abs(weight)
    for part, count in ASYMMETRY_PARTS.items():
        for number, side in zip(rng.integers(1, count + 1, size=2), "lr", strict=True):
            weights[f"asym/asym-{part}-{number}-{side}"] = abs(float(rng.normal())) * ASYMMETRY_SIGMA
    a, b, c = (float(v) for v in ancestry)
    return Identity(male, age, (a, b, c), fatness, weights, float(rng.normal() * BROWS_APART))
