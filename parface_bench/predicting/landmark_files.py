"""Anybody's landmarks: tables, ``.pts`` files, documents of ``pfbench predict``, and photographs through a model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.clinical.anatomy import measurable, measured_layouts
from parface_bench.data.images.archive import PICTURES
from parface_bench.data.readers.pts import parse_pts
from parface_bench.data.tables import read_table
from parface_bench.faces import Schema, get_schema, schemas_with
from parface_bench.limits import FILE, read_file, read_json
from parface_bench.registry import UserError
from parface_bench.scoring.columns import FARTHEST

TEXT = FILE >> 4  # bytes of a .pts file or document
TABLES = (".csv", ".parquet", ".pq")


@dataclass
class Landmarks:
    """Faces of one layout.

    Attributes:
        schema: their layout.
        ids: [N] names, each once.
        points: float64 [N, L, 2|3] pixels of the stored image; NaN where there is no face.
        images: [N] the photograph of each, None where it is not known.
        reasons: id -> why a face has no landmarks.
    """

    schema: Schema
    ids: list[str] = field(default_factory=list)
    points: np.ndarray = field(default_factory=lambda: np.zeros((0, 0, 2)))
    images: list[Path | None] = field(default_factory=list)
    reasons: dict[str, str] = field(default_factory=dict)


def read_landmarks(given: Sequence[str], schema: str = "", model: str = "", detector: str = "") -> Landmarks:
    """The faces of all arguments, which must have one layout.

    Args:
        given: tables (CSV, Parquet), ``.pts`` files, JSON documents of ``pfbench predict``, photographs, or folders of
            ``.pts`` files or of photographs.
        schema: name of their layout; '' to tell it by the number of landmarks.
        model: finds the landmarks of photographs; '' = the model in the package.
        detector: of faces in photographs, see ``pfbench predict``.

    Raises:
        UserError: a file cannot be read, layouts differ or cannot be measured.
    """
    parts: list[Landmarks] = []
    photographs: list[str] = []
    for text in given:
        path = Path(text)
        if path.is_dir() and (files := sorted(path.rglob("*.pts"))):
            parts += [_pts(file, schema, str(file.relative_to(path).with_suffix(""))) for file in files]
        elif path.suffix.lower() == ".pts":
            parts.append(_pts(path, schema, path.stem))
        elif path.suffix.lower() in TABLES:
            parts.append(_table(path, schema))
        elif path.suffix.lower() == ".json":
            parts.append(_document(path, schema))
        else:
            photographs.append(text)
    if photographs:
        parts.append(_photographs(photographs, schema, model, detector))
    first = parts[0]
    for part in parts[1:]:
        if part.schema.name != first.schema.name:
            raise UserError(
                f"the faces have different layouts, {first.schema.name!r} ({first.ids[0]}) and {part.schema.name!r} "
                f"({part.ids[0]}): measure them apart"
            )
    return _joined(parts)


def layout_of(points: int, asked: str, where: str) -> Schema:
    """The layout of so many landmarks.

    Raises:
        UserError: the one asked for has another number, or none (or several) that can be measured has so many.
    """
    if asked:
        schema = get_schema(asked)
        if len(schema) != points:
            raise UserError(f"{where}: {points} landmarks a face, but schema {asked!r} has {len(schema)}")
        return schema
    having = schemas_with(points)
    own = [name for name in having if get_schema(name).layout.anatomy]
    names = own or [name for name in having if _can(name)]
    if len(names) != 1:
        measured = " and ".join(f"{len(get_schema(name))} ({name})" for name in measured_layouts())
        known = f"{' and '.join(names)} have so many" if names else f"{measured} can be measured"
        raise UserError(f"{where}: {points} landmarks a face; {known}: name the layout with --schema")
    return get_schema(names[0])


def _can(name: str) -> bool:
    try:
        measurable(np.zeros((1, len(get_schema(name)), 2)), name)
    except UserError:
        return False
    return True


def _pts(path: Path, schema: str, name: str) -> Landmarks:
    try:
        data = read_file(path, TEXT)
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    points = parse_pts(data, str(path))
    beside = [path.with_suffix(s) for suffix in sorted(PICTURES) for s in (suffix, suffix.upper())]
    image = next((p for p in beside if p.is_file()), None)
    return Landmarks(layout_of(len(points), schema, str(path)), [name], points[None], [image])


def _table(path: Path, schema: str) -> Landmarks:
    table = read_table(path, gaps=True)
    every = np.asarray(table.points)
    found = Landmarks(layout_of(every.shape[1], schema, str(path)), [str(i) for i in table.ids], every)
    more = _columns(path, len(table))
    names: list[Any] = list(more["image"]) if "image" in more else [None] * len(table)
    found.images = [_photograph(name, path) for name in names]
    reasons = list(more["reason"]) if "reason" in more else [None] * len(table)
    for name, points, reason in zip(found.ids, every, reasons, strict=True):
        if not np.isfinite(points).all():
            found.reasons[name] = str(reason) if isinstance(reason, str) and reason else "no landmarks in its row"
    return found


def _columns(path: Path, faces: int) -> pd.DataFrame:
    """The columns of a table that say more of a face: ``image`` and ``reason``."""
    names = {"image", "reason"}
    try:
        with path.open("rb") as file:
            parquet = file.read(4) == b"PAR1"
        if parquet:
            import pyarrow.parquet as pq

            kept = [c for c in pq.ParquetFile(path).schema_arrow.names if c in names]
            found = pd.read_parquet(path, columns=kept)
        else:
            found = pd.read_csv(path, usecols=lambda c: c in names, dtype=str, keep_default_na=False)
    except Exception as error:  # pandas' and Arrow's errors share no class
        reason = str(error).split("\n")[0][:120]
        raise UserError(f"{path}: its columns image and reason cannot be read ({reason}); leave them out") from None
    if len(found.columns) and len(found) != faces:
        raise UserError(f"{path}: its columns image and reason have {len(found)} rows, not {faces}; leave them out")
    return found


def _photograph(name: Any, beside: Path) -> Path | None:
    """The photograph that a table names: as it stands, or relative to the table."""
    if not isinstance(name, str) or not name:
        return None
    return next((p for p in (Path(name), beside.parent / name) if p.is_file()), None)


def _document(path: Path, schema: str) -> Landmarks:
    try:
        document = read_json(read_file(path, TEXT), str(path))
        faces = document["faces"]
        points = [None if f["landmarks"] is None else np.asarray(f["landmarks"], dtype=np.float64) for f in faces]
        shape = next(p.shape for p in points if p is not None)
        far = any((~(np.abs(p) <= FARTHEST)).any() for p in points if p is not None)
        if far or len(shape) != 2 or shape[1] not in (2, 3):
            raise ValueError
        whole = np.stack([np.full(shape, np.nan) if p is None else p for p in points])
        ids = [str(f["id"]) for f in faces]
    except OSError as error:
        raise UserError(f"{path}: cannot be read ({error.strerror})") from None
    except StopIteration:
        raise UserError(f"{path}: no face in it has landmarks") from None
    except (ValueError, KeyError, TypeError, OverflowError):
        raise UserError(f"{path}: not a document of 'pfbench predict --format json'") from None
    found = Landmarks(layout_of(shape[0], schema or str(document.get("schema") or ""), str(path)), ids, whole)
    found.images = [_photograph(f.get("image"), path) for f in faces]
    found.reasons = {str(f["id"]): str(f.get("reason")) for f in faces if f["landmarks"] is None}
    return found


def _photographs(given: list[str], schema: str, model: str, detector: str) -> Landmarks:
    for text in given:
        if not Path(text).exists() and not any(c in text for c in "*?["):
            raise UserError(f"{text}: no such file: give a table, .pts files or photographs")
    from parface_bench.predicting.job import Request, run

    outcome = run(given, Request(model, detector=detector))
    faces = outcome.faces
    dims = max((f.points.shape[1] for f in faces if f.points is not None), default=2)
    none = np.full((outcome.landmarks, dims), np.nan)
    return Landmarks(
        layout_of(outcome.landmarks, schema or outcome.schema, outcome.model),
        [f.id for f in faces],
        np.stack([none if f.points is None else f.points for f in faces]),
        [Path(f.image) for f in faces],
        {f.id: f.reason for f in faces if f.points is None},
    )


def _joined(parts: list[Landmarks]) -> Landmarks:
    dims = min(part.points.shape[2] for part in parts)
    whole = Landmarks(parts[0].schema, points=np.concatenate([part.points[..., :dims] for part in parts]))
    taken: dict[str, int] = {}
    for part in parts:
        for name, image in zip(part.ids, part.images, strict=True):
            taken[name] = taken.get(name, 0) + 1
            new = name if taken[name] == 1 else f"{name} ({taken[name]})"
            whole.ids.append(new)
            whole.images.append(image)
            if name in part.reasons:
                whole.reasons[new] = part.reasons[name]
    return whole
