"""Faces for a page: which ones, their pictures where these may leave the machine, and the landmarks on them."""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import cv2
import numpy as np

from parface_bench.data.images.reading import read_image
from parface_bench.data.index import fingerprint, join
from parface_bench.data.source import load_index
from parface_bench.registry import DATASETS, UserError
from parface_bench.results.result import Result
from parface_bench.results.worst import PREDICTIONS

if TYPE_CHECKING:
    import pandas as pd

SIDE = 512  # of a picture on a page, pixels
MOST = 72  # pictures on a page
_MARGIN = 0.3
_QUALITY = 80


@dataclass
class Gallery:
    """Faces to show.

    Attributes:
        faces: a record each: ``id``, ``image`` (JPEG as data address, or None), ``truth`` and ``found`` (method key ->
            [[x, y], ...]), in pixels of the picture shown.
        notes: why pictures or landmarks are missing.
    """

    faces: list[dict[str, Any]] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


def choose(tables: Sequence[pd.DataFrame], most: int = MOST) -> list[str]:
    """Ids of the faces to show: the worst of each result in turn, then the best, then some drawn at random (seed 0).

    Args:
        tables: per-face errors, ``id`` and ``nme``, of each result.
    """
    share = max(most // (3 * len(tables)), 1)
    chosen: dict[str, None] = {}
    for table in tables:
        ordered = table.sort_values("nme", ascending=False, kind="stable")["id"].astype(str).tolist()
        drawn = np.random.default_rng(0).permutation(ordered)[:share].tolist()
        chosen |= dict.fromkeys([*ordered[: 2 * share], *ordered[-max(share // 2, 1) :], *drawn[: share // 2]])
    return list(chosen)[:most]


def gather(
    results: Sequence[tuple[str, Result]], ids: Sequence[str], data_root: str | Path | None, pictures: bool
) -> Gallery:
    """The faces of some ids.

    Args:
        results: page keys and results, all on the same data.
        ids: which faces.
        data_root: folder of the data set, where it is not set otherwise.
        pictures: put them on the page even where the data set does not say that they may be passed on.
    """
    gallery = Gallery()
    document = results[0][1].document
    shown = pictures or _may_leave(document["dataset"])
    if not shown:
        gallery.notes.append(
            f"No photographs: data set {document['dataset']!r} does not allow to pass them on. "
            "--with-pictures adds them to a page that stays with you."
        )
    found = {}
    for key, result in results:
        found[key] = predicted(result)
        if not found[key]:
            gallery.notes.append(f"{result.document['method']}: no predictions are at hand, so none are drawn.")
    try:
        # a set that is made on first use is not made for a page on which nothing could be drawn over its pictures
        index = _rows(document, ids, data_root) if pictures or any(found.values()) else {}
    except UserError as error:
        index = {}
        gallery.notes.append(f"The data set is not at hand, so no faces are drawn: {error}")
    for face in ids:
        row = index.get(face)
        if row is None:
            gallery.faces.append({"id": face, "image": None, "truth": None, "found": {}})
            continue
        try:
            gallery.faces.append(_face(face, row, {k: v.get(face) for k, v in found.items()}, shown))
        except UserError as error:
            gallery.notes.append(str(error))
            gallery.faces.append({"id": face, "image": None, "truth": None, "found": {}})
    return gallery


def predicted(result: Result) -> dict[str, np.ndarray]:
    """Face id -> [L, 2], from beside the result or its run's folder; empty where they are gone."""
    import pandas as pd

    for folder in (result.folder, Path(result.document.get("run_dir") or result.folder)):
        file = folder / PREDICTIONS
        if file.is_file():
            table = pd.read_parquet(file)
            points = sum(1 for name in table.columns if name[:1] == "x" and name[1:].isdigit())
            names = [f"{axis}{i}" for i in range(points) for axis in "xy"]
            if not names or not {"id", *names} <= set(table):
                return {}
            values = table[names].to_numpy(dtype=np.float64).reshape(-1, points, 2)
            return dict(zip(table["id"].astype(str), values, strict=True))
    return {}


def _may_leave(dataset: str) -> bool:
    return dataset in DATASETS and bool(DATASETS.spec(dataset).images_shareable)


def _rows(document: dict[str, Any], ids: Sequence[str], data_root: str | Path | None) -> dict[str, Any]:
    splits = document.get("split") or "test"
    wanted, rows = set(ids), {}
    frames = [load_index(document["dataset"], s, data_root) for s in ([splits] if isinstance(splits, str) else splits)]
    whole = document["config"].get("limit") is None  # a trial scored the first faces only
    if whole and fingerprint(frames[0] if len(frames) == 1 else join(frames)) != document["data_fingerprint"]:
        raise UserError(f"data set {document['dataset']!r} here is another than the one that was scored")
    for frame in frames:
        for row in frame[frame["id"].isin(wanted)].itertuples(index=False):
            rows[str(row.id)] = (frame.attrs["root"], row)
    if not rows:
        raise UserError(f"data set {document['dataset']!r} has none of the faces that were scored")
    return rows


def _face(face: str, row: tuple[Any, Any], found: dict[str, np.ndarray | None], shown: bool) -> dict[str, Any]:
    root, entry = row
    truth = None if entry.landmarks is None else np.asarray(entry.landmarks, dtype=np.float64)[:, :2]
    known = [p for p in (truth, *found.values()) if p is not None]
    if not known:
        return {"id": face, "image": None, "truth": None, "found": {}}
    # the truth alone decides the frame where there is one: a method that is far off must not shrink the face
    about = truth if truth is not None and np.isfinite(truth).any() else known[0]
    low, high = np.nanmin(about, axis=0), np.nanmax(about, axis=0)
    half = max(float((high - low).max()) * (0.5 + _MARGIN), 2.0)
    corner, scale = (low + high) / 2 - half, SIDE / (2 * half)

    def on_page(points: np.ndarray | None) -> list[list[float]] | None:
        return None if points is None else np.round((points - corner) * scale, 1).tolist()

    image = None
    if shown:
        matrix = np.array([[scale, 0, -corner[0] * scale], [0, scale, -corner[1] * scale]])
        smooth = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
        crop = cv2.warpAffine(read_image(root, entry.image), matrix, (SIDE, SIDE), flags=smooth)
        _, coded = cv2.imencode(".jpg", crop[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, _QUALITY])
        image = "data:image/jpeg;base64," + base64.b64encode(coded.tobytes()).decode()
    drawn = {key: on_page(points) for key, points in found.items() if points is not None}
    return {"id": face, "image": image, "truth": on_page(truth), "found": drawn}


def tagged(faces: list[dict[str, Any]], tables: dict[str, Any]) -> list[dict[str, Any]]:
    """The faces with the subsets that each is in, for the browser's filter."""
    table = next(iter(tables.values())).set_index("id")
    columns = {c.removeprefix("subset:"): c for c in table if c.startswith("subset:") and c != "subset:full"}
    for face in faces:
        row = table.loc[face["id"]] if face["id"] in table.index else None
        face["tags"] = [] if row is None else [name for name, c in columns.items() if bool(row[c])]
    return faces
