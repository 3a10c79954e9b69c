"""How much memory and time ``pfbench score`` takes: ``python benchmarks/score_scale.py [--faces 1000000] [--csv]``.

Two Parquet (or CSV) tables of 68 landmarks in 2D are made in a temporary folder, the predictions in another order than
the truth, and scored by the command in a process of its own. Prints its seconds (of the clock and of the processor) and
the peak of its memory, pages of files included.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet

BLOCK = 20_000


def table(path: Path, faces: int, noise: float, form: str) -> None:
    """Faces about one mean shape, moved by ``noise`` pixels; the order of the rows depends on it."""
    rng = np.random.default_rng(1)
    shape = rng.uniform(100, 300, (1, 136))
    order = np.random.default_rng(int(noise)).permutation(faces)
    names = ["id", *(f"{a}{i}" for i in range(68) for a in "xy")]
    schema = pa.schema([pa.field(n, pa.string() if n == "id" else pa.float64()) for n in names])
    writer = pa.csv.CSVWriter(path, schema) if form == "csv" else pa.parquet.ParquetWriter(path, schema)
    with writer:
        for start in range(0, faces, BLOCK):
            rows = order[start : start + BLOCK]
            points = shape + rng.normal(0, 1 + noise, (len(rows), 136))
            columns = [pa.array([f"face-{i:07d}.jpg" for i in rows]), *(pa.array(c) for c in points.T)]
            writer.write_table(pa.Table.from_arrays(columns, schema=schema))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--faces", type=int, default=1_000_000)
    parser.add_argument("--resamples", type=int, default=1000)
    parser.add_argument("--csv", action="store_true")
    parser.add_argument("--out", action="store_true", help="also write errors and measures")
    options = parser.parse_args()
    form = "csv" if options.csv else "parquet"
    with tempfile.TemporaryDirectory() as folder:
        truth, guess = (Path(folder) / f"{name}.{form}" for name in ("truth", "guess"))
        table(truth, options.faces, 0, form)
        table(guess, options.faces, 2, form)
        words = [sys.executable, "-m", "parface_bench.cli.main", "score", "--pred", str(guess), "--gt", str(truth)]
        words += ["--protocol", "300w", "--resamples", str(options.resamples)]
        words += ["--out", str(Path(folder) / "out")] if options.out else []
        start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run(words, check=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        worked = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
        seconds = time.perf_counter() - start
    print(f"{options.faces} faces, {form}: {seconds:.1f} s (processor {worked:.1f} s)")
    print(f"peak memory {after.ru_maxrss / 2**20:.2f} GiB")


if __name__ == "__main__":
    main()
