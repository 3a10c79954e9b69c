"""Encoding and decoding 32 faces' heatmaps, against plain loops over landmarks in the same process, taking turns.

    python benchmarks/heatmaps.py [--threads N] [--rounds N]

Loops: ``grid`` computes exp over the whole map of each landmark, ``paste`` copies a template into it (as the original
code does), ``blur`` smooths each map with OpenCV and takes its argmax.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from collections.abc import Callable

import cv2
import numpy as np
import torch

from parface_bench.plugins.codecs.gaussian import decode_local_fit, encode_gaussian
from parface_bench.plugins.codecs.parface import decode_parface, encode_parface

FACES, LANDMARKS, SIZE, SIGMA = 32, 68, 128, 7.0


def grid_loop(landmarks: np.ndarray) -> np.ndarray:
    v, u = np.mgrid[:SIZE, :SIZE].astype(np.float32)
    out = np.zeros((*landmarks.shape[:2], SIZE, SIZE), np.float32)
    for face, points in zip(out, landmarks, strict=True):
        for heatmap, (x, y) in zip(face, points, strict=True):
            heatmap[:] = np.exp(-((u - x) ** 2 + (v - y) ** 2) / (2 * SIGMA**2))
    return out


def paste_loop(landmarks: np.ndarray) -> np.ndarray:
    side = int(5 * SIGMA)
    profile = np.exp(-((np.arange(side) - (side + 1) // 2) ** 2) / (2 * SIGMA**2))
    template = np.outer(profile, profile)
    out = np.zeros((*landmarks.shape[:2], SIZE, SIZE), np.float32)
    for face, points in zip(out, landmarks, strict=True):
        for heatmap, (x, y) in zip(face, points, strict=True):
            left, top = int(x - side / 2), int(y - side / 2)
            x1, y1, x2, y2 = max(left, 0), max(top, 0), min(left + side, SIZE), min(top + side, SIZE)
            heatmap[y1:y2, x1:x2] = template[y1 - top : y2 - top, x1 - left : x2 - left]
    return out


def blur_loop(heatmaps: np.ndarray) -> np.ndarray:
    smooth = heatmaps.copy()
    out = np.zeros((*heatmaps.shape[:2], 2))
    for i, face in enumerate(smooth):
        for k in range(len(face)):
            face[k] = cv2.blur(face[k], (9, 9), borderType=cv2.BORDER_CONSTANT)
            out[i, k] = np.unravel_index(np.argmax(face[k]), face[k].shape)[::-1]
    return out


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=torch.get_num_threads())
    parser.add_argument("--rounds", type=int, default=7)
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    cv2.setNumThreads(options.threads)
    torch.manual_seed(0)
    landmarks = torch.rand(FACES, LANDMARKS, 2) * 100 + 14
    plain = landmarks.numpy()
    maps = encode_gaussian(landmarks, SIZE, SIGMA)
    numbers = maps.numpy()
    ways: dict[str, Callable[[], object]] = {
        "encode": lambda: encode_gaussian(landmarks, SIZE, SIGMA),
        "encode_parface": lambda: encode_parface(landmarks, SIZE, SIGMA),
        "grid_loop": lambda: grid_loop(plain),
        "paste_loop": lambda: paste_loop(plain),
        "decode_smoothed": lambda: decode_parface(maps),
        "blur_loop": lambda: blur_loop(numbers),
        "decode_local_fit": lambda: decode_local_fit(maps, sigma=SIGMA),
    }
    times: dict[str, list[float]] = {name: [] for name in ways}
    for work in ways.values():
        work()
    for _ in range(options.rounds):
        for name, work in ways.items():
            start = time.perf_counter()
            work()
            times[name].append(time.perf_counter() - start)
    median = {name: statistics.median(t) for name, t in times.items()}
    report: dict[str, float] = {f"{name}_ms": round(t * 1e3, 1) for name, t in median.items()}
    for name, fast, slow in (
        ("encode_over_grid_loop", "encode", "grid_loop"),
        ("encode_over_paste_loop", "encode", "paste_loop"),
        ("decode_over_blur_loop", "decode_smoothed", "blur_loop"),
    ):
        report[name] = round(statistics.median(s / f for s, f in zip(times[slow], times[fast], strict=True)), 1)
    print(json.dumps(report))


if __name__ == "__main__":
    main()
