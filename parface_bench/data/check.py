"""Everything that is wrong with a data set's files in one report, and what is in them."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass, field
from typing import Any

import cv2
import numpy as np
import pandas as pd

from parface_bench.data.faults import Absent, gather
from parface_bench.data.images.reading import read_image
from parface_bench.data.source import Source
from parface_bench.progress import progress
from parface_bench.registry.errors import UserError

OUTSIDE = 0.5


@dataclass
class Report:
    """What was found.

    Attributes:
        faces: number of faces of each split that is there; ``expected`` the number of the whole set, where it is known.
        faults: one sentence for every missing, unreadable or inconsistent file or row.
        notes: what is odd but may be meant: absent splits, faces without a usable box.
    """

    dataset: str
    root: str
    faces: dict[str, int] = field(default_factory=dict)
    expected: dict[str, int] = field(default_factory=dict)
    pictures: int = 0
    faults: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def document(self) -> dict[str, Any]:
        """As plain values, for ``--json``."""
        return asdict(self)

    def text(self) -> str:
        """As lines of text."""
        lines = [f"{self.dataset} in {self.root}: {self.pictures} pictures read"]
        for split, n in self.faces.items():
            whole = self.expected.get(split)
            lines.append(f"  {split:<14} {n:>8} faces" + (f" of {whole}" if whole not in (None, n) else ""))
        lines += [f"  note: {note}" for note in self.notes]
        lines += [f"  fault: {fault}" for fault in self.faults]
        return "\n".join([*lines, counted(len(self.faults), "fault")])


def check(source: Source, *, pictures: bool = True) -> Report:
    """Read every split past the cache, and every picture, and gather what is wrong.

    Args:
        pictures: also decode all pictures, which takes a while for large sets.
    """
    report = Report(source.name, str(source.root), expected=dict(source.spec.counts))
    frames = []
    absent = []
    for split in source.spec.splits:
        with gather() as faults:
            try:
                frame = source.read(split)
            except Absent as error:
                absent.append(str(error))
                frame = None
            except UserError as error:
                faults.append(str(error))
                frame = None
        report.faults += faults
        if frame is not None:
            report.faces[split] = len(frame)
            report.notes += frame.attrs.get("notes", [])
            twice = repeated(frame)
            if twice:
                report.notes.append(f"{counted(len(twice), 'face')} of split {split!r} a second time: {twice[0]}, ...")
            frames.append(frame)
        elif not faults:
            report.notes.append(f"split {split!r} is not there")
    if not frames and not report.faults:
        report.faults += absent
    faces = pd.concat(frames, ignore_index=True).drop_duplicates("id") if frames else pd.DataFrame({"image": []})
    boxless = sum(1 for box in faces.get("bbox", []) if box is not None and not usable(box))
    if boxless:
        report.notes.append(f"{counted(boxless, 'face')} with a box without extent, which crops cannot use")
    report.faults += _check_pictures(source, faces, decode=pictures)
    report.pictures = faces["image"].nunique() if pictures else 0
    report.faults = list(dict.fromkeys(report.faults))
    report.notes = list(dict.fromkeys(report.notes))
    return report


def counted(number: int, what: str) -> str:
    """``1 fault``, ``2 faults``."""
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def repeated(frame: pd.DataFrame) -> list[str]:
    """Ids of faces whose picture and landmarks another face before them has too."""
    seen: set[tuple[str, bytes]] = set()
    twice = []
    for id, image, marks in zip(frame["id"], frame["image"], frame["landmarks"], strict=True):
        if marks is not None:
            key = (image, marks.tobytes())
            if key in seen:
                twice.append(id)
            seen.add(key)
    return twice


def usable(box: np.ndarray) -> bool:
    """Whether a box [4] is finite and has an extent."""
    return bool(np.isfinite(box).all() and box[2] > box[0] and box[3] > box[1])


def _check_pictures(source: Source, faces: pd.DataFrame, *, decode: bool) -> list[str]:
    missing = {ref for ref in faces["image"].unique() if not _there(source, ref)}
    faults = [f"{source.folder / ref}: the picture is missing; copy it there" for ref in sorted(missing)]
    if not decode:
        return faults
    groups = [(ref, rows) for ref, rows in faces.groupby("image", sort=True) if ref not in missing]
    before = cv2.getNumThreads()
    cv2.setNumThreads(1)
    try:
        with ThreadPoolExecutor() as pool:
            jobs = pool.map(lambda group: _check_picture(source, str(group[0]), group[1]), groups)
            for found in progress(jobs, "reading pictures", long=200, total=len(groups)):
                faults += found
    finally:
        cv2.setNumThreads(before)
    return faults


def _there(source: Source, ref: str) -> bool:
    try:
        return not source.missing_pictures(pd.DataFrame({"image": [ref]}))
    except UserError:
        return True  # reading it will say what is wrong


def _check_picture(source: Source, ref: str, rows: pd.DataFrame) -> list[str]:
    try:
        height, width = read_image(source.folder, ref).shape[:2]
    except UserError as error:
        return [str(error)]
    faults = []
    for id, marks in zip(rows["id"], rows["landmarks"], strict=True):
        if marks is None:
            continue
        xy = marks[np.isfinite(marks).all(axis=1), :2]
        outside = ((xy < -0.5) | (xy > [width - 0.5, height - 0.5])).any(axis=1)
        if len(xy) and outside.mean() > OUTSIDE:
            faults.append(
                f"{source.folder / ref}: {outside.sum()} of {len(xy)} landmarks of face {id!r} lie outside its "
                f"{width} x {height} pixels; are picture and annotation of one size?"
            )
    return faults


def statistics(frame: pd.DataFrame) -> dict[str, Any]:
    """Numbers about an index table: faces, pictures, faces by tag, quantiles of the box size, histogram of the yaw."""
    sizes = [
        np.sqrt(np.prod(b[2:] - b[:2])) for b in map(_face_box, frame["bbox"], frame["landmarks"]) if b is not None
    ]
    found: dict[str, Any] = {"faces": len(frame), "pictures": int(frame["image"].nunique())}
    found["landmarks"] = int(sum(m is not None for m in frame["landmarks"]))
    found["tags"] = {
        tag: {str(k): int(v) for k, v in frame[tag].value_counts(sort=False, dropna=False).sort_index().items()}
        for tag in frame.attrs.get("tags", [])
    }
    if sizes:
        quantiles = np.quantile(sizes, [0, 0.05, 0.5, 0.95, 1]).round(1).tolist()
        found["box_size"] = dict(zip(("min", "5%", "median", "95%", "max"), quantiles, strict=True))
    if "yaw" in frame:
        edges = np.arange(-90, 91, 15)
        inner = np.clip(frame["yaw"].dropna().to_numpy(dtype=float), -90, 90)
        counts = np.histogram(inner, bins=edges)[0].tolist()
        found["yaw"] = {f"{a}..{a + 15}": n for a, n in zip(edges[:-1].tolist(), counts, strict=True)}
    if "visible" in frame:
        seen = [v for v in frame["visible"] if v is not None]
        found["visible"] = round(float(np.concatenate(seen).mean()), 4) if seen else None
    return found


def _face_box(box: np.ndarray | None, marks: np.ndarray | None) -> np.ndarray | None:
    if box is not None and usable(box):
        return box
    if marks is None:
        return None
    return np.concatenate([np.nanmin(marks[:, :2], axis=0), np.nanmax(marks[:, :2], axis=0)])
