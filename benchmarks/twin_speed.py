"""How fast the twin is rendered: faces a second, wall clock and per core-second, whole pipeline with JPEG and labels.

    python benchmarks/twin_speed.py [--faces 200] [--size 256] [--workers 2]

On a machine that others use as well, faces per core-second tells more than the wall clock.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from parface_bench.plugins.datasets.palsy_twin import generate


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    args = parser.parse_args()
    generate.compile_renderer()
    with tempfile.TemporaryDirectory() as folder:
        wall, spent = time.perf_counter(), _core_seconds()
        generate.ensure(Path(folder), {"test": args.faces}, image_size=args.size, workers=args.workers)
        wall, spent = time.perf_counter() - wall, _core_seconds() - spent
        made = len(list(Path(folder).glob("test/*.jpg")))
    report = {"faces": made, "size": args.size, "workers": args.workers, "faces/s": round(made / wall, 1)}
    print(json.dumps(report | {"faces/core-second": round(made / spent, 1)}))


def _core_seconds() -> float:
    """Processor time of this process and its finished children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
