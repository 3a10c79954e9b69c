"""Make the twin's splits: in parallel, resumable, the same on every machine."""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import cv2
from filelock import FileLock, Timeout

from parface_bench.data.threads import cores
from parface_bench.home import home
from parface_bench.parent import end_with
from parface_bench.plugins.datasets.palsy_twin import storage
from parface_bench.plugins.datasets.palsy_twin.asset import load_head
from parface_bench.plugins.datasets.palsy_twin.face import PAIRED, draw_face, draw_pair, render_face
from parface_bench.plugins.datasets.palsy_twin.palsy import Palsy
from parface_bench.plugins.datasets.palsy_twin.versions import LATEST, V1, VERSIONS, Version
from parface_bench.progress import Progress
from parface_bench.registry.errors import UserError, WorkError

HEALTHY = "-healthy"  # ends the name of a split whose faces are those of another, every palsy taken away
SIZES = {"train": 4000, "val": 500, "test": 1000, "paired": 500}
LIMITS = {"size": (1, 1_000_000), "image_size": (64, 1024), "seed": (0, 2**31 - 1)}
POLL = 0.2  # seconds between looks at the workers' progress


def check(name: str, value: Any, limit: str) -> int:
    """An option as an integer inside its limits.

    Raises:
        UserError: it is not; the sentence gives the valid range.
    """
    low, high = LIMITS[limit]
    if isinstance(value, bool) or not isinstance(value, int) or not low <= value <= high:
        raise UserError(f"palsy-twin: {name} must be a whole number from {low} to {high}, not {value!r}")
    return value


def facts(seed: int, image_size: int, version: Version = LATEST) -> dict[str, Any]:
    """What decides every face of a set; ``meta.json`` holds it."""
    made_by = {"version": version.name, "renderer": version.renderer, "asset": load_head().checksum}
    return {**made_by, "seed": seed, "image_size": image_size}


def found_facts(root: Path) -> dict[str, Any] | None:
    """The ``meta.json`` of a folder: None where there is none, {} where it cannot be read."""
    try:
        found = json.loads((root / "meta.json").read_text("utf-8"))
    except FileNotFoundError:
        return None
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}


def make_root_v1(seed: int = 0, image_size: int = 256, **_: Any) -> Path:
    """The cache folder of the first version."""
    return make_root(seed, image_size, V1)


def make_root(seed: int = 0, image_size: int = 256, version: Version = LATEST, **_: Any) -> Path:
    """The cache folder of a version, seed and picture size (created; the splits are made when they are read).

    A folder of that name that another version of the renderer made is left alone: the new one lies beside it.
    """
    check("seed", seed, "seed")
    check("image_size", image_size, "image_size")
    name = version.name + (f"-seed{seed}" if seed else "") + (f"-{image_size}px" if image_size != 256 else "")
    root = home() / "palsy-twin" / name
    wanted = facts(seed, image_size, version)
    if found_facts(root) not in (None, wanted):
        digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
        root = root.with_name(f"{name}-{digest[:8]}")
    try:
        root.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise WorkError(f"{root}: cannot be made ({error.strerror}); set PFBENCH_HOME to a writable folder") from error
    return root


def ensure(
    root: Path,
    sizes: Mapping[str, int],
    seed: int = 0,
    image_size: int = 256,
    workers: int | None = None,
    version: Version = LATEST,
) -> None:
    """Make what is missing of the named splits below ``root``, showing progress on stderr.

    Args:
        root: folder of the set.
        sizes: split name -> number of faces; splits that are already as large are left alone.
        seed: of everything random; image_size: side of the pictures in pixels.
        workers: processes (default: one a core).

    Raises:
        UserError: an unknown split, a size outside its range, or a folder made with another version, seed or picture
            size.
        WorkError: the folder cannot be written, the disk is full, or a worker failed.
    """
    check("seed", seed, "seed")
    check("image_size", image_size, "image_size")
    for split, size in sizes.items():
        if split not in storage.LABELS:
            raise UserError(f"palsy-twin has no split {split!r}; it has {', '.join(storage.LABELS)}")
        check(f"the number of {split} faces", size, "size")
    _claim(root, seed, image_size, version)
    if not _missing(root, sizes):
        return
    lock = FileLock(root / ".making.lock")
    try:
        lock.acquire(timeout=0)
    except Timeout:
        print(f"pfbench: another process is making {root}; waiting for it", file=sys.stderr)
        lock.acquire()
    except OSError as error:
        raise WorkError(
            f"{root}: cannot be written ({error.strerror}); set PFBENCH_HOME to a writable folder"
        ) from error
    try:
        for split, size in _missing(root, sizes).items():  # another process may have made them meanwhile
            _make_split(root, split, size, seed, image_size, workers or cores(), version)
    finally:
        lock.release()  # not `with lock`: that would take it twice and let go once


def _missing(root: Path, sizes: Mapping[str, int]) -> dict[str, int]:
    """The splits that have fewer faces than they should, or have lost pictures."""
    missing = {}
    for split, size in sizes.items():
        records = storage.read_records(storage.label_file(root, split))
        if len(records) < size or _lost(root, records):
            missing[split] = size
    return missing


def _lost(root: Path, records: Sequence[Mapping[str, Any]]) -> set[int]:
    """The pieces of finished faces whose picture somebody has removed."""
    there: dict[str, set[str]] = {}
    lost = set()
    for number, record in enumerate(records):
        folder, _, name = str(record["img_path"]).rpartition("/")
        if folder not in there:
            place = root / folder
            there[folder] = {entry.name for entry in os.scandir(place)} if place.is_dir() else set()
        if name not in there[folder]:
            lost.add(number // storage.PART)
    return lost


def _claim(root: Path, seed: int, image_size: int, version: Version) -> None:
    """Write ``meta.json``, or refuse a folder that was made otherwise."""
    wanted, found = facts(seed, image_size, version), found_facts(root)
    if found is None:
        storage.write(root / "meta.json", (json.dumps(wanted, indent=1) + "\n").encode())
    elif found != wanted:
        said = ", ".join(f"{k} {found.get(k)!r} instead of {v!r}" for k, v in wanted.items() if found.get(k) != v)
        raise UserError(f"{root}: this twin was made with {said}; choose another folder or delete this one")


def _make_split(root: Path, split: str, size: int, seed: int, image_size: int, workers: int, version: Version) -> None:
    """Make a split's missing pieces and then its label file."""
    done = storage.read_records(storage.label_file(root, split))
    whole = len(done) // storage.PART
    last = max(-(-size // storage.PART), whole)
    parts = sorted({p for p in _lost(root, done) if p < whole} | set(range(whole, last)))
    todo = [p for p in parts if not storage.part_file(root, split, p).exists()]
    workers = min(workers, len(todo))
    progress = Progress()
    done_before = (len(parts) - len(todo)) * storage.PART
    with progress.task(f"making palsy-twin {split}, faces", len(parts) * storage.PART, done_before):
        if workers <= 1:
            for part in todo:
                make_part(root, split, part, seed, image_size, version)
                progress.advance(storage.PART)
        else:
            _in_parallel(root, split, todo, seed, image_size, workers, version, progress.advance)
    records = []
    for part in range(last):
        at = part * storage.PART
        made = part in parts
        records += storage.read_records(storage.part_file(root, split, part)) if made else done[at : at + storage.PART]
    storage.write_records(storage.label_file(root, split), records)
    for part in parts:
        storage.part_file(root, split, part).unlink(missing_ok=True)


def make_part(root: Path, split: str, part: int, seed: int, image_size: int, version: Version = LATEST) -> None:
    """Make the faces of one piece: pictures first, then its labels."""
    records = []
    for number in range(part * storage.PART, (part + 1) * storage.PART):
        paired = split == PAIRED
        if paired:
            face = draw_pair(seed, number, image_size, version)
        else:
            face = draw_face(seed, split.removesuffix(HEALTHY), number, image_size, version=version)
            face = face.with_palsy(Palsy()) if split.endswith(HEALTHY) else face
        picture, record = render_face(face)
        name = f"{split}/{number:05d}.jpg"
        ok, data = cv2.imencode(".jpg", picture[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, face.photo.quality])
        if not ok:
            raise WorkError(f"{root / name}: opencv cannot encode the picture as JPEG")
        storage.write(root / name, data.tobytes())
        records.append({"img_path": name, **record, **({"pair": number // 2} if paired else {})})
    storage.write_records(storage.part_file(root, split, part), records)


def _in_parallel(
    root: Path,
    split: str,
    todo: list[int],
    seed: int,
    image_size: int,
    workers: int,
    version: Version,
    advance: Callable[[int], None],
) -> None:
    """Share pieces among processes of our own interpreter (started anew: no fork of a process that holds a GPU)."""
    compile_renderer()
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}
    running = []
    for worker in range(workers):
        arguments = [
            version.name,
            str(root),
            split,
            str(seed),
            str(image_size),
            *(str(p) for p in todo[worker::workers]),
        ]
        running.append(
            subprocess.Popen([sys.executable, "-m", __name__, *arguments], env=environment, stderr=subprocess.PIPE)
        )
    waiting = set(todo)
    try:
        while running:
            finished = {p for p in waiting if storage.part_file(root, split, p).exists()}
            waiting -= finished
            advance(len(finished) * storage.PART)
            for process in [p for p in running if p.poll() is not None]:
                running.remove(process)
                if process.returncode != 0:
                    said = (process.stderr.read() if process.stderr else b"").decode(errors="replace").strip()
                    raise WorkError(
                        said.splitlines()[-1] if said else f"a worker making {root} ended with {process.returncode}"
                    )
            time.sleep(POLL)
    finally:
        for process in running:
            process.terminate()
        for process in running:
            process.wait()
    advance(len(waiting) * storage.PART)


def compile_renderer() -> None:
    """Compile the renderer before the workers start, so that they find it in numba's cache."""
    render_face(draw_face(0, "compile", 0, 64))


def main() -> int:
    """A worker: make the given pieces of a split."""
    parser = argparse.ArgumentParser(description=main.__doc__)
    parser.add_argument("version", choices=list(VERSIONS))
    parser.add_argument("root", type=Path)
    parser.add_argument("split", choices=list(storage.LABELS))
    parser.add_argument("seed", type=int)
    parser.add_argument("image_size", type=int)
    parser.add_argument("parts", type=int, nargs="+")
    args = parser.parse_args()
    end_with(os.getppid())
    cv2.setNumThreads(1)
    try:
        for part in args.parts:
            make_part(args.root, args.split, part, args.seed, args.image_size, VERSIONS[args.version])
    except WorkError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
