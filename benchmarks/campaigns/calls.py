"""Call every command with what no user should type, and see that it is answered, not crashed on.

    python benchmarks/campaigns/calls.py --calls 1000 --out call-findings [--seed 0] [--only COMMAND ...] [--seconds N]

The calls are generated from the commands' own parameters, so that a new option is met the night after it came: each
gets numbers, words and files of ``hostile.py`` in turn, alone or two at a time. A call runs in a process that is forked
from one that has everything imported. It must end with exit code 0, 1 or 2 within its time and memory, say a sentence
where that is not 0, show no traceback, no "internal error" and no control character, and change nothing that existed
(but what ``--force`` allows). A finding is a line in OUT/findings.txt; exit code 1 then.
"""

from __future__ import annotations

import argparse
import collections
import contextlib
import json
import os
import random
import resource
import shlex
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent))

import hostile

TIME, MEMORY = 120, 6 << 30  # seconds, bytes of address space beyond what the parent has
SAID = 1 << 20  # bytes of output that are looked at


@dataclass(frozen=True)
class Answer:
    """How a call ended: exit code (negative: a signal, None: it was still running), and what it said."""

    code: int | None
    out: str
    err: str
    seconds: float


@dataclass(frozen=True)
class Parameter:
    """One parameter of a command: ``word`` is its ``--name`` ('' of an argument), at ``place`` among the arguments."""

    word: str
    flag: bool = False
    place: int = -1


def parameters() -> dict[str, list[Parameter]]:
    """Command ("data check") -> its parameters."""
    import typer

    from parface_bench.cli.main import build_app

    found: dict[str, list[Parameter]] = {}

    def walk(command: Any, words: tuple[str, ...]) -> None:
        if hasattr(command, "commands"):
            for name, inner in command.commands.items():
                walk(inner, (*words, name))
            return
        places = iter(range(99))
        found[" ".join(words)] = [
            Parameter("", place=next(places))
            if one.param_type_name == "argument"
            else Parameter(word, flag=bool(one.is_flag))
            for one in command.params
            for word in ([""] if one.param_type_name == "argument" else [one.opts[0], *one.secondary_opts])
            if word not in ("--help", "-h")
        ]

    walk(typer.main.get_command(build_app()), ())
    return found


def calls(good: dict[str, list[str]], files: list[str], count: int, seed: int, only: list[str]) -> Iterator[list[str]]:
    """Hostile calls: every parameter of every command in turn, until there are so many.

    Args:
        good: command -> the words of a call that works, its arguments first.
        files: names of hostile files and folders.
        count: how many.
        seed: of the choice of values.
        only: these commands only; all where empty.
    """
    rng = random.Random(seed)
    known = {name: own for name, own in parameters().items() if not only or name in only}
    missing = [name for name in known if name not in good]
    if missing:
        raise SystemExit(f"hostile.py has no working call of {missing[0]!r}: add one")
    turns = [(name, one) for name, own in known.items() for one in own]
    values: dict[str, list[str]] = {}
    made = 0
    while made < count:
        rng.shuffle(turns)
        for name, one in turns[: count - made]:
            words = [*good[name]]
            for parameter in [one, *rng.sample(known[name], rng.choice((0, 0, 0, 1, 1, 2)))]:
                if parameter.flag:
                    words.append(parameter.word)
                    continue
                left = values.setdefault(parameter.word, [])
                if not left:  # every value once before any comes again
                    left += hostile.values(parameter.word, files)
                    rng.shuffle(left)
                value = left.pop()
                if parameter.place >= 0:
                    words[parameter.place : parameter.place + 1] = [value]
                else:
                    words += [parameter.word, value]
            yield [*name.split(), *words]
            made += 1


def attempt(words: list[str], place: Path, seconds: float = TIME) -> Answer:
    """Run ``pfbench WORDS`` in a process of its own."""
    said = [place / "said.out", place / "said.err"]
    start = time.monotonic()
    sys.stdout.flush()
    pid = os.fork()
    if pid == 0:
        _run(words, place, said)
    status = None
    while status is None and time.monotonic() - start < seconds:
        done, state = os.waitpid(pid, os.WNOHANG)
        status = state if done else None
        time.sleep(0.002)
    if status is None:
        os.killpg(pid, signal.SIGKILL)
        os.waitpid(pid, 0)
    else:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(pid, signal.SIGKILL)  # what it left running
    texts = [file.read_bytes()[:SAID].decode("utf-8", "replace") for file in said]
    code = None if status is None else os.waitstatus_to_exitcode(status)
    return Answer(code, texts[0], texts[1], time.monotonic() - start)


def _run(words: list[str], place: Path, said: list[Path]) -> None:
    """The call itself; never comes back."""
    code = 99
    try:
        os.setsid()
        for number, file in enumerate([Path(os.devnull), *said]):
            handle = os.open(file, os.O_RDONLY if number == 0 else os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
            os.dup2(handle, number)
        sys.stdin, sys.stdout, sys.stderr = (os.fdopen(n, "r" if n == 0 else "w", closefd=False) for n in range(3))
        os.chdir(place / "world" / "work")
        size = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
        resource.setrlimit(resource.RLIMIT_AS, (size + MEMORY, size + MEMORY))
        sys.argv = ["pfbench", *words]
        from parface_bench.cli.main import main

        main()
        code = 0
    except SystemExit as stop:
        code = stop.code if isinstance(stop.code, int) else int(bool(stop.code))
    except BaseException:
        traceback.print_exc()
    with contextlib.suppress(Exception):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)


def state(world: Path) -> dict[str, tuple[Any, ...]]:
    """Everything that there is: name -> kind, size and time."""
    found = {}
    for folder, folders, files in os.walk(world):
        for name in [*folders, *files]:
            path = Path(folder, name)
            stat = path.lstat()
            kept = () if path.is_dir() else (stat.st_size, stat.st_mtime_ns)
            found[str(path)] = (stat.st_mode, stat.st_ino, *kept)
    return found


def tidy(world: Path, before: dict[str, tuple[Any, ...]]) -> list[str]:
    """Remove what a call made; the names of what it changed or removed."""
    now = state(world)
    for path in map(Path, sorted(now.keys() - before.keys())):
        if path.is_dir() and not path.is_symlink():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink(missing_ok=True)
    return [os.path.relpath(path, world) for path, what in before.items() if now.get(path) != what]


def wrong(words: list[str], answer: Answer, changed: list[str]) -> str:
    """What is wrong with an answer, or ''."""
    if answer.code is None:
        return f"still running after {answer.seconds:.0f} s"
    if answer.code not in (0, 1, 2):
        return f"ended with {answer.code}"
    both = answer.out + answer.err
    if "Traceback (most recent" in both or "internal error" in both:
        return "an error of ours"
    answered = answer.code == 1 and answer.out.strip()  # audit, reproduce: what they found
    if answer.code and not answer.err.strip() and not answered:
        return "no sentence"
    if any(c in answer.err for c in "\x1b\x07\x9b"):
        return "a control character"
    if changed and "--force" not in words:
        return f"changed {', '.join(changed[:3])}"
    return ""


def shown(words: list[str]) -> str:
    """A call as a line; very long words are cut."""
    return "pfbench " + " ".join(shlex.quote(w if len(w) < 300 else w[:40] + "...") for w in words)


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=1000)
    parser.add_argument("--seconds", type=float, default=1e9, help="stop after so long")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--patience", type=float, default=TIME, help="seconds that a call may take")
    parser.add_argument("--skip", type=int, default=0, help="leave out so many calls that were made before")
    parser.add_argument("--only", action="append", default=[], metavar="COMMAND")
    parser.add_argument("--out", type=Path, default=Path("call-findings"))
    options = parser.parse_args()
    start, codes, findings = time.monotonic(), collections.Counter[int | None](), 0
    with tempfile.TemporaryDirectory() as temporary:
        place = Path(temporary).resolve()
        good, files = hostile.prepare(place)
        before = state(place / "world")
        for name, words in good.items() if not options.skip else ():
            answer = attempt([*name.split(), *words], place)
            tidy(place / "world", before)
            if answer.code and (not options.only or name in options.only):
                raise SystemExit(f"hostile.py's call of {name!r} does not work any more: {answer.err}")
        for number, words in enumerate(calls(good, files, options.calls, options.seed, options.only)):
            if number < options.skip:
                continue
            if time.monotonic() - start > options.seconds:
                print(f"stopped before call {number}: go on with --skip {number}")
                break
            options.out.mkdir(parents=True, exist_ok=True)
            (options.out / "last.txt").write_text(f"{number}: {shown(words)}\n", errors="backslashreplace")
            answer = attempt(words, place, options.patience)
            changed = tidy(place / "world", before)
            fault = wrong(words, answer, changed)
            before = state(place / "world") if changed else before  # --force may
            codes[answer.code] += 1
            if fault:
                findings += 1
                line = f"{fault}: {shown(words)}: {' '.join(answer.err.split())[-400:]}"
                with (options.out / "findings.txt").open("a", errors="backslashreplace") as kept:
                    kept.write(line + "\n")
                print("FINDING", line.encode("ascii", "backslashreplace").decode(), flush=True)
    total = {"calls": sum(codes.values()), "codes": {str(k): v for k, v in codes.items()}, "findings": findings}
    print(json.dumps({**total, "seconds": round(time.monotonic() - start)}))
    return 1 if findings else 0


if __name__ == "__main__":
    raise SystemExit(main())
