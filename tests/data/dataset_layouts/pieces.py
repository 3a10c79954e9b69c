"""What layouts are made of: shapes, pictures, and files of the common kinds."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import cv2
import numpy as np
import scipy.io

Truth = dict[str, dict[str, np.ndarray | None]]
SIZE = (120, 100)


def shape(count: int, seed: int, dims: int = 2) -> np.ndarray:
    """A made-up face [count, dims] in a picture of 120 x 100 pixels, with the 68 points roughly where they belong."""
    rng = np.random.default_rng(seed)
    turn = np.linspace(np.pi, 0, count)
    points = np.stack([60 + 35 * np.cos(turn), 30 + 50 * np.sin(turn)], axis=1)
    if count == 68:
        points[17:27] = np.stack([np.linspace(35, 85, 10), np.full(10, 25.0)], axis=1)
        points[27:36] = np.stack(
            [np.r_[np.full(4, 60.0), np.linspace(52, 68, 5)], np.r_[30:50:4j, np.full(5, 52.0)]], axis=1
        )
        ring = np.linspace(np.pi, -np.pi, 6, endpoint=False)
        for start, x in ((36, 45), (42, 75)):
            points[start : start + 6] = np.stack([x + 7 * np.cos(ring), 33 - 3 * np.sin(ring)], axis=1)
        ring = np.linspace(np.pi, -np.pi, 20, endpoint=False)
        points[48:] = np.stack([60 + 13 * np.cos(ring), 64 - 5 * np.sin(ring)], axis=1)
    points += rng.uniform(-2, 2, points.shape)
    if dims == 3:
        points = np.concatenate([points, rng.uniform(-30, 30, (count, 1))], axis=1)
    return points.round(3)


def picture(file: Path | None = None, suffix: str = ".jpg", seed: int = 0) -> bytes:
    """A picture with something in it, written to ``file`` if one is given."""
    rng = np.random.default_rng(seed)
    coarse = rng.integers(0, 256, (10, 12, 3), dtype=np.uint8)
    image = cv2.resize(coarse, SIZE, interpolation=cv2.INTER_CUBIC)
    data = cv2.imencode(file.suffix if file else suffix, image)[1].tobytes()
    if file:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(data)
    return data


def pts(points: np.ndarray, base: int = 1) -> str:
    """The text of a ``.pts`` file."""
    rows = "\n".join(f"{x:.6f} {y:.6f}" for x, y in points + base)
    return f"version: 1\nn_points:  {len(points)}\n{{\n{rows}\n}}\n"


def put(file: Path, text: str | bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text.encode() if isinstance(text, str) else text)


def tar(file: Path, members: dict[str, bytes]) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    with tarfile.open(file, "w") as archive:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            archive.addfile(info, io.BytesIO(data))


def mat(file: Path, content: dict) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    scipy.io.savemat(file, content)
