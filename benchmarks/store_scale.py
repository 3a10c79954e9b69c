"""How long ``pfbench leaderboard`` takes over a store of many results, and how much memory.

Copies one recorded document under other ids (methods, data sets, seeds), then prints seconds and peak memory of the
first call, which reads every document and makes the index, and of the second, which uses it; of a page also how long
headless Chromium takes to open it, where Playwright is installed:

    python benchmarks/store_scale.py RESULT_FOLDER [--results 10000] [--datasets 10] [--seeds 5] [--errors] [--out DIR]
        [--format html]
"""

from __future__ import annotations

import argparse
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from parface_bench.results.per_face import per_face
from parface_bench.results.result import Result


def main() -> None:
    """See the module."""
    parser = argparse.ArgumentParser()
    parser.add_argument("result", type=Path, help="folder of one recorded result")
    parser.add_argument("--results", type=int, default=10_000)
    parser.add_argument("--datasets", type=int, default=10)
    parser.add_argument("--seeds", type=int, default=5)
    parser.add_argument("--errors", action="store_true", help="give each result per-face errors of its own")
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
        if args.format == "html" and find_spec("playwright") and shutil.which("chromium"):
            print("opened in", *(f"{opening(out / 'board.html'):.2f}" for _ in range(3)), "s", flush=True)
    finally:
        if args.out is None:
            shutil.rmtree(out)


def fill(store: Path, result: Path, count: int, datasets: int, seeds: int, errors: bool) -> None:
    """Write the copies, each with an error of its own so that there is something to rank."""
    document = json.loads((result / "result.json").read_text(encoding="utf-8"))
    table = pd.read_parquet(result / "errors.parquet") if errors else None
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
        if errors:
            own_errors(folder, document, table, method, number)
        text = json.dumps(document, indent=2)[:-2]
        (folder / "result.json").write_text(f"{text},{rows}" if len(rows) > 1 else f"{text}\n}}", encoding="utf-8")


def own_errors(folder: Path, document: dict[str, Any], table: pd.DataFrame, method: int, number: int) -> None:
    """Write errors that no other result has, and the metrics that follow from them into the document."""
    rng = np.random.default_rng(number)
    factor = (1 + method * 7919 % 1000 / 1e4) * np.exp(rng.normal(0, 0.15, len(table)))
    numeric = [name for name in table if name in ("nme", "gte") or re.fullmatch(r"e\d+", name)]
    table = table.assign(**{name: (table[name] * factor).astype(table[name].dtype) for name in numeric})
    table.to_parquet(folder / "errors.parquet", index=False, compression="zstd")
    rows = document["subsets"]
    wanted = [(subset, metric) for subset, row in rows.items() for metric in row if metric != "n"]
    faces = per_face([Result({**document, "subsets": {}}, folder)], wanted)
    for (subset, metric), numbers in faces.values.items():
        rows[subset][metric]["value"] = float(np.nanmean(numbers))


def opening(page: Path) -> float:
    """Seconds until headless Chromium has loaded a page and run its script."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as p:
        flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
        browser = p.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        seen = browser.new_page()
        start = time.perf_counter()
        seen.goto(page.resolve().as_uri())
        seen.wait_for_selector(".bar.interval")
        seconds = time.perf_counter() - start
        browser.close()
    return seconds


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
