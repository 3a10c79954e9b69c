"""The whole of ``pfbench measure``: anybody's landmarks in; a table, a document or drawings of measures out."""

from __future__ import annotations

import csv
import io
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from parface_bench import outputs
from parface_bench.clinical.anatomy import measurable
from parface_bench.clinical.frames import lay
from parface_bench.clinical.measuring import SCALES, Measured, measure, unit_name
from parface_bench.limits import PHOTOGRAPH, read_file
from parface_bench.predicting.formats import below, put
from parface_bench.predicting.landmark_files import Landmarks, read_landmarks
from parface_bench.registry import UserError

TABLE = "measures.csv"
FEW = 4  # faces up to which a table has a column for each side


@dataclass
class MeasureSummary:
    """What was measured.

    Attributes:
        faces: as read.
        measured: the numbers, rows as the faces.
        remarks: sentences for the user: what is undefined, closed eyes, faces without landmarks.
        files: what was written.
    """

    faces: Landmarks
    measured: Measured
    remarks: list[str]
    files: list[Path]

    def document(self) -> dict[str, Any]:
        """The JSON of CLI.md: ``schema``, ``frame``, ``unit``, ``faces`` {id: {KEY: number or None}}."""
        names = [key.name for key in self.measured.keys]
        table = np.stack([self.measured.values[name] for name in names], axis=1)
        return {
            "schema": self.measured.schema,
            "frame": self.measured.frame,
            "unit": self.measured.unit,
            "faces": {
                face: {n: float(v) if np.isfinite(v) else None for n, v in zip(names, row, strict=True)}
                for face, row in zip(self.faces.ids, table, strict=True)
            },
            "remarks": self.remarks,
        }

    def csv(self) -> str:
        """A row per face; empty cells where a measure is undefined."""
        out = io.StringIO()
        writer = csv.writer(out, lineterminator="\n")
        names = [key.name for key in self.measured.keys]
        writer.writerow(["id", *names])
        for row, face in enumerate(self.faces.ids):
            cells = [self.measured.values[name][row] for name in names]
            writer.writerow([face, *("" if not np.isfinite(v) else f"{v:.6g}" for v in cells)])
        return out.getvalue()

    def text(self) -> str:
        """For a few faces a table of right, left and difference each; for many the CSV."""
        if len(self.faces.ids) > FEW:
            return self.csv().rstrip("\n")
        return "\n\n".join(_face(self.measured, row, face) for row, face in enumerate(self.faces.ids))


def measure_files(
    given: Sequence[str],
    *,
    schema: str = "",
    model: str = "",
    detector: str = "",
    frame: str = "canthi",
    unit: str = "eyes",
    scale: str = "",
    names: Sequence[str] = (),
    out: Path | None = None,
    drawn: bool = False,
    force: bool = False,
) -> MeasureSummary:
    """Measure the faces of files.

    Args:
        given, schema, model, detector: see :func:`parface_bench.predicting.landmark_files.read_landmarks`.
        frame, unit, names: see :func:`parface_bench.clinical.measuring.measure`; ``scale`` is its ``mm``.
        out: folder for ``measures.csv`` and the drawings.
        drawn: draw the measured lines on the photographs.
        force: write over files that pfbench did not make.

    Raises:
        UserError: what cannot be read or measured, or a drawing without photograph, or files in ``out``
            that are not ours.
    """
    faces = read_landmarks(given, schema, model, detector)
    measured = measure(faces.points, faces.schema, frame=frame, unit=unit, names=names, mm=scale)
    outcome = MeasureSummary(faces, measured, _remarks(faces, measured), [])
    if drawn and frame == "head":
        raise UserError("--draw shows lines in the picture, and frame 'head' has none there: take frame 'canthi'")
    if drawn and out is None:
        out = Path("measures")
    if drawn:
        missing = [face for face, image in zip(faces.ids, faces.images, strict=True) if image is None]
        if missing:
            raise UserError(
                f"--draw: the photograph of {missing[0]!r} is not known: give photographs with --model, a table with "
                "a column 'image', or .pts files beside their photographs"
            )
    there = [row for row in range(len(faces.ids)) if _there(faces, row)] if drawn else []
    if out is not None:
        outputs.guard([out / TABLE, *(_drawing(faces, row, out) for row in there)], force)
        outcome.files.append(put(out / TABLE, outcome.csv()))
    if drawn and out is not None:
        outcome.files += [_draw(outcome, row, out) for row in there]
    return outcome


def _there(faces: Landmarks, row: int) -> bool:
    return bool(np.isfinite(faces.points[row]).all())


def _drawing(faces: Landmarks, row: int, out: Path) -> Path:
    return out / f"{below(faces.ids[row])}.png"


def _draw(outcome: MeasureSummary, row: int, out: Path) -> Path:
    from parface_bench.data.images.reading import decode_image
    from parface_bench.predicting.draw_measures import draw

    faces, image = outcome.faces, outcome.faces.images[row]
    assert image is not None
    points, known = measurable(faces.points[row : row + 1, :, :2], faces.schema)
    try:
        pixels = decode_image(read_file(image, PHOTOGRAPH), str(image))
    except OSError as error:
        raise UserError(f"{image}: cannot be read ({error.strerror})") from None
    shapes = lay(points, known, outcome.measured.frame)
    figure = draw(pixels, shapes, points[0], outcome.measured, row, faces.ids[row])
    buffer = io.BytesIO()
    figure.savefig(buffer, format="png", dpi=110, facecolor=figure.get_facecolor())
    return put(_drawing(faces, row, out), buffer.getvalue())


def _face(measured: Measured, row: int, name: str) -> str:
    from tabulate import tabulate

    def cell(key: str) -> str:
        value = measured.values[key][row]
        return "" if not np.isfinite(value) else f"{value:.2f}"

    rows: list[list[str]] = []
    differences = measured.differences()
    for key in measured.keys:
        spec = key.spec
        if spec is None or key.part == "left":
            continue
        label = unit_name(spec, measured.unit)
        if key.part == "right":
            difference = differences[f"{spec.name}_R-L"][row]
            shown = "" if not np.isfinite(difference) else f"{difference:+.2f}"
            rows.append([spec.name, cell(key.name), cell(f"{spec.name}_left"), shown, label])
        else:
            value = cell(key.name)
            rows.append([key.name, "", "", f"+{value}" if spec.signed and value and value[0] != "-" else value, label])
    heads = ["measure", "right", "left", "right - left", "unit"]
    table = tabulate(rows, headers=heads, disable_numparse=True, colalign=("left", "right", "right", "right", "left"))
    outer, _, roll = (measured.values[key][row] for key in SCALES)
    size = "no landmarks" if not np.isfinite(outer) else f"outer-eye distance {outer:.1f} px"
    turned = f", rolled by {roll:.1f} degrees" if np.isfinite(roll) else ""
    return f"{name}: {size}{turned}; frame {measured.frame}, layout {measured.schema}\n{table}"


def _remarks(faces: Landmarks, measured: Measured) -> list[str]:
    """Every gap by name, so that no empty cell is a riddle."""
    remarks = [f"{face}: no landmarks ({reason})" for face, reason in faces.reasons.items()]
    if measured.caution:
        remarks.append(measured.caution)
    without = np.array([face in faces.reasons for face in faces.ids], dtype=bool)
    if (rows := np.flatnonzero(measured.frameless() & ~without)).size:
        remarks.append(f"not measured, since the corners of the eyes are missing or coincide: {_named(faces, rows)}")
    if (rows := np.flatnonzero(measured.mirrored)).size:
        remarks.append(
            f"right and left seem to be exchanged (a mirrored image, or landmarks in another order), which makes all "
            f"numbers wrong: {_named(faces, rows)}"
        )
    for side, rows in measured.closed().items():
        rows = rows[~measured.mirrored[rows]]
        if len(rows):
            remarks.append(f"closed {side} eye, so no ratio: {_named(faces, rows)}")
    gaps: dict[tuple[int, ...], list[str]] = {}
    for key, rows in measured.undefined().items():
        if key != "eye_area_ratio":
            gaps.setdefault(tuple(rows.tolist()), []).append(key)
    for chosen, keys in gaps.items():
        shown = ", ".join(keys[:6]) + (f" and {len(keys) - 6} more" if len(keys) > 6 else "")
        remarks.append(
            f"undefined, where the mouth or a chain of landmarks does not reach the midline or pupil: {shown}: "
            f"{_named(faces, np.array(chosen))}"
        )
    return remarks


def _named(faces: Landmarks, rows: np.ndarray) -> str:
    names = [faces.ids[row] for row in rows[:5]]
    return ", ".join(names) + (f" and {len(rows) - 5} more faces" if len(rows) > 5 else "")
