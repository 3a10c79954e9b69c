"""Kill pfbench at random moments, let the same command go on, and see that nothing is lost, half or different.

    python benchmarks/campaigns/kill.py --kills 500 --out kill-findings [--only run ...] [--seed 0]

What is killed (SIGKILL): a training run, a bench, a predict, the making of the twin, a recorder, `data path`. They are
forked from a process that has everything imported, so that a kill costs its work only. After each kill every file under
a final name can be read; then the same work is done again until it ends, and its result must equal, bit for bit, that
of a process that nobody disturbed, and stand on the board once. A finding is a folder below OUT; exit code 1 then.
"""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import io
import json
import os
import random
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
DOTS = ROOT / "tests" / "training" / "dots.py"
TINY = ["image_size=32", "train.epochs=4", "train.batch_size=8", "train.validate_every=1", "log.pictures=2",
        "train.augment.none=true", "train.amp=off", "log.every=1"]  # fmt: skip


@dataclass(frozen=True)
class Kind:
    """Work that is killed.

    Attributes:
        work: does it in a folder; going on where it was interrupted.
        outcome: what it must end in, whatever happened on the way.
        weight: share of the kills.
    """

    name: str
    work: Callable[[Path], None]
    outcome: Callable[[Path], Any]
    weight: int


def digest(*files: Path) -> dict[str, str]:
    """Name -> hash of files."""
    return {f.name: hashlib.sha256(f.read_bytes()).hexdigest() for f in sorted(files)}


def measured(file: Path) -> dict[str, Any]:
    """What a result says, without times and names of its run."""
    document = json.loads(file.read_text())
    return {key: document[key] for key in ("method", "dataset", "seed", "config_hash", "data_fingerprint", "subsets")}


def readable(folder: Path) -> list[str]:
    """Files under final names that cannot be read to their end."""
    import pandas as pd
    import yaml
    from PIL import Image

    from parface_bench.methods.checkpoint import load_safely

    readers: dict[str, Callable[[Path], Any]] = {
        ".parquet": pd.read_parquet, ".json": lambda p: json.loads(p.read_text()),
        ".ljson": lambda p: json.loads(p.read_text()),
        ".png": lambda p: Image.open(p).load(), ".jpg": lambda p: Image.open(p).load(), ".pt": load_safely,
        ".pth": load_safely, ".csv": pd.read_csv, ".yaml": lambda p: yaml.safe_load(p.read_text()),
        ".svg": lambda p: p.read_text().rindex("</svg>"), ".md": lambda p: p.read_text()[-1],
    }  # fmt: skip
    wrong = []
    for path in folder.rglob("*"):
        hidden = any(part.startswith(".") for part in path.relative_to(folder).parts)
        if path.is_file() and path.suffix in readers and not hidden:
            try:
                readers[path.suffix](path)
            except Exception as error:
                wrong.append(f"{path.relative_to(folder)}: {type(error).__name__}: {error}")
    return wrong


def _run(folder: Path) -> None:
    import parface_bench as pf

    pf.run("dot-net", "dots", data_root=folder.parent / "dots", out=folder / "runs", store=folder / "store",
           profile="quick", device="cpu", overrides=TINY, seed=1, resume=True)  # fmt: skip


def _run_outcome(folder: Path) -> Any:
    from parface_bench.methods.checkpoint import load_safely

    [checkpoint] = folder.glob("runs/*/*/*/checkpoint.pt")
    [kept] = folder.glob("store/*/*/*/result.json")
    state = load_safely(checkpoint)["state_dict"]
    weights = hashlib.sha256(b"".join(state[key].numpy().tobytes() for key in sorted(state))).hexdigest()
    figures = sorted(p.name for p in checkpoint.parent.glob("figures/*"))
    return weights, measured(kept), figures, digest(checkpoint.parent / "predictions.parquet")


def _bench(folder: Path) -> None:
    from parface_bench.bench.bench import Bench

    options = {"data_root": folder.parent / "dots", "out": folder / "runs", "store": folder / "store",
               "profile": "quick", "device": "cpu", "overrides": [*TINY, "train.epochs=1"]}  # fmt: skip
    work = Bench(methods=["mean-shape", "dot-net"], datasets=["dots"], seeds=1, options=options)
    work.run(lambda line: None)
    work.publish(lambda line: None)


def _bench_outcome(folder: Path) -> Any:
    results = sorted(json.dumps(measured(f), sort_keys=True) for f in folder.glob("store/*/*/*/result.json"))
    return results, (folder / "store" / "leaderboard.html").exists()


def _predict(folder: Path) -> None:
    from parface_bench.predicting.job import Request, run

    run(
        [str(folder.parent / "dots")],
        Request(str(folder.parent / "model.pt"), folder / "out", "pts", True, "none"),
    )


def _predict_outcome(folder: Path) -> Any:
    left = [p.name for p in (folder / "out").iterdir() if p.name.startswith(".")]
    return digest(*(p for p in (folder / "out").rglob("*") if p.suffix in (".csv", ".pts"))), left


def _twin(folder: Path) -> None:
    from parface_bench.plugins.datasets.palsy_twin import generate, storage

    storage.PART = 4
    generate.ensure(folder / "twin", {"test": 12}, image_size=64, workers=1)


def _twin_outcome(folder: Path) -> Any:
    return digest(*folder.rglob("*.jpg"), *folder.rglob("*.ljson"))


def _record(folder: Path) -> None:
    import pandas as pd

    from parface_bench.results.record import find_recorded, record

    errors = pd.DataFrame({"id": [f"f{i}" for i in range(4000)], "nme": [float(i) for i in range(4000)]})
    made = folder / "document.json"
    from parface_bench.atomic import write_atomic
    from parface_bench.results.record import complete

    if not made.exists():
        subsets = {"full": {"n": 4000, "NME": {"value": 3.0, "ci95": [2.0, 4.0]}}}
        facts = {"dataset": "300w", "data_fingerprint": "0" * 16, "protocol": "300w", "protocol_version": "1"}
        document = complete({"method": "a", **facts, "n": 4000, "excluded": [], "subsets": subsets})
        write_atomic(made, json.dumps(document))
    document = json.loads(made.read_text())
    if find_recorded(document, folder / "store") is None:
        record(document, errors, folder / "store")


def _record_outcome(folder: Path) -> Any:
    [kept] = folder.glob("store/*/*/[!.]*/result.json")
    return len(json.loads(kept.read_text())), digest(kept.with_name("errors.parquet"))


def _path(folder: Path) -> None:
    from parface_bench.data.roots import remember

    os.environ["PFBENCH_HOME"] = str(folder / "home")
    for number in range(60):
        remember(f"set{number}", folder)


def _path_outcome(folder: Path) -> Any:
    return len(json.loads((folder / "home" / "data_roots.json").read_text()))


KINDS = [
    Kind("run", _run, _run_outcome, 4),
    Kind("bench", _bench, _bench_outcome, 2),
    Kind("predict", _predict, _predict_outcome, 4),
    Kind("twin", _twin, _twin_outcome, 3),
    Kind("record", _record, _record_outcome, 6),
    Kind("data path", _path, _path_outcome, 4),
]


def forked(kind: Kind, folder: Path, after: float | None) -> tuple[bool, float]:
    """Do the work in a process of its own, killed after so many seconds; (it ended by itself, seconds)."""
    start = time.monotonic()
    pid = os.fork()
    if pid == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        log = os.open(folder / "said.txt", os.O_WRONLY | os.O_CREAT | os.O_APPEND)
        os.dup2(null, 1)
        os.dup2(log, 2)
        code = 1
        try:
            kind.work(folder)
            code = 0
        except BaseException:
            os.write(log, traceback.format_exc().encode())
        os._exit(code)
    while True:
        done, status = os.waitpid(pid, os.WNOHANG)
        spent = time.monotonic() - start
        if done:
            if status:
                said = (folder / "said.txt").read_text(errors="replace")[-2000:]
                raise RuntimeError(f"{kind.name} ended with {os.waitstatus_to_exitcode(status)}: {said}")
            return True, spent
        if after is not None and spent >= after:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            return False, spent
        if spent > 600:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
            raise RuntimeError(f"{kind.name} hangs")
        time.sleep(0.002)


def trial(kind: Kind, folder: Path, whole: Any, seconds: float, rng: random.Random) -> int:
    """Kill once or a few times, go on, compare; the number of kills."""
    folder.mkdir()
    kills = 0
    for _ in range(rng.choice((1, 1, 2, 3))):
        ended, _ = forked(kind, folder, rng.uniform(0, seconds))
        if ended:
            break
        kills += 1
        half = readable(folder)
        if half:
            raise RuntimeError(f"half files after a kill: {half}")
    forked(kind, folder, None)
    outcome = kind.outcome(folder)
    if outcome != whole:
        raise RuntimeError(f"another outcome: {outcome} instead of {whole}")
    half = readable(folder)
    if half:
        raise RuntimeError(f"half files at the end: {half}")
    return kills


def prepare(place: Path) -> None:
    """Everything imported; the data and a model made."""
    import torch

    import parface_bench as pf
    from parface_bench.registry import catalogue

    torch.set_num_threads(1)
    os.environ["PFBENCH_HOME"] = str(place / "home")
    catalogue.load_file(DOTS)
    sys.modules["pfbench_plugin_dots"].make_root(place / "dots")
    made = pf.run("dot-net", "dots", data_root=place / "dots", out=place / "model", store=None, profile="quick",
                  device="cpu", overrides=TINY)  # fmt: skip
    shutil.copy(made.folder / "checkpoint.pt", place / "model.pt")


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=100)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[], choices=[k.name for k in KINDS])
    parser.add_argument("--out", type=Path, default=Path("kill-findings"))
    options = parser.parse_args()
    rng, start = random.Random(options.seed), time.monotonic()
    kinds = [k for k in KINDS if not options.only or k.name in options.only]
    counts = {k.name: {"kills": 0, "trials": 0, "findings": 0} for k in kinds}
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary)
        with contextlib.redirect_stderr(io.StringIO()):
            prepare(place)
        whole = {}
        for kind in kinds:
            (place / f"whole-{kind.name}").mkdir()
            _, seconds = forked(kind, place / f"whole-{kind.name}", None)
            whole[kind.name] = (kind.outcome(place / f"whole-{kind.name}"), seconds)
            print(f"{kind.name}: {seconds:.2f} s undisturbed", flush=True)
        number = 0
        while sum(c["kills"] for c in counts.values()) < options.kills and time.monotonic() - start < options.seconds:
            kind = rng.choices(kinds, [k.weight for k in kinds])[0]
            number += 1
            folder = place / f"{kind.name}-{number}"
            count = counts[kind.name]
            count["trials"] += 1
            try:
                count["kills"] += trial(kind, folder, *whole[kind.name], rng)
            except Exception as error:
                count["kills"] += 1
                count["findings"] += 1
                kept = options.out / folder.name
                shutil.copytree(folder, kept, dirs_exist_ok=True)
                (kept / "finding.txt").write_text(f"{error}\n", errors="replace")
                print(f"FINDING {folder.name}: {str(error)[:300]}", flush=True)
            shutil.rmtree(folder, ignore_errors=True)
            if number % 20 == 0:
                print(json.dumps(counts), flush=True)
    total = {key: sum(c[key] for c in counts.values()) for key in ("kills", "trials", "findings")}
    print(json.dumps({**counts, "total": total, "seconds": round(time.monotonic() - start)}))
    return 1 if total["findings"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
