"""The 300W-LP family (300W-LP, AFLW2000-3D): MATLAB files beside the pictures, or ParFace's JSON tables of them.

The MATLAB files are 1-based: their missing points, (-1, -1) before the y axis was turned, are kept as (-1, 452) in
pictures of 450 rows, so that a row y became 451 - y. z grows towards the viewer (the nose tip has the largest), as in
ParFace's training data; the original's ``transform3D``, which would turn it, is not called there.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.data.faults import tolerant
from parface_bench.data.images.archive import read_bytes
from parface_bench.data.readers.beside import pairs
from parface_bench.data.readers.lookup import Pictures
from parface_bench.data.readers.mat import load_mat, variable
from parface_bench.data.readers.tables import parse_json_table, points
from parface_bench.progress import progress
from parface_bench.registry.errors import UserError

COLUMNS = ["image", "landmarks", "landmarks_2d", "bbox", "yaw"]


def parse_face(data: bytes, where: str, base: int = 1, pose: bool = False) -> dict[str, Any]:
    """One face's ``.mat``.

    Args:
        base: what the file calls the first pixel.
        pose: it must tell the head's pose.

    Returns:
        ``landmarks`` float64 [68, 3] (``pt3d_68``) or, without depth, [68, 2] (``pt2d``), 0-based; ``landmarks_2d``
        [68, 2] where there are both, else None; ``yaw`` in degrees from -180 to 180, NaN where there is no pose.

    Raises:
        UserError: no such file, or its landmarks or its yaw are no finite numbers.
    """
    mat = load_mat(data, where, ["pt3d_68", "pt2d", "Pose_Para"])
    flat = variable(mat, "pt2d", where, (2, None)) if "pt2d" in mat else np.zeros((2, 0))
    flat = flat.T - base
    if "pt3d_68" in mat:
        landmarks = variable(mat, "pt3d_68", where, (3, 68)).T - np.array([base, base, 0.0])
    else:
        landmarks = flat
    two = flat if "pt3d_68" in mat and flat.shape == (68, 2) else None
    yaw = float("nan")
    if pose or "Pose_Para" in mat:
        angles = variable(mat, "Pose_Para", where, (1, None))[0]
        yaw = wrap(float(np.degrees(angles[1]))) if angles.size > 1 else yaw
        if not np.isfinite(yaw):
            raise UserError(f"{where}: 'Pose_Para' holds no finite yaw as its second number; get it again")
    return {"landmarks": points(landmarks, where, 68), "landmarks_2d": two, "bbox": None, "yaw": yaw}


def from_mats(root: Path, base: int = 1, pose: bool = False) -> pd.DataFrame:
    """All faces with a ``.mat`` beside their picture, as a table with :data:`COLUMNS`; ``base``, ``pose`` as above."""
    rows = []
    for _, picture, annotation in progress(pairs(root, ".mat", lone=True), "reading .mat files"):
        with tolerant():
            face = parse_face(read_bytes(root, annotation), str(root / annotation), base, pose)
            rows.append({"image": picture} | face)
    return pd.DataFrame(rows, columns=COLUMNS)


def from_json(root: Path, file: Path, yaws: Path | None = None) -> pd.DataFrame:
    """ParFace's JSON (``img_paths``, ``landmarks`` 68 x 3, ``bbox`` x, y, w, h; 0-based) and the yaws of a ``.npy``."""
    labels = parse_json_table(read_bytes(file.parent, file.name), str(file), ["img_paths", "landmarks"])
    yaw = (
        parse_yaws(read_bytes(yaws.parent, yaws.name), str(yaws), len(labels)) if yaws else np.full(len(labels), np.nan)
    )
    pictures = Pictures(root)
    rows = []
    for row, record in enumerate(labels.to_dict("records")):
        with tolerant():
            where = f"{file}: row {row}"
            two = record.get("landmarks_2d")
            box = record.get("bbox")
            rows.append(
                (
                    pictures.find(str(record["img_paths"]), where),
                    points(record["landmarks"], where, 68, (3,)),
                    None if two is None else points(two, where, 68, (2,)),
                    None if box is None else corners(points([box], where, 1, (4,))[0]),
                    wrap(yaw[row]),
                )
            )
    return pd.DataFrame(rows, columns=COLUMNS)


def parse_yaws(data: bytes, where: str, count: int) -> np.ndarray:
    """Yaws in degrees from a ``.npy``.

    Raises:
        UserError: no such file, or another number of faces.
    """
    values = load_npy(data, where).ravel()
    if values.dtype.kind not in "fiu" or len(values) != count or not np.isfinite(values).all():
        raise UserError(
            f"{where}: expected the yaws of {count} faces, found {values.dtype} {values.shape}; get it again"
        )
    return values.astype(np.float64)


def load_npy(data: bytes, where: str) -> np.ndarray:
    """An array kept as ``.npy``.

    Raises:
        UserError: no such file, cut off, or it holds Python objects.
    """
    import io

    try:
        array = np.lib.format.read_array(io.BytesIO(data), allow_pickle=False)
    except Exception as error:  # numpy answers damaged headers with many kinds of exception
        raise UserError(f"{where}: no readable .npy array ({type(error).__name__}); copy it again") from None
    return array


def wrap(yaw: float) -> float:
    """Degrees brought to (-180, 180]."""
    return yaw if -180 < yaw <= 180 or not np.isfinite(yaw) else 180.0 - (180.0 - yaw) % 360.0


def corners(box: np.ndarray) -> np.ndarray:
    """x, y, width, height -> x1, y1, x2, y2."""
    return np.concatenate([box[:2], box[:2] + box[2:]])
