"""Files that are written whole or not at all."""

from __future__ import annotations

import os
import resource
import signal
import stat
import subprocess
import sys
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import IO

import pytest

from parface_bench.atomic import write_atomic


@pytest.mark.parametrize("content", ["grüße\n", "grüße\n".encode(), lambda file: file.write("grüße\n".encode())])
def test_text_bytes_and_writers(tmp_path: Path, content: str | bytes | Callable[[IO[bytes]], None]) -> None:
    write_atomic(tmp_path / "a" / "b.txt", content)
    assert (tmp_path / "a" / "b.txt").read_text(encoding="utf-8") == "grüße\n"
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["b.txt"]


def test_a_full_disk_leaves_the_old_file_or_none(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    old.write_text("old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1000, hard))  # as a disk with room for a thousand bytes
    try:
        for path in (old, new):
            with pytest.raises(OSError):
                write_atomic(path, b"x" * 5000)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert {p.name: p.read_text() for p in tmp_path.iterdir()} == {"old": "old"}


def test_a_writer_that_fails_or_is_killed_leaves_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "table.csv"
    path.write_text("old")

    def stop(file: IO[bytes]) -> None:
        file.write(b"half")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomic(path, stop)
    assert [p.name for p in tmp_path.iterdir()] == ["table.csv"]
    code = (
        "import os, signal, sys; from parface_bench.atomic import write_atomic\n"
        "write_atomic(sys.argv[1], lambda f: (f.write(b'half'), f.flush(), os.kill(os.getpid(), signal.SIGKILL)))"
    )
    assert subprocess.run([sys.executable, "-c", code, str(path)], check=False).returncode == -signal.SIGKILL
    assert path.read_text() == "old"
    left = [p for p in tmp_path.iterdir() if p != path]
    assert all(p.match(".*.tmp") for p in left)


def test_links_pipes_and_devices_stay_what_they_are(tmp_path: Path) -> None:
    target, link, pipe = tmp_path / "target", tmp_path / "link", tmp_path / "pipe"
    target.write_text("old")
    link.symlink_to(target)
    write_atomic(link, "new")
    assert link.is_symlink() and target.read_text() == "new"
    os.mkfifo(pipe)
    read: list[str] = []
    reader = threading.Thread(target=lambda: read.append(pipe.read_text()))
    reader.start()
    write_atomic(pipe, "through")
    reader.join(10)
    assert read == ["through"] and stat.S_ISFIFO(pipe.stat().st_mode)
    write_atomic("/dev/null", "nothing")
    assert stat.S_ISCHR(Path("/dev/null").stat().st_mode)


def test_the_longest_name_and_the_usual_permissions(tmp_path: Path) -> None:
    path = tmp_path / ("n" * 255)
    write_atomic(path, "x")
    plain = tmp_path / "plain"
    plain.write_text("x")
    assert path.stat().st_mode == plain.stat().st_mode


def test_readers_never_see_half(tmp_path: Path) -> None:
    path, size = tmp_path / "file", 200_000
    write_atomic(path, bytes(size))
    with ThreadPoolExecutor(4) as pool:
        writing = [pool.submit(write_atomic, path, bytes([i]) * size, flush=False) for i in range(40)]
        while not all(w.done() for w in writing):
            seen = path.read_bytes()
            assert len(seen) == size and len(set(seen)) == 1
    assert [p.name for p in tmp_path.iterdir()] == ["file"]


def test_a_pipe_without_a_reader_is_not_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("parface_bench.atomic.PATIENCE", 0.1)
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(OSError, match="No such device or address"):
        write_atomic(tmp_path / "pipe", "x")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    write_atomic(tmp_path / "pipe", "read me")
    assert os.read(reader, 99) == b"read me"
    os.close(reader)


def test_a_link_to_itself_stays(tmp_path: Path) -> None:
    (tmp_path / "loop").symlink_to(tmp_path / "loop")
    with pytest.raises(OSError, match="symbolic links"):
        write_atomic(tmp_path / "loop", "x")
    assert (tmp_path / "loop").is_symlink() and list(tmp_path.iterdir()) == [tmp_path / "loop"]
