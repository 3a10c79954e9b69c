"""How fast the loader makes 256-pixel crops from JPEG files, against bare OpenCV on the same files and cores.

    python benchmarks/loader.py [--images DIR] [--faces N] [--side PIXELS]

Without --images, photograph-like JPEGs are made in a temporary folder. Both sides take turns, round by round.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
import pandas as pd
import torch

from parface_bench.data.batches.loader import FaceLoader
from parface_bench.data.images.crop import Crop
from parface_bench.data.index import index


def made_pictures(folder: Path, count: int, side: int) -> list[Path]:
    """JPEGs with the spectrum of photographs (smooth shapes and some texture)."""
    rng = np.random.default_rng(0)
    paths = []
    for i in range(count):
        coarse = cv2.resize(rng.uniform(0, 255, (side // 24, side // 24, 3)).astype(np.float32), (side, side))
        fine = cv2.resize(rng.normal(0, 25, (side // 3, side // 3, 1)).astype(np.float32), (side, side))
        path = folder / f"{i:05d}.jpg"
        cv2.imwrite(str(path), np.clip(coarse + fine[..., None], 0, 255).astype(np.uint8))
        paths.append(path)
    return paths


def opened(path: Path) -> np.ndarray:
    """A picture as OpenCV gives it."""
    image = cv2.imread(str(path))
    if image is None:
        raise SystemExit(f"{path}: no readable picture")
    return image


def face_table(paths: list[Path], root: Path) -> pd.DataFrame:
    """An index table with a box of the middle 60 % of each picture."""
    rows = []
    for path in paths:
        height, width = opened(path).shape[:2]
        rows.append(
            (path.relative_to(root).as_posix(), np.array([0.2 * width, 0.2 * height, 0.8 * width, 0.8 * height]))
        )
    frame = index(pd.DataFrame(rows, columns=["image", "bbox"]), image="image", bbox="bbox")
    frame.attrs["root"] = root
    return frame


def seconds(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--images", type=Path)
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--side", type=int, default=450, help="of the pictures that are made")
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as temporary:
        root = options.images or Path(temporary)
        paths = sorted(root.rglob("*.jpg"))[: options.faces] or made_pictures(root, options.faces, options.side)
        frame = face_table(paths, root)
        crop = Crop("given", 256)
        matrices = [crop.matrix(row) for row in frame.itertuples()]
        loader = FaceLoader([frame], crop, 32, cache="off", shuffle=True)
        cached = FaceLoader([frame], crop, 32, cache="memory", shuffle=True)

        def bare() -> None:
            for path, matrix in zip(paths, matrices, strict=True):
                cv2.warpAffine(opened(path), matrix, (256, 256), flags=cv2.INTER_LINEAR)

        ways = {"bare": bare, "loader": lambda: list(loader), "cached": lambda: list(cached)}
        times: dict[str, list[float]] = {name: [] for name in ways}
        for work in ways.values():
            work()
        for _ in range(options.rounds):
            for name, work in ways.items():
                times[name].append(seconds(work))
        median = {name: statistics.median(t) for name, t in times.items()}
        ratios = [b / t for b, t in zip(times["bare"], times["loader"], strict=True)]
        report = {f"{name}_faces_per_second": round(len(paths) / t, 1) for name, t in median.items()}
        report["loader_over_bare"] = round(statistics.median(ratios), 3)
        print(json.dumps(report))


if __name__ == "__main__":
    main()
