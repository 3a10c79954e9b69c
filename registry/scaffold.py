"""A new plugin from a template: a module that works, a test that passes, and what makes it installable.

The templates are plain Python that runs as it stands; only the names in them are replaced.
"""

from __future__ import annotations

import keyword
import re
import sys
from importlib.resources import files
from importlib.util import find_spec
from pathlib import Path

from parface_bench.registry.catalogue import catalogue
from parface_bench.registry.errors import UserError

NAME, MODULE, CLASS = "example-plugin", "example_plugin", "ExamplePlugin"


def module_name(name: str) -> str:
    """Import name of a plugin's module: ``my-net`` -> ``my_net``, ``3d-net`` -> ``plugin_3d_net``."""
    module = re.sub(r"\W", "_", name).lower()
    return f"plugin_{module}" if module[0].isdigit() or keyword.iskeyword(module) else module


def scaffold(kind: str, name: str, folder: str | Path | None = None) -> list[Path]:
    """Write a plugin skeleton; nothing that exists is touched.

    Args:
        kind: kind of plugin, in the singular or the plural.
        name: its name on the command line.
        folder: where to write it; a new folder called like the plugin by default.

    Returns:
        The files written, the module first.

    Raises:
        UserError: the name is not allowed or taken, one of the files exists already, or the folder cannot be written.
    """
    plugins = catalogue[kind]
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9_-]{0,63}", name):
        raise UserError(
            f"plugin name {name!r}: use letters, digits, '-' and '_', starting with a letter or digit, 64 at most"
        )
    if name in plugins:
        raise UserError(
            f"{plugins.name} {name!r} exists already (from {plugins.spec(name).owner}): choose another name"
        )
    module = module_name(name)
    target = Path(folder) if folder is not None else Path(name)
    if module in sys.stdlib_module_names or _importable(module):
        raise UserError(f"plugin name {name!r}: a module {module!r} is installed already: choose another name")
    if target.exists() and not target.is_dir():
        raise UserError(f"{target} is a file: give another folder with --dir")
    written = {target / _fill(path.name, name): _fill(path.read_text(encoding="utf-8"), name, plugins.name)
               for path in _templates(plugins.name)}  # fmt: skip
    there = [path for path in written if path.exists()]
    if there:
        raise UserError(f"{there[0]} exists already and is left as it is: give another folder with --dir")
    done: list[Path] = []
    try:
        target.mkdir(parents=True, exist_ok=True)
        for path, text in written.items():
            with path.open("x", encoding="utf-8", newline="\n") as file:
                done.append(path)
                file.write(text)
    except OSError as error:
        for path in done:
            path.unlink(missing_ok=True)
        raise UserError(
            f"{error.filename or target}: cannot be written ({error.strerror}); give another folder with --dir"
        ) from error
    return done


def _importable(module: str) -> bool:
    """A module that is found elsewhere than in the working directory."""
    spec = find_spec(module)
    return spec is not None and Path(spec.origin or "").parent.resolve() != Path.cwd()


def _templates(kind: str) -> list[Path]:
    root = Path(str(files("parface_bench.registry"))) / "templates"
    found = [p for folder in (kind, "common") for p in (root / folder).iterdir() if p.is_file()]
    return sorted(found, key=lambda p: (p.suffix != ".py", p.name))


def _fill(text: str, name: str, kind: str = "") -> str:
    camel = "".join(part[:1].upper() + part[1:] for part in re.split(r"[-_]", name))
    camel = camel if camel[0].isalpha() else f"Plugin{camel}"
    replaced = text.replace(NAME, name).replace(MODULE, module_name(name)).replace(CLASS, camel)
    return replaced.replace("example-kind", kind)
