"""How long ``pfbench leaderboard`` takes over a store of many results, and how much memory.

Copies one recorded document under other ids (methods, data sets, seeds), then prints seconds and peak memory of the
first call, which reads every document and makes the index, and of the second, which uses it:

    python benchmarks/store_scale.py RESULT_FOLDER [--results 10000] [--datasets 10] [--seeds 5] [--errors] [--out DIR]
        [--format html]
"""

from __future__ import annotations

import argparse
import json
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path, help="folder of one recorded result")
    parser.add_argument("--results", type=int, default=10_000)
    parser.add_argument("--datasets", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--errors", action="store_true", help="copy the per-face errors too")
    parser.add_argument("--format", default="md")
    parser.add_argument("--out", type=Path, help="keep store, index and output here; an existing store is used again")
    args = parser.parse_args()
    out = args.out or Path(tempfile.mkdtemp())
    if not (out / "store").exists():
        fill(out / "store", args.result, args.results, args.datasets, args.seeds, args.errors)
    try:
        for call in ("first", "second"):
            seconds, mib, size = leaderboard(out, args.format)
            print(f"{call} call: {seconds:.1f} s, {mib:.0f} MiB at most, {size / 1e6:.2f} MB of output", flush=True)
    finally:
        if args.out is None:
            shutil.rmtree(out)


def fill(store: Path, result: Path, count: int, datasets: int, seeds: int, errors: bool) -> None:
    """Write the copies, each with an error of its own so that there is something to rank."""
    document = json.loads((result / "result.json").read_text(encoding="utf-8"))
    full = document["subsets"]["full"]
    value = full["NME"]["value"]
    rows = json.dumps({k: document[k] for k in ("breakdown", "pairs") if k in document}, indent=2)[1:]  # the long part
    document = {k: v for k, v in document.items() if k not in ("breakdown", "pairs")}
    for number in range(count):
        seed, rest = number % seeds, number // seeds
        data, method = rest % datasets, rest // datasets
        document |= {"run_id": f"run-{number}", "seed": seed, "dataset": f"set-{data}", "method": f"method-{method}"}
        full["NME"]["value"] = value * (1 + (method * 7919 % 1000 + seed) / 1e6)
        folder = store / document["dataset"] / document["method"] / document["run_id"]
        folder.mkdir(parents=True)
        text = json.dumps(document, indent=2)[:-2]
        (folder / "result.json").write_text(f"{text},{rows}" if len(rows) > 1 else f"{text}\n}}", encoding="utf-8")
        if errors:
            shutil.copyfile(result / "errors.parquet", folder / "errors.parquet")


def leaderboard(out: Path, form: str) -> tuple[float, float, int]:
    """Seconds, peak memory in MiB and bytes of output of one call in a process of its own."""
    target = out / f"board.{form}"
    command = ["leaderboard", "--store", str(out / "store"), "--format", form, "--out", str(target)]
    start = time.perf_counter()
    subprocess.run(
        [sys.executable, "-m", "parface_bench.cli.main", *command],
        check=True,
        env={**os.environ, "PFBENCH_HOME": str(out / "home")},
        stderr=subprocess.DEVNULL,
    )
    seconds = time.perf_counter() - start
    # the largest of the children so far: the first call may hide a smaller second one, never a larger
    return seconds, resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024, target.stat().st_size


if __name__ == "__main__":
    main()
