"""Where a data set's files lie: the command line, the environment, what was remembered, the original's own ini file."""

from __future__ import annotations

import configparser
import json
import os
from dataclasses import dataclass
from pathlib import Path

from filelock import FileLock

from parface_bench.atomic import write_atomic
from parface_bench.home import home
from parface_bench.limits import expanded
from parface_bench.registry.errors import UserError, WorkError
from parface_bench.registry.specs import DatasetSpec

INI_FILES = (Path("local_config.ini"), Path("..") / "local_config.ini")


@dataclass(frozen=True)
class Root:
    """A data set's folder (or single file), and what named it."""

    path: Path
    said_by: str


def variable(name: str) -> str:
    """The environment variable of a data set: ``PFBENCH_DATA_AFLW2000_3D`` for ``aflw2000-3d``."""
    return "PFBENCH_DATA_" + name.upper().replace("-", "_")


def find_root(spec: DatasetSpec, given: str | Path | None = None) -> Root | None:
    """The first root that is set, in the order of docs/reference/datasets.md; None where nothing is set.

    Raises:
        UserError: the root that is set does not exist (the sentence says what set it).
    """
    root = None
    if given is not None:
        root = Root(Path(given), "--data-root")
    elif os.environ.get(variable(spec.name)):
        root = Root(Path(os.environ[variable(spec.name)]), variable(spec.name))
    elif os.environ.get("PFBENCH_DATA_ROOT") and (Path(os.environ["PFBENCH_DATA_ROOT"]) / spec.name).exists():
        return Root(Path(os.environ["PFBENCH_DATA_ROOT"]) / spec.name, "PFBENCH_DATA_ROOT")
    elif spec.name in remembered():
        root = Root(Path(remembered()[spec.name]), "pfbench data path")
    else:
        root = _from_ini(spec)
    if root is None:
        return None
    path = expanded(root.path)
    if not path.exists():
        raise UserError(f"{path}: the data root of {spec.name!r} (set by {root.said_by}) does not exist; set another")
    return Root(path, root.said_by)


def how_to_set(spec: DatasetSpec) -> str:
    """The sentence for a data set whose root is not set: what to set and how to get the data."""
    get = f"; how to get the data: {spec.how_to_get}" if spec.how_to_get else ""
    return (
        f"data set {spec.name!r}: no root is set; give --data-root DIR, set {variable(spec.name)}, or say "
        f"'pfbench data path {spec.name} DIR' once{get}"
    )


def remembered() -> dict[str, str]:
    """Roots that ``pfbench data path`` remembered, by data set."""
    file = home() / "data_roots.json"
    try:
        roots = json.loads(file.read_text("utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, RecursionError) as error:
        raise UserError(f"{file}: cannot be read ({error}); delete it and set the roots again") from None
    if not isinstance(roots, dict) or not all(isinstance(v, str) for v in roots.values()):
        raise UserError(f"{file}: expected an object of data set -> folder; delete it and set the roots again")
    return roots


def remember(name: str, path: str | Path) -> Path:
    """Remember a data set's root and return it made absolute.

    Raises:
        UserError: there is nothing at this path.
    """
    path = expanded(path).resolve()
    if not path.exists():
        raise UserError(f"{path}: no such folder, so it is not remembered as the root of {name!r}")
    file = home() / "data_roots.json"
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(file.with_name(f".{file.name}.lock")):  # others may be remembering theirs
            write_atomic(file, json.dumps(remembered() | {name: str(path)}, indent=1, sort_keys=True))
    except OSError as error:
        raise WorkError(
            f"{file}: cannot be written ({error.strerror}); set PFBENCH_HOME to a writable folder"
        ) from None
    return path


def _from_ini(spec: DatasetSpec) -> Root | None:
    """A root that the original code's own file names."""
    names = sorted({spec.name, spec.name.replace("-", ""), spec.config_key or spec.name})
    for file in INI_FILES:
        if not file.is_file():
            continue
        paths = read_ini(file)
        for name in names:
            if paths.get(name):
                return Root(file.parent / expanded(paths[name]), f"[Paths] of {file}")
    return None


def read_ini(file: Path) -> dict[str, str]:
    """The paths in a ``local_config.ini``, with ``[Paths]`` above them or, as the original's README has it, without.

    Those that still are ``/path/to/...``, as the file is delivered, are left out.

    Raises:
        UserError: the file is no ini file.
    """
    config = configparser.ConfigParser(interpolation=None, strict=False)
    try:
        text = file.read_text(encoding="utf-8-sig")
        first = next((line for line in map(str.strip, text.splitlines()) if line and line[0] not in "#;"), "[")
        config.read_string(text if first.startswith("[") else f"[Paths]\n{text}", source=str(file))
    except (configparser.Error, UnicodeDecodeError, OSError) as error:
        reason = str(error).splitlines()[0]
        raise UserError(f"{file}: cannot be read as an ini file ({reason}); correct or remove it") from None
    paths = dict(config["Paths"]) if config.has_section("Paths") else {}
    return {name: value for name, value in paths.items() if value and not value.startswith("/path/to/")}


def unread_in_ini() -> list[str]:
    """A sentence for each entry of a ``local_config.ini`` that means nothing here: where models and images go."""
    return [
        f"{file}: {name!r} is not read; say --out {paths[name]}"
        for file in INI_FILES
        if file.is_file() and (paths := read_ini(file))
        for name in ("data", "outputs")
        if paths.get(name)
    ]
