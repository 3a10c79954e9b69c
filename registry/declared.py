"""What an installed plugin declares, by module: read off the source once and kept until the source changes.

An entry point that names a package stands for all modules below it but their tests.
"""

from __future__ import annotations

import marshal
import os
import re
import sys
import zlib
from collections.abc import Iterable
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from parface_bench.home import home
from parface_bench.registry.reading import Reader, source
from parface_bench.registry.specs import KINDS, SPEC_TYPES, Spec

_DECLARES = re.compile(rf"^@(\w+\.)*\w*({'|'.join(KINDS)})\w*\(", re.MULTILINE)


def declared_in(name: str) -> dict[str, list[Spec] | None]:
    """Declarations of a module and, if it is a package, of those below it that declare anything.

    Returns:
        Module -> specifications with lazy targets; None where the module must be imported to know.
    """
    path = source(name)
    if path is None:
        return {name: None}
    files = {name: path, **_below(name)} if path.name == "__init__.py" else {name: path}
    state = _state([*files.values(), *Path(__file__).parent.glob("*.py")])
    kept = home() / "plugins" / f"{name}-{zlib.crc32(str(path).encode()):08x}-{sys.implementation.cache_tag}"
    found = _load(kept, state)
    if found is not None:
        return found
    reader = Reader(files)
    found = {}
    for module, file in files.items():
        if module == name or _DECLARES.search(file.read_text(encoding="utf-8", errors="replace")):
            found[module] = reader.specs(module)
    _save(kept, state, reader, found)
    return found


def _below(package: str) -> dict[str, Path]:
    """Modules of a package, itself and tests not among them."""
    found = find_spec(package)
    below = {}
    for folder in (found and found.submodule_search_locations) or ():
        for place, folders, files in os.walk(folder):
            folders[:] = sorted(f for f in folders if f.isidentifier() and not f.startswith(("test", "__")))
            parts = Path(place).relative_to(folder).parts
            for file in sorted(files):
                stem = file.removesuffix(".py")
                if stem != file and stem.isidentifier() and not stem.startswith(("test", "conftest")):
                    module = ".".join((package, *parts, *(() if stem == "__init__" else (stem,))))
                    below[module] = Path(place, file)
    return {module: path for module, path in below.items() if module != package}


def _state(files: Iterable[Path]) -> tuple[tuple[str, int, int], ...]:
    stats = [(str(file), file.stat()) for file in files]
    return tuple(sorted((name, stat.st_mtime_ns, stat.st_size) for name, stat in stats))


def _load(kept: Path, state: tuple[Any, ...]) -> dict[str, list[Spec] | None] | None:
    """What was kept, if nothing that it was made of has changed: sources, and which packages are installed."""
    with suppress(OSError, ValueError, EOFError, TypeError, KeyError):
        then = marshal.loads(kept.read_bytes())  # nosec B302 - this user's own cache, written whole by _save
        installed = {n: n in sys.modules or find_spec(n) is not None for n in then["installed"]}
        others = _state(Path(name) for name, _, _ in then["others"])
        if (then["state"], then["others"], then["installed"]) == (state, others, installed):
            return {
                module: None if specs is None else [SPEC_TYPES[kind](**facts) for kind, facts in specs]
                for module, specs in then["found"].items()
            }
    return None


def _save(kept: Path, state: tuple[Any, ...], reader: Reader, found: dict[str, list[Spec] | None]) -> None:
    now = {
        "state": state,
        "others": _state(module.path for module in reader.modules.values()),
        "installed": reader.installed,
        "found": {m: None if specs is None else [(s.kind, vars(s)) for s in specs] for m, specs in found.items()},
    }
    with suppress(OSError, ValueError):  # a folder that cannot be written, a fact that cannot be kept: read again
        kept.parent.mkdir(parents=True, exist_ok=True)
        part = kept.with_name(f"{kept.name}.{os.getpid()}")
        part.write_bytes(marshal.dumps(now))
        part.replace(kept)
