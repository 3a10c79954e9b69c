"""How long scoring takes: ``python benchmarks/scoring.py [--faces 100000] [--resamples 1000]``.

All metrics of the protocol 'parface' (68 landmarks in 3D) with their bootstrap intervals, and the breakdown by region
and side, on synthetic faces that are made before the clock starts. Prints seconds (of the clock and of the processor,
which a busy machine does not lengthen) and the peak memory of the process.
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np

from parface_bench.scoring import evaluate


def faces(n: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """True landmarks, predictions [n, 68, 3] and yaw [n]; float32 beyond 100,000 faces."""
    rng = np.random.default_rng(seed)
    kind = np.float64 if n <= 100_000 else np.float32
    shape = rng.uniform(-1, 1, size=(1, 68, 3)) * [80.0, 100.0, 60.0]
    truth = np.empty((n, 68, 3), dtype=kind)
    predicted = np.empty((n, 68, 3), dtype=kind)
    for start in range(0, n, 10_000):
        rows = slice(start, min(start + 10_000, n))
        size = (rows.stop - start, 68, 3)
        truth[rows] = 200 + shape + rng.normal(0, 5, size=size)
        predicted[rows] = truth[rows] + rng.normal(0, 1, size=size) * rng.gamma(2, 2, size=(size[0], 1, 1))
    return truth, predicted, rng.uniform(-90, 90, size=n)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=100_000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--yaw", action="store_true", help="also report the three yaw bins")
    options = parser.parse_args()
    truth, predicted, yaw = faces(options.faces)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    start, worked = time.perf_counter(), time.process_time()
    document = evaluate(
        truth, predicted, "parface", yaw=yaw if options.yaw else None, resamples=options.resamples
    ).document
    seconds, worked = time.perf_counter() - start, time.process_time() - worked
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20
    nme = document["subsets"]["full"]["NME"]
    task = f"{options.faces} faces, {len(document['subsets'])} subsets, {options.resamples} resamples"
    print(f"{task}: {seconds:.2f} s (processor {worked:.2f} s)")
    print(f"peak memory {peak:.2f} GiB, of which the faces themselves {before:.2f} GiB; NME {nme}")


if __name__ == "__main__":
    main()
