"""The lines that were measured, on the photograph, with their numbers beside it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from parface_bench.clinical.curves import interp
from parface_bench.clinical.frames import Shapes
from parface_bench.clinical.measuring import SIDES, Measured

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MARGIN = 0.28  # of the face's size round it
COLOURS = {
    "frame": "#ffffff",
    "brow": "#ff7ad9",
    "fissure": "#ffe14d",
    "commissure": "#ff8c1a",
    "position": "#37d67a",
    "lips": "#4dd2ff",
    "midline": "#b18cff",
}


@dataclass(frozen=True)
class Line:
    """A measured line.

    Attributes:
        ends: [2, 2] in the frame of measurement.
        colour: key of :data:`COLOURS`.
        dashed: it only leads the eye.
    """

    ends: np.ndarray
    colour: str
    dashed: bool = False


# What the legend says: colour, name, the keys it stands for (a name with sides: right, left and their difference).
LEGEND = (
    ("brow", "brow over the pupil line", "brow_mean_height", True),
    ("fissure", "opening of the lids", "fissure_height_linear", True),
    ("commissure", "right corner of the mouth lower", "commissure_height_deviation", False),
    ("position", "corner to lower lip's middle", "commissure_position", True),
    ("position", "smile angle", "smile_angle", True),
    ("lips", "upper lip, right half lower", "upper_lip_height_deviation", False),
    ("lips", "lower lip, right half lower", "lower_lip_height_deviation", False),
    ("lips", "opening of the lips", "opening", True),
    ("midline", "nose tip beside the midline", "nose_tip_deviation", False),
    ("midline", "upper lip's middle beside it", "philtrum_deviation", False),
    ("midline", "chin beside it", "chin_deviation", False),
)


def lines(shapes: Shapes) -> list[Line]:
    """The lines of the first face, in the frame of measurement."""
    a = shapes.anatomy
    points = shapes.points[0]
    out: list[Line] = []

    def add(colour: str, *ends: tuple[float, float], dashed: bool = False) -> None:
        if np.isfinite(ends).all():
            out.append(Line(np.array(ends, dtype=float), colour, dashed))

    def on(chain: np.ndarray, x: float) -> float:
        return float(interp(shapes.chain(chain), np.array([x]))[0])

    reach = 0.62 * float(shapes.outer[0])
    top = min(float(points[np.concatenate([a.right.brow, a.left.brow]), 1].min()), 0.0)
    add("frame", (-reach, 0), (reach, 0), dashed=True)
    add("frame", (0, 1.35 * top), (0, float(points[a.chin, 1]) * 1.06), dashed=True)
    middle = on(a.lower_lip, 0.0)
    for name in SIDES:
        side = shapes.side(name)
        brow = points[side.brow]
        add("brow", (brow[:, 0].mean(), shapes.pupil(name)[0, 1]), (brow[:, 0].mean(), brow[:, 1].mean()))
        add("brow", (brow[:, 0].min(), brow[:, 1].mean()), (brow[:, 0].max(), brow[:, 1].mean()), dashed=True)
        x = float(points[list(side.corners), 0].mean())
        add("fissure", (x, on(side.upper_lid, x)), (x, on(side.lower_lid, x)))
        corner = points[side.commissure]
        add("commissure", (0, corner[1]), (corner[0], corner[1]), dashed=True)
        add("position", (0, middle), (corner[0], corner[1]))
        half = corner[0] / 2
        upper, lower = on(a.upper_lip, half), on(a.lower_lip, half)
        add("lips", (0, upper), (half, upper), dashed=True)
        add("lips", (0, lower), (half, lower), dashed=True)
        add("lips", (half, on(a.inner_upper_lip, half)), (half, on(a.inner_lower_lip, half)))
    corners = sorted(float(points[shapes.side(s).commissure, 1]) for s in SIDES)
    add("commissure", (0, corners[0]), (0, corners[1]))
    for landmark in (a.nose_tip, a.upper_lip_middle, a.chin):
        add("midline", (0, points[landmark, 1]), (points[landmark, 0], points[landmark, 1]))
    return out


def to_picture(shapes: Shapes, landmarks: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Places [..., 2] of the frame of measurement in the picture of the first face with these landmarks [L, 2]."""
    turn = np.radians(shapes.roll[0])
    u, v = np.array([np.cos(turn), np.sin(turn)]), np.array([-np.sin(turn), np.cos(turn)])
    known = int(np.argmax(np.isfinite(landmarks).all(axis=1)))
    origin = landmarks[known] - shapes.points[0, known, 0] * u - shapes.points[0, known, 1] * v
    out: np.ndarray = origin + at[..., :1] * u + at[..., 1:] * v
    return out


def draw(image: np.ndarray, shapes: Shapes, landmarks: np.ndarray, measured: Measured, row: int, title: str) -> Figure:
    """One face with the lines that were measured and their numbers.

    Args:
        image: uint8 RGB [H, W, 3].
        shapes: the face alone, in its frame.
        landmarks: [L, 2] the same landmarks in pixels of the image.
        measured: the table that holds the numbers, and the face's ``row`` in it.
        title: name of the face.
    """
    from matplotlib.figure import Figure

    figure = Figure(figsize=(15, 10), facecolor="#16181c")
    picture = figure.add_axes((0.0, 0.0, 0.66, 1.0))
    picture.imshow(image, interpolation="lanczos")
    picture.axis("off")
    low, high = landmarks.min(axis=0), landmarks.max(axis=0)
    half = float((high - low).max()) * (0.5 + MARGIN)
    x, y = (low + high) / 2
    picture.set_xlim(x - half * 0.99, x + half * 0.99)
    picture.set_ylim(y + half, y - half)
    picture.scatter(landmarks[:, 0], landmarks[:, 1], s=5, color="white", alpha=0.75, zorder=2, linewidths=0)
    for line in lines(shapes):
        _stroke(picture, to_picture(shapes, landmarks, line.ends), COLOURS[line.colour], line.dashed)
    for name, sign in (("R", -1), ("L", 1)):
        place = to_picture(shapes, landmarks, np.array([sign * 0.7 * shapes.outer[0], 0.0]))
        picture.text(
            float(place[0]),
            float(place[1]),
            name,
            color="white",
            fontsize=20,
            weight="bold",
            ha="center",
            va="center",
            clip_on=True,
        )
    _legend(figure, measured, row, title)
    return figure


def _stroke(axes: Axes, ends: np.ndarray, colour: str, dashed: bool) -> None:
    from matplotlib.patheffects import Normal, withStroke

    style = (0, (4, 3)) if dashed else "solid"
    width = 1.4 if dashed else 3.0
    halo = [withStroke(linewidth=width + 1.8, foreground="black", alpha=0.65), Normal()]
    axes.plot(*ends.T, color=colour, lw=width, ls=style, zorder=3, path_effects=halo, solid_capstyle="round")


def _digits(value: float, signed: bool) -> str:
    if not np.isfinite(value):
        return "—"
    value = round(value, 1) + 0.0  # no "-0.0"
    return f"{value:+.1f}" if signed else f"{value:.1f}"


def _legend(figure: Figure, measured: Measured, row: int, title: str) -> None:
    def number(key: str) -> str:
        value = measured.values[key][row] if key in measured.values else np.nan
        return _digits(float(value), signed=key.endswith("deviation"))

    unit = {"eyes": "% of the outer-eye distance", "px": "pixels", "mm": "mm at an assumed scale"}[measured.unit]
    ink: dict[str, Any] = {"color": "#e8e8e8", "family": "DejaVu Sans"}
    figure.text(0.675, 0.955, title[-40:].replace("$", r"\$"), fontsize=16, weight="bold", **ink)
    figure.text(0.675, 0.925, f"frame {measured.frame}; {unit} (angles: degrees)", fontsize=10.5, **ink)
    figure.text(0.675, 0.903, "R and L are the patient's own sides", fontsize=10.5, **ink)
    for text, x in (("R", 0.878), ("L", 0.928), ("R - L", 0.985)):
        figure.text(x, 0.865, text, fontsize=12, weight="bold", ha="right", **ink)
    for place, (colour, words, name, sided) in enumerate(LEGEND):
        y = 0.825 - 0.052 * place
        figure.text(0.675, y, "■", fontsize=15, color=COLOURS[colour])
        figure.text(0.695, y, words, fontsize=11, **ink)
        if sided:
            figure.text(0.878, y, number(f"{name}_right"), fontsize=12, ha="right", **ink)
            figure.text(0.928, y, number(f"{name}_left"), fontsize=12, ha="right", **ink)
            difference = measured.differences().get(f"{name}_R-L", np.full(row + 1, np.nan))[row]
            figure.text(0.985, y, _digits(float(difference), signed=True), fontsize=12, ha="right", **ink)
        else:
            figure.text(0.985, y, number(name), fontsize=12, ha="right", **ink)
    shut = [side for side, rows in measured.closed().items() if row in rows]
    notes = [
        "white, dashed: pupil line and midline",
        *([f"closed eye: {', '.join(shut)} (no ratio of it is given)"] if shut else []),
        "A turned head moves all that is measured across:",
        "5° of yaw look like a grade VI palsy. Heights do not move.",
        "These numbers neither diagnose nor grade anything.",
    ]
    for place, note in enumerate(notes):
        figure.text(0.675, 0.215 - 0.032 * place, note, fontsize=10.5, color="#b8bcc4")
