"""Many processes at one store, one twin and one folder of predictions: everything is kept, nothing is half.

    python benchmarks/campaigns/crowd.py [--recorders 16] [--each 20] [--twins 4] [--predicts 4]

Recorders add their own results to one store; twins make one set in one folder; predicts write into one folder; and as
many processes as there are recorders remember data roots. Prints one line of figures; exit code 1 where one is wrong.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import multiprocessing
import os
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

from kill import digest, prepare, readable  # beside this file


def recorder(place: Path, number: int, each: int) -> None:
    """Record results, some of them under one run id that all of them use."""
    import pandas as pd

    from parface_bench.results.record import record

    errors = pd.DataFrame({"id": ["a"], "nme": [1.0]})
    for i in range(each):
        subsets = {"full": {"n": 1, "NME": {"value": number + i / 1000, "ci95": None}}}
        facts = {"dataset": "300w", "data_fingerprint": "0" * 16, "protocol": "300w", "protocol_version": "1", "n": 1}
        more = {"run_id": "the-same"} if i % 2 else {}
        record({"method": "crowd", **facts, "excluded": [], "subsets": subsets, **more}, errors, place / "store")


def twin(place: Path, number: int, each: int) -> None:
    """Make the same set as the others."""
    from parface_bench.plugins.datasets.palsy_twin import generate, storage

    storage.PART = 4
    generate.ensure(place / "twin", {"test": 12}, image_size=64, workers=1)


def predict(place: Path, number: int, each: int) -> None:
    """Predict the same pictures into the same folder as the others."""
    from parface_bench.predicting.job import Request, run

    run([str(place / "dots")], Request(str(place / "model.pt"), place / "out", "pts", True, "none"))


def remember(place: Path, number: int, each: int) -> None:
    """Remember data roots."""
    from parface_bench.data.roots import remember

    for i in range(each):
        remember(f"set-{number}-{i}", place)


def _quietly(work: Callable[[Path, int, int], None], place: Path, number: int, each: int) -> None:
    os.dup2(os.open(place / f"{work.__name__}-{number}.txt", os.O_WRONLY | os.O_CREAT), 2)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
    work(place, number, each)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    for name, count in (("recorders", 16), ("each", 20), ("twins", 4), ("predicts", 4)):
        parser.add_argument(f"--{name}", type=int, default=count)
    o = parser.parse_args()
    context = multiprocessing.get_context("fork")
    start, wrong = time.monotonic(), list[str]()
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        prepare(place)
        crowd: list[tuple[Callable[..., None], int]] = [
            (recorder, o.recorders), (remember, o.recorders), (twin, o.twins), (predict, o.predicts),
        ]  # fmt: skip
        processes: list[tuple[str, Any]] = []
        for work, count in crowd:
            for number in range(count):
                process = context.Process(target=_quietly, args=(work, place, number, o.each))
                process.start()
                processes.append((f"{work.__name__} {number}", process))
        for name, process in processes:
            process.join(1200)
            if process.exitcode != 0:
                process.kill()
                said = (place / f"{name.replace(' ', '-')}.txt").read_text(errors="replace")[-500:]
                wrong.append(f"{name} ended with {process.exitcode}: {said}")
        kept = list(place.glob("store/*/*/[!.]*/result.json"))
        values = {json.loads(f.read_text())["subsets"]["full"]["NME"]["value"] for f in kept}
        roots = len(json.loads((place / "home" / "data_roots.json").read_text()))
        twin(place / "alone", 0, 0)
        same = digest(*(place / "twin").rglob("*.*jp*g"), *(place / "twin").rglob("*.ljson")) == digest(
            *(place / "alone" / "twin").rglob("*.*jp*g"), *(place / "alone" / "twin").rglob("*.ljson")
        )
        pictures, found = len(list((place / "dots").glob("*.png"))), len(list((place / "out").glob("*.pts")))
        wrong += readable(place / "store") + readable(place / "out") + readable(place / "twin")
        figures = {
            "recorded": f"{len(values)} of {o.recorders * o.each}",
            "remembered": f"{roots} of {o.recorders * o.each}",
            "twin equal to one made alone": same,
            "predicted": f"{found} of {pictures}",
            "table": hashlib.sha256((place / "out" / "predictions.csv").read_bytes()).hexdigest()[:12],
            "wrong": wrong,
            "seconds": round(time.monotonic() - start),
        }
    good = len(values) == roots == o.recorders * o.each and same and found == pictures and not wrong
    print(json.dumps(figures))
    return 0 if good else 1


if __name__ == "__main__":
    raise SystemExit(main())
