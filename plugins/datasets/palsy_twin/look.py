"""What a person looks like beside shape: every draw that colours, dresses or covers the head."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from parface_bench.plugins.datasets.palsy_twin.identity import Identity

Colour = NDArray[np.float64]

SKIN_TONES = ("I", "II", "III", "IV", "V", "VI")
# sRGB along the melanin axis from fair to dark; tone names are steps of this axis, not clinical phototypes.
MELANIN = np.array(
    [[243, 209, 187], [232, 189, 160], [214, 165, 131], [184, 131, 96], [135, 88, 62], [82, 52, 39]], float
)
HAIR_COLOURS = {
    "black": (24, 21, 20),
    "dark brown": (48, 34, 26),
    "brown": (84, 58, 39),
    "light brown": (128, 94, 62),
    "blond": (188, 152, 100),
    "red": (142, 70, 36),
    "grey": (128, 126, 124),
    "white": (205, 203, 200),
    "dyed": (120, 40, 90),
}
IRIS_COLOURS = ((58, 36, 22), (80, 52, 30), (96, 76, 44), (70, 88, 66), (72, 98, 122), (92, 104, 112), (38, 25, 18))
HAIR_STYLES = ("bald", "stubble", "short", "medium", "big", "long", "updo", "cap", "beanie", "headscarf")


def linear(srgb: object) -> Colour:
    """sRGB 0..255 to linear RGB 0..1."""
    value = np.asarray(srgb, float) / 255
    return np.where(value <= 0.04045, value / 12.92, ((value + 0.055) / 1.055) ** 2.4)


@dataclass(frozen=True)
class Look:
    """One person's appearance; colours are linear RGB, amounts are 0 ... 1 unless said otherwise."""

    melanin: float
    skin: Colour
    lip: Colour
    lip_amount: float
    iris: Colour
    sclera: Colour
    iris_radius: float
    pupil_radius: float
    limbal: float
    hair_style: str
    hair: Colour
    hair_volume: float
    hairline: float
    brow: Colour
    brow_thickness: float
    brow_density: float
    stubble: float
    stubble_shape: int
    eyeshadow: Colour
    eyeshadow_amount: float
    liner: float
    blush: float
    wrinkles: float
    freckles: float
    mottling: float
    ruddy: float
    eye_circles: float
    oil: float
    cloth: Colour
    neckline: float
    cover: Colour
    glasses: bool
    lid_crease: float
    fringe: bool
    lash: float
    socket: float
    cloth_second: Colour
    cloth_pattern: int
    cloth_scale: float
    texture_seed: int

    @property
    def skin_tone(self) -> str:
        """Nearest of ``SKIN_TONES``."""
        return SKIN_TONES[int(np.clip(np.floor(self.melanin * 5 + 0.5), 0, 5))]


def _hair_colour(rng: np.random.Generator, identity: Identity, melanin: float) -> Colour:
    names = list(HAIR_COLOURS)
    fair = np.clip(1.1 - 2.2 * melanin, 0, 1) * identity.ancestry[2]
    odds = np.array([0.35 + melanin, 0.45, 0.35 * fair + 0.05, 0.35 * fair, 0.3 * fair, 0.15 * fair, 0, 0, 0.02])
    odds[6:8] = np.clip(identity.age * 1.6 - 0.4, 0, 2) * np.array([1.0, 0.6])
    pick = int(np.searchsorted(np.cumsum(odds / odds.sum()), rng.random()))
    return linear(np.array(HAIR_COLOURS[names[min(pick, len(names) - 1)]]) * rng.uniform(0.8, 1.2))


def _hair_style(rng: np.random.Generator, identity: Identity) -> str:
    female = 1 - identity.male
    odds = np.array(
        [
            0.08 * identity.male,
            0.07 * identity.male,
            0.10 + 0.45 * identity.male,
            0.28,
            0.08 + 0.2 * identity.ancestry[0],
            0.65 * female,
            0.22 * female,
            0.05,
            0.05,
            0.03 + 0.08 * female,
        ]
    )
    return HAIR_STYLES[min(int(np.searchsorted(np.cumsum(odds / odds.sum()), rng.random())), len(HAIR_STYLES) - 1)]


def draw_look(rng: np.random.Generator, identity: Identity) -> Look:
    """A random appearance that goes with a person's sex, age and ancestry."""
    african, asian, caucasian = identity.ancestry
    melanin = float(np.clip(0.95 * african + 0.40 * asian + 0.08 * caucasian + 0.15 * rng.normal(), 0, 1))
    skin = linear([np.interp(melanin * 5, np.arange(6), MELANIN[:, k]) for k in range(3)])
    skin = skin * [1.0, 0.95, 1.04] * np.exp(0.05 * rng.normal()) * np.exp(0.05 * rng.normal(size=3) * [1, 0.5, 1])
    male = rng.random() < identity.male
    adult = identity.age > -0.15
    made_up = (not male) and adult and rng.random() < 0.45
    hair = _hair_colour(rng, identity, melanin)
    lip = skin * np.array([0.86, 0.58, 0.62]) * np.exp(0.10 * rng.normal()) + [0.02, 0, 0]
    if made_up and rng.random() < 0.7:
        tint = linear([rng.uniform(120, 200), rng.uniform(20, 80), rng.uniform(40, 90)])
        lip = lip * 0.35 + tint * 0.65
    iris_pick = rng.integers(len(IRIS_COLOURS))
    dark_iris = melanin > 0.45 or asian > 0.6
    iris = linear(np.array(IRIS_COLOURS[[0, 1, 6][iris_pick % 3] if dark_iris else iris_pick]) * rng.uniform(0.8, 1.25))
    white = linear(np.array([216, 208, 200]) - rng.uniform(0, 40) * np.array([0.5, 0.8, 1.0]))
    shadow = linear(rng.uniform(30, 150, size=3))
    return Look(
        melanin=melanin,
        skin=skin,
        lip=lip,
        lip_amount=float(min(1.0, rng.uniform(0.6, 1.0) + 0.3 * made_up)),
        iris=iris,
        sclera=white,
        iris_radius=float(rng.uniform(0.056, 0.064)),
        pupil_radius=float(rng.uniform(0.016, 0.032)),
        limbal=float(rng.uniform(0.35, 0.75)),
        hair_style=_hair_style(rng, identity),
        hair=hair,
        hair_volume=float(rng.uniform(0.5, 1.4)),
        hairline=float(rng.normal() * 0.06 - 0.05 + (0.12 * rng.random() * max(identity.age, 0.0) if male else 0.0)),
        brow=np.minimum(hair * rng.uniform(0.6, 1.2) + 0.05 * skin, skin * rng.uniform(0.35, 0.7)),
        brow_thickness=float(rng.uniform(0.018, 0.040) + 0.008 * male),
        brow_density=float(rng.uniform(0.2, 1.2)),
        stubble=float(rng.uniform(0.1, 1.0)) if male and adult and rng.random() < 0.6 else 0.0,
        stubble_shape=int(rng.integers(4)),
        eyeshadow=shadow,
        eyeshadow_amount=float(rng.uniform(0.1, 0.5)) if made_up else 0.0,
        liner=float(rng.uniform(0.3, 1.0)) if made_up else 0.0,
        blush=float(rng.uniform(0, 0.35)) if made_up else 0.0,
        wrinkles=float(np.clip(0.15 + 0.7 * identity.age + 0.2 * rng.normal(), 0.0, 1.0)),
        freckles=float(rng.random()) if rng.random() < 0.2 else 0.0,
        mottling=float(rng.uniform(0.3, 1.2)),
        ruddy=float(rng.uniform(0.2, 1.2)),
        eye_circles=float(np.clip(rng.normal(0.4, 0.3), 0, 1.2)),
        oil=float(rng.uniform(0.05, 1.0) ** 1.5),
        cloth=linear(rng.uniform(15, 240, size=3)),
        neckline=float(rng.uniform(-0.25, 0.35)),
        cover=linear(rng.uniform(15, 235, size=3)),
        glasses=bool(rng.random() < 0.13 + 0.12 * max(identity.age, 0.0)),
        lid_crease=float(np.clip(0.75 + 0.2 * rng.normal() - 0.6 * asian, 0.05, 1.0)),
        fringe=bool(rng.random() < 0.35),
        texture_seed=int(rng.integers(2**31)),
        lash=float(rng.uniform(0.0, 1.0)),
        socket=float(rng.uniform(0.0, 1.0)),
        cloth_second=linear(rng.uniform(5, 250, size=3) * 0.4 + 0.6 * rng.uniform(5, 250)),
        cloth_pattern=int(rng.integers(6)),
        cloth_scale=float(rng.uniform(0.5, 2.0)),
    )
