"""All measures of many faces, as a table of numbers with their units."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from parface_bench.clinical.frames import CLOSED, Shapes, lay
from parface_bench.clinical.scales import millimetres
from parface_bench.faces import Schema
from parface_bench.registry import MEASURES, MeasureSpec, UserError, WorkError, check_known

UNITS = ("eyes", "px", "mm")
SIDES = ("right", "left")
REGIONS = ("all", "inner", "brows", "eyes", "nose", "mouth")
CHUNK = 2048  # faces at a time, so that what is computed of them stays in the processor's cache
SCALES = ("outer_px", "ipd_px", "roll_deg")  # of the frame itself, before the measures


@dataclass(frozen=True)
class Key:
    """One column of numbers.

    Attributes:
        name: ``MEASURE``, ``MEASURE_SIDE`` or ``MEASURE_REGION``.
        spec: the measure; None for the frame's own.
        part: side or region, or ''.
    """

    name: str
    spec: MeasureSpec | None = None
    part: str = ""


@dataclass
class Measured:
    """Measures of N faces.

    Attributes:
        schema: layout that was measured (68 or 98 points).
        frame, unit: as asked for.
        keys: the columns in order.
        values: key name -> float64 [N]; NaN where undefined.
        per_px: [N] what a pixel is in the unit of lengths.
        caution: what should be known of the unit.
        mirrored: bool [N], the chin lies above the eyes in the frame: right and left must be exchanged.
    """

    schema: str
    frame: str
    unit: str
    keys: list[Key] = field(default_factory=list)
    values: dict[str, np.ndarray] = field(default_factory=dict)
    per_px: np.ndarray = field(default_factory=lambda: np.zeros(0))
    caution: str = ""
    mirrored: np.ndarray = field(default_factory=lambda: np.zeros(0, dtype=bool))

    def differences(self) -> dict[str, np.ndarray]:
        """Right minus left of each measure that has sides: ``MEASURE_R-L`` -> float64 [N]."""
        names = [k.spec.name for k in self.keys if k.spec is not None and k.part == "right"]
        return {f"{name}_R-L": self.values[f"{name}_right"] - self.values[f"{name}_left"] for name in names}

    def signed(self) -> dict[str, np.ndarray]:
        """All numbers that change their sign in a mirror: signed measures, and right minus left of the others."""
        own = {k.name: self.values[k.name] for k in self.keys if k.spec is not None and k.spec.signed}
        return {**own, **self.differences()}

    def undefined(self) -> dict[str, np.ndarray]:
        """Key -> rows for which it is undefined, where there are any; rows without a frame are not counted."""
        there = ~self.frameless()
        found = {k.name: np.flatnonzero(np.isnan(self.values[k.name]) & there) for k in self.keys if k.spec is not None}
        return {name: rows for name, rows in found.items() if len(rows)}

    def frameless(self) -> np.ndarray:
        """bool [N]: the eye corners are missing or coincide, so that nothing can be measured."""
        outer, pupils = self.values["outer_px"], self.values["ipd_px"]
        return ~(np.isfinite(outer) & np.isfinite(pupils) & (outer > 0) & (pupils > 0))

    def closed(self) -> dict[str, np.ndarray]:
        """Side -> rows whose eye is closed: the lids' opening is under 2 % of the outer-eye distance."""
        if "fissure_height_linear_right" not in self.values:
            return {}
        least = CLOSED * self.values["outer_px"] / 100 * self.per_px if self.unit != "eyes" else CLOSED
        return {side: np.flatnonzero(self.values[f"fissure_height_linear_{side}"] < least) for side in SIDES}


def chosen(names: Iterable[str], frame: str) -> list[MeasureSpec]:
    """The measures of these names; without names all that the frame allows and that need not be asked for.

    Raises:
        UserError: an unknown measure, or one that the frame does not allow.
    """
    names = list(names)
    if not names:
        specs = [s for s in MEASURES if not s.asked and not (s.dims == 3 and frame != "head")]
        return [s for s in specs if not s.pupils or frame == "given"]
    specs = [MEASURES.spec(name) for name in names]
    for spec in specs:
        if spec.dims == 3 and frame != "head":
            raise UserError(f"measure {spec.name!r} needs 3D landmarks in the head's own frame: say --frame head")
        if spec.pupils and frame != "given":
            raise UserError(f"measure {spec.name!r} needs landmarks on the pupils (98 points): say --frame given")
    return specs


def measure(
    points: np.ndarray,
    schema: Schema | str,
    *,
    frame: str = "canthi",
    unit: str = "eyes",
    names: Iterable[str] = (),
    eyes: np.ndarray | None = None,
    scale: np.ndarray | None = None,
    mm: str = "",
) -> Measured:
    """Measure faces.

    Args:
        points: float [N, L, 2|3], pixels, x right, y down; a face with NaN has no numbers.
        schema: their layout.
        frame: 'canthi', 'lids', 'given' or 'head', see :mod:`parface_bench.clinical.frames`.
        unit: 'eyes', percent of the outer-eye distance (areas: of its square), 'px', or 'mm' at an assumed scale.
        names: measures; all usual ones where empty.
        eyes: float [N, L, 2|3], faces whose eyes lay the frame instead (the truth's, to set eye errors apart).
        scale: float [N], outer-eye distance that lengths are relative to: the truth's, for predictions too.
        mm: of unit 'mm' the scale, see :func:`parface_bench.clinical.scales.millimetres`.

    Raises:
        UserError: unknown names, or what the landmarks do not allow.
        WorkError: a measure failed or returned something else than one number a face.
    """
    if unit not in UNITS:
        raise UserError(f"unknown unit {unit!r}: 'eyes' (percent of the outer-eye distance), 'px' or 'mm'")
    if (unit == "mm") != bool(mm):
        raise UserError(
            "unit 'mm' and a scale go together: name the scale with --scale pupils, iris:RADIUS or MM_A_PIXEL"
        )
    specs = chosen(names, frame)
    parts = []
    for start in range(0, max(len(points), 1), CHUNK):
        rows = slice(start, start + CHUNK)
        with np.errstate(over="ignore", invalid="ignore"):  # of numbers that are no pixels of any picture
            shapes = lay(points[rows], schema, frame, None if eyes is None else eyes[rows])
            parts.append(_measured(shapes, specs, unit, None if scale is None else np.asarray(scale)[rows], mm))
    whole = parts[0]
    if len(parts) > 1:
        whole.values = {name: np.concatenate([part.values[name] for part in parts]) for name in whole.values}
        whole.per_px = np.concatenate([part.per_px for part in parts])
        whole.mirrored = np.concatenate([part.mirrored for part in parts])
    return whole


def _measured(shapes: Shapes, specs: list[MeasureSpec], unit: str, scale: np.ndarray | None, mm: str) -> Measured:
    table = Measured(shapes.schema.name, shapes.frame, unit)
    gap = np.linalg.norm(shapes.pupils[:, 1] - shapes.pupils[:, 0], axis=1)
    for name, values in zip(SCALES, (shapes.outer, gap, shapes.roll), strict=True):
        table.keys.append(Key(name))
        table.values[name] = values
    table.mirrored = shapes.points[:, shapes.anatomy.chin, 1] < 0
    d = shapes.outer if scale is None else scale.astype(np.float64)
    factor: dict[str, np.ndarray] = {}
    if unit == "mm":
        table.per_px, table.caution = millimetres(mm, gap)
        factor = {"length": table.per_px, "area": table.per_px**2}
    elif unit == "eyes":
        with np.errstate(invalid="ignore", divide="ignore"):
            factor = {"length": 100 / d, "area": 100 / d**2}
            table.per_px = factor["length"]
    else:
        table.per_px = np.ones(len(shapes))
    for spec in specs:
        for part in {"side": SIDES, "region": REGIONS}.get(spec.per, ("",)):
            key = Key(f"{spec.name}_{part}" if part else spec.name, spec, part)
            table.keys.append(key)
            values = evaluate(spec, shapes, part) * factor.get(spec.unit, 1.0)
            table.values[key.name] = np.where(np.isfinite(values), values, np.nan)
    return table


def check_key(key: str, frame: str) -> None:
    """Refuse a key that no measure gives in a frame without being asked for.

    Raises:
        UserError: there is no such measure, or it needs what the frame has not.
    """
    parts = {"side": SIDES, "region": REGIONS}
    known = [f"{s.name}_{part}" if part else s.name for s in chosen((), frame) for part in parts.get(s.per, ("",))]
    spec = next((s for s in MEASURES if key == s.name or key.startswith(f"{s.name}_")), None)
    if key not in known and spec is not None and (spec.dims == 3 or spec.pupils or spec.asked):
        needs = "3D landmarks" if spec.dims == 3 else "landmarks of the pupils" if spec.pupils else "to be asked for"
        raise UserError(
            f"measure {key!r} needs {needs} ('pfbench measure' takes it); here are those of frame {frame!r}"
        )
    check_known([key], known, "no measure")


def unit_name(spec: MeasureSpec, unit: str) -> str:
    """How the numbers of a measure are labelled: '%', 'px', '% of d²', 'degrees', ..."""
    if spec.unit == "length":
        return "%" if unit == "eyes" else unit
    if spec.unit == "area":
        return "% of d²" if unit == "eyes" else f"{unit}²"
    return {"percent": "%", "degrees": "°", "ratio": "", "mm": "mm"}[spec.unit]


def evaluate(spec: MeasureSpec, shapes: Shapes, part: str = "") -> np.ndarray:
    """One measure of faces: float64 [N], pixels where it is a length, NaN where undefined.

    Args:
        part: side or region, as ``spec.per`` says.

    Raises:
        UserError: what the measure itself raises so.
        WorkError: it failed or returned something else than one number a face.
    """
    function: Any = spec.load()
    who = f"measure {spec.name!r} (from {spec.owner})"
    try:
        values = np.asarray(function(shapes, part) if part else function(shapes), dtype=np.float64)
    except UserError:
        raise
    except Exception as error:
        raise WorkError(f"{who} failed: {type(error).__name__}: {' '.join(str(error).split())}") from error
    if values.shape != (len(shapes),):
        raise WorkError(f"{who} must return one number a face, shape ({len(shapes)},); it returned {values.shape}")
    return np.where(np.isfinite(values), values, np.nan)
