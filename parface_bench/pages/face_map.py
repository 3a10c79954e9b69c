"""Where on the face the errors are: a drawn face whose landmarks are coloured by their mean error."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from parface_bench.faces import Schema

SIZE = 300  # of the drawing, in its own units
_RAMP = ((255, 247, 188), (254, 196, 79), (217, 95, 14), (127, 39, 4))  # light to dark, also in grey


def mean_face(landmarks: np.ndarray) -> np.ndarray:
    """The mean of faces [N, L, 2] after each was moved to the origin and scaled to one size; NaN are left out."""
    points = np.asarray(landmarks, dtype=np.float64)[..., :2]
    centred = points - np.nanmean(points, axis=1, keepdims=True)
    size = np.sqrt(np.nanmean(centred**2, axis=(1, 2), keepdims=True))
    return np.nanmean(centred / size, axis=0)


def drawing(shape: np.ndarray, schema: Schema | None, errors: Sequence[float | None], top: float, title: str) -> str:
    """An SVG of a face: the wireframe, and each landmark as a dot with its number and error as a tooltip.

    Args:
        shape: [L, 2] where to draw the landmarks, any scale, y down; the person's right side lies left, as in images.
        schema: layout of the landmarks; None draws no wireframe.
        errors: mean error of each landmark, percent; None is drawn hollow.
        top: error of the darkest colour.
        title: what the drawing says to a screen reader.
    """
    from markupsafe import escape

    low, high = np.nanmin(shape, axis=0), np.nanmax(shape, axis=0)
    scale = (SIZE - 30) / max(float((high - low).max()), 1e-9)
    xy = (shape - (low + high) / 2) * scale + SIZE / 2
    drawn = schema is not None and len(schema) == len(shape)
    edges = schema.edges if drawn and schema is not None else np.zeros((0, 2), dtype=int)
    lines = "".join(f"M{xy[a, 0]:.1f} {xy[a, 1]:.1f}L{xy[b, 0]:.1f} {xy[b, 1]:.1f}" for a, b in edges)
    dots = []
    for i, ((x, y), error) in enumerate(zip(xy, errors, strict=True)):
        if not np.isfinite([x, y]).all():
            continue
        fill = "none" if error is None else colour(error / top if top else 0.0)
        said = "not scored" if error is None else f"{error:.2f} %"
        dots.append(
            f'<circle cx="{x:.1f}" cy="{y:.1f}" r="4.6" fill="{fill}"><title>landmark {i}: {said}</title></circle>'
        )
    return (
        f'<svg viewBox="0 0 {SIZE} {SIZE}" role="img" aria-label="{escape(title)}" class="face">'
        f'<path d="{lines}"/>{"".join(dots)}</svg>'
    )


def colour(share: float) -> str:
    """A colour of the scale: 0 light, 1 dark."""
    at = min(max(float(share), 0.0), 1.0) * (len(_RAMP) - 1)
    first = min(int(at), len(_RAMP) - 2)
    mixed = [round(a + (b - a) * (at - first)) for a, b in zip(_RAMP[first], _RAMP[first + 1], strict=True)]
    return "#" + "".join(f"{value:02x}" for value in mixed)


def schematic() -> np.ndarray:
    """A plain face of 68 landmarks [68, 2] for drawings, where neither predictions nor data set are at hand.

    Drawn by hand from ellipses and lines; it is nobody's mean and enters no number.
    """

    def arc(x: float, y: float, a: float, b: float, start: float, end: float, count: int) -> np.ndarray:
        t = np.radians(np.linspace(start, end, count))
        return np.stack([x + a * np.cos(t), y - b * np.sin(t)], axis=1)

    right_eye = arc(-42, -40, 19, 8, 180, -180, 7)[:6]
    left_eye = arc(42, -40, 19, 8, 180, -180, 7)[:6]
    return np.concatenate(
        [
            arc(0, -40, 100, 145, 180, 360, 17),
            arc(-48, -62, 34, 16, 170, 20, 5),
            arc(48, -62, 34, 16, 160, 10, 5),
            np.stack([np.zeros(4), np.linspace(-38, 8, 4)], axis=1),
            arc(0, 14, 18, 9, 180, 360, 5),
            right_eye,
            left_eye,
            arc(0, 55, 36, 14, 180, 0, 7),
            arc(0, 55, 36, 19, -30, -150, 5),
            arc(0, 55, 29, 4, 180, 0, 5),
            arc(0, 55, 29, 6, -45, -135, 3),
        ]
    )
