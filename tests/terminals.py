"""Programs in a pseudo-terminal, and what one sees there."""

from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import sys
import termios
from pathlib import Path

from rich.cells import cell_len

ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
PFBENCH = (sys.executable, "-m", "parface_bench.cli.main")


def in_terminal(columns: int, *words: str, cwd: Path, program: tuple[str, ...] = PFBENCH, **environment: str) -> str:
    """What a program, ``pfbench`` by default, prints in a pseudo-terminal of so many columns, colours included."""
    child, terminal = pty.fork()
    if child == 0:  # pragma: no cover - another program from here on
        os.chdir(cwd)
        # readline sets COLUMNS behind Python's back
        variables = {k: v for k, v in os.environ.items() if k not in ("COLUMNS", "LINES")}
        fcntl.ioctl(0, termios.TIOCSWINSZ, struct.pack("HHHH", 40, columns, 0, 0))
        command = [*program, *words]
        os.execve(command[0], command, {**variables, "TERM": "xterm-256color", **environment})
    read = b""
    while True:
        try:
            part = os.read(terminal, 65536)
        except OSError:  # the other end is closed
            break
        if not part:
            break
        read += part
    os.waitpid(child, 0)
    os.close(terminal)
    return read.decode()


def widest(text: str) -> int:
    """Columns of the longest line."""
    return max(cell_len(line) for line in ESCAPES.sub("", text).replace("\r", "\n").split("\n"))


def screens(text: str) -> list[str]:
    """Every screen that one saw, without colours: cursor up, erase line, return and line feed are carried out."""
    rows: list[str] = [""]
    y = x = 0
    seen: list[str] = []
    for part in re.findall(r"\x1b\[[0-9;?]*[A-Za-z]|[\r\n]|[^\x1b\r\n]+", text):
        if part == "\r":
            x = 0
        elif part == "\n":
            y += 1
            rows += [""] * (y + 1 - len(rows))
        elif part.startswith("\x1b"):
            if part.endswith("A"):
                y -= int(part[2:-1] or 1)
            elif part.endswith("K"):
                rows[y] = ""
        else:
            rows[y] = rows[y][:x].ljust(x) + part + rows[y][x + len(part) :]
            x += len(part)
        seen.append("\n".join(row.rstrip() for row in rows).rstrip())
    return list(dict.fromkeys(seen))
