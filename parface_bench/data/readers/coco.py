"""COCO-style keypoints: one JSON with the lists ``images`` and ``annotations``."""

from __future__ import annotations

from typing import Any

import numpy as np
import pandas as pd

from parface_bench.data.faults import tolerant
from parface_bench.data.readers.tables import parse_json, points
from parface_bench.registry.errors import UserError


def parse_coco(data: bytes, where: str, base: float = 0) -> pd.DataFrame:
    """Faces of such a file.

    Args:
        base: what the file calls the first pixel.

    Returns:
        Columns ``id`` (picture's name without suffix, ``#2`` for its second face), ``image``, ``landmarks`` float64
        [L, 2] (NaN where the flag is 0), ``visible`` bool [L] (flag 2; or 1, in a file that has no 2), ``bbox`` float64
        [4] or None, and ``box_size`` where every annotation has one.

    Raises:
        UserError: no such file, an annotation of another shape, or of a picture that is not listed.
    """
    content = parse_json(data, where)
    lists = [content.get(k) if isinstance(content, dict) else None for k in ("images", "annotations")]
    if not all(isinstance(x, list) for x in lists):
        raise UserError(f"{where}: has no lists 'images' and 'annotations'; is it a COCO-style file?")
    names = _names(lists[0] or [], where)
    rows: list[dict[str, Any]] = []
    for number, annotation in enumerate(lists[1] or []):
        with tolerant():
            rows.append(_face(annotation, names, f"{where}: annotation {number}", base))
    full = any((row["flags"] == 2).any() for row in rows)
    seen: dict[str, int] = {}
    for row in rows:
        flags = row.pop("flags")
        row["visible"] = flags == 2 if full else flags > 0
        stem = row["image"].rsplit(".", 1)[0]
        seen[stem] = seen.get(stem, 0) + 1
        row["id"] = stem if seen[stem] == 1 else f"{stem}#{seen[stem]}"
    columns = ["id", "image", "landmarks", "visible", "bbox"]
    if rows and all("box_size" in row for row in rows):
        columns.append("box_size")
    return pd.DataFrame(rows, columns=columns)


def _names(images: list[Any], where: str) -> dict[Any, str]:
    names = {}
    for number, image in enumerate(images):
        if (
            not isinstance(image, dict)
            or not isinstance(image.get("file_name"), str)
            or isinstance(image.get("id"), (list, dict))
        ):
            raise UserError(f"{where}: image {number} has no id and file_name; correct it")
        names[image.get("id")] = image["file_name"]
    return names


def _face(annotation: Any, names: dict[Any, str], where: str, base: float) -> dict[str, Any]:
    if not isinstance(annotation, dict) or not isinstance(annotation.get("keypoints"), list):
        raise UserError(f"{where} has no keypoints; correct or remove it")
    image = annotation.get("image_id")
    if isinstance(image, (list, dict)) or image not in names:
        raise UserError(f"{where} is of image {image!r}, which is not listed; correct or remove it")
    flat = annotation["keypoints"]
    marks = points([flat[i : i + 3] for i in range(0, len(flat), 3)], where, None, (3,))
    flags = marks[:, 2]
    landmarks = np.where(flags[:, None] > 0, marks[:, :2] - base, np.nan)
    face: dict[str, Any] = {"image": names[image], "landmarks": landmarks, "flags": flags, "bbox": None}
    if annotation.get("bbox") is not None:
        x, y, w, h = points([annotation["bbox"]], f"{where}, bbox", 1, (4,))[0]
        face["bbox"] = np.array([x, y, x + w, y + h]) - base
    if isinstance(annotation.get("box_size"), (int, float)):
        face["box_size"] = float(annotation["box_size"])
    return face
