"""Feed damaged inputs to every reader and see that nothing but our own errors comes back.

    python benchmarks/campaigns/fuzz.py --inputs 1000000 --out findings [--only NAME ...] [--seconds 3600]

Inputs are mutations of good ones; an input that is answered in a new way (another sentence, numbers left out) becomes a
seed, so that the campaign works its way inwards. Workers are processes of their own: one that dies or hangs costs its
input, which is kept. A finding is a file OUT/TARGET-NUMBER.bin with the traceback beside it; exit code 1 then.
"""

from __future__ import annotations

import argparse
import contextlib
import io
import json
import multiprocessing
import os
import random
import re
import resource
import sys
import time
import traceback
import warnings
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

HANG, MEMORY = 20.0, 6 << 30  # seconds, bytes of a worker's address space beyond what it has at the start
CHUNK = 2000
TOKENS = [b"\0", b"\xff", b"-1", b"1e999", b"nan", b"999999999999", b"[" * 500, b"{", b'"', b"\x1b[2J", b"\xed\xa0\x80",
          b"\xff\xff\xff\x7f", b"\0\0\0\x80", b",", b"\n", b"::", b"../", b"&a *a", b"!!python/object"]  # fmt: skip


def mutated(rng: random.Random, seeds: list[bytes]) -> bytes:
    """One to eight changes of a seed."""
    data = bytearray(rng.choice(seeds))
    for _ in range(rng.choice((1, 1, 1, 2, 3, 5, 8))):
        at = rng.randrange(len(data) + 1)
        kind = rng.randrange(7)
        if kind == 0 and data:
            data[at % len(data)] = rng.randrange(256)
        elif kind == 1 and data:
            data[at % len(data)] ^= 1 << rng.randrange(8)
        elif kind == 2:
            data[at:at] = rng.choice(TOKENS)
        elif kind == 3:
            del data[at : at + rng.choice((1, 2, 4, 16, 200))]
        elif kind == 4:
            data[at : at + 4] = rng.choice(TOKENS)[:4]
        elif kind == 5:
            other = rng.choice(seeds)
            start = rng.randrange(len(other) + 1)
            data[at:at] = other[start : start + rng.choice((4, 16, 64, 400))]
        elif len(data) < 200_000:
            data[at:at] = data[at : at + rng.choice((1, 8, 100))] * rng.choice((1, 2, 50))
    return bytes(data[: rng.choice((len(data), len(data), len(data), rng.randrange(len(data) + 1)))])


def work(name: str, count: int, seed: int, shared: str, pipe: Any, current: str) -> None:
    """A worker: feed a target so often, and say how it went."""
    import cv2
    from targets import targets

    from parface_bench.registry import PfError

    cv2.setNumThreads(1)
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)  # what the picture libraries say of every damaged file
    warnings.simplefilter("ignore")
    target = next(t for t in targets(Path(shared) if shared else None) if t.name == name)
    size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
    rng, seeds, seen, done, findings = random.Random(seed), list(target.seeds), set(), 0, []
    with Path(current).open("wb", buffering=0) as now:
        for number in range(count):
            data = target.seeds[number] if number < len(target.seeds) else mutated(rng, seeds)
            now.seek(0)
            now.truncate()
            now.write(data)
            try:
                with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
                    target.run(data)
                answer = "fine"
            except PfError as error:
                answer = re.sub(r"[\d.]+|'[^']*'", "#", str(error))[:120]
                if any(c in str(error) for c in "\x1b\x07\x9b"):
                    findings.append((data, f"a control character in the sentence: {error!r}"))
            except BaseException:
                findings.append((data, traceback.format_exc()))
                answer = traceback.format_exc().splitlines()[-1][:80]
            if answer not in seen and len(seen) < 500:
                seen.add(answer)
                seeds.append(data[:200_000])
            done += 1
            if done % 200 == 0:
                pipe.send(("at", done))
    pipe.send(("end", done, len(seen), [f for i, f in enumerate(findings) if f[1] not in [g[1] for g in findings[:i]]]))


def campaign(name: str, inputs: int, seed: int, shared: str, out: Path, until: float) -> dict[str, Any]:
    """All inputs of one target, in workers that may die."""
    context = multiprocessing.get_context("fork")
    total = {"target": name, "inputs": 0, "answers": 0, "findings": 0}
    while total["inputs"] < inputs and time.monotonic() < until:
        mine, theirs = context.Pipe(duplex=False)
        current = out / f".{os.getpid()}.now"
        count = min(CHUNK, inputs - total["inputs"])
        arguments = (name, count, seed + total["inputs"], shared, theirs, str(current))
        process = context.Process(target=work, args=arguments)
        process.start()
        theirs.close()
        done, last, ended = 0, time.monotonic(), None
        while ended is None:
            if mine.poll(1.0):
                try:
                    message = mine.recv()
                except EOFError:
                    break
                last = time.monotonic()
                done = message[1]
                ended = message if message[0] == "end" else None
            elif time.monotonic() - last > HANG * 6 or not process.is_alive():
                break
        found = ended[3] if ended else []
        if ended is None:
            process.kill()
            why = "the worker hung" if process.exitcode is None else f"the worker died ({process.exitcode})"
            found = [(current.read_bytes() if current.exists() else b"", why)]
        process.join()
        for data, why in found:
            total["findings"] += 1
            stem = out / f"{re.sub(r'[^a-z]+', '-', name)}-{total['findings']:03d}"
            stem.with_suffix(".bin").write_bytes(data)
            stem.with_suffix(".txt").write_text(why, encoding="utf-8", errors="replace")
        total["inputs"] += max(done, 1)
        total["answers"] = max(total["answers"], ended[2] if ended else 0)
    return total


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--inputs", type=int, default=100_000, help="over all targets")
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--only", action="append", default=[], metavar="TARGET")
    parser.add_argument("--shared", default="", help="folder of example data, for more seeds")
    parser.add_argument("--out", type=Path, default=Path("fuzz-findings"))
    options = parser.parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    from targets import targets

    names = [t.name for t in targets(None) if not options.only or t.name in options.only]
    start, rows = time.monotonic(), []
    for at, name in enumerate(names):
        left = start + options.seconds - time.monotonic()
        until = time.monotonic() + left / (len(names) - at)
        rows.append(campaign(name, options.inputs // len(names), options.seed, options.shared, options.out, until))
        print(json.dumps(rows[-1]), flush=True)
    total = {key: sum(row[key] for row in rows) for key in ("inputs", "findings")}
    print(json.dumps({**total, "seconds": round(time.monotonic() - start)}))
    return 1 if total["findings"] else 0


if __name__ == "__main__":
    raise SystemExit(main())
