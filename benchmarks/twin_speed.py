"""How fast the twin is rendered: faces a second, wall clock and per core-second, whole pipeline with JPEG and labels.

    python benchmarks/twin_speed.py [--faces 200] [--size 256] [--workers 2] [--versions v1 v2]

The versions are timed in turn, twice, and their ratio is printed: on a machine that others use as well, that and the
faces per core-second tell more than the wall clock.
"""

from __future__ import annotations

import argparse
import json
import os
import tempfile
import time
from pathlib import Path

from parface_bench.plugins.datasets.palsy_twin import generate
from parface_bench.plugins.datasets.palsy_twin.versions import VERSIONS


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--faces", type=int, default=200)
    parser.add_argument("--size", type=int, default=256)
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--versions", nargs="+", default=["v2"], choices=list(VERSIONS))
    args = parser.parse_args()
    generate.compile_renderer()
    least: dict[str, float] = {}
    for version in args.versions * 2:
        with tempfile.TemporaryDirectory() as folder:
            wall, spent = time.perf_counter(), _core_seconds()
            made_by = VERSIONS[version]
            generate.ensure(
                Path(folder), {"test": args.faces}, image_size=args.size, workers=args.workers, version=made_by
            )
            wall, spent = time.perf_counter() - wall, _core_seconds() - spent
            made = len(list(Path(folder).glob("test/*.jpg")))
        report = {"version": version, "faces": made, "size": args.size, "workers": args.workers}
        report |= {"faces/s": round(made / wall, 1), "faces/core-second": round(made / spent, 1)}
        print(json.dumps(report))
        least[version] = min(spent / made, least.get(version, spent / made))
    if len(least) > 1:
        first, last = least[args.versions[0]], least[args.versions[-1]]
        print(f"{args.versions[-1]} takes {last / first:.2f} times the processor time of {args.versions[0]}")


def _core_seconds() -> float:
    """Processor time of this process and its finished children."""
    times = os.times()
    return times.user + times.system + times.children_user + times.children_system


if __name__ == "__main__":
    main()
