"""All that can be said about a plugin without importing it: its facts, its docstring and its options."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Mapping
from dataclasses import fields
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from parface_bench.registry.requirements import install_command, missing
from parface_bench.registry.specs import CODE, Spec


def facts(spec: Spec) -> dict[str, Any]:
    """The plugin's facts as JSON values, ``kind`` first; ``missing`` and ``install`` say what it lacks here."""
    found: dict[str, Any] = {"kind": spec.kind}
    for item in fields(spec):
        if item.name not in CODE:
            found[item.name] = _plain(getattr(spec, item.name))
    found["missing"] = missing(spec)
    found["install"] = install_command(spec) if spec.needs else ""
    return found


def description(spec: Spec) -> dict[str, Any]:
    """``{"doc": docstring, "options": {name: default}, "source": file}`` of a plugin's target, read off its source.

    A default is given as it stands in the source; a required option has None. What cannot be read is left out.
    """
    if isinstance(spec.target, str):
        module, _, attr = spec.target.partition(":")
        try:
            found = find_spec(module)
        except Exception:  # a parent package that does not import; `doctor` reports it
            found = None
        path = Path(found.origin) if found and found.origin else None
    else:
        attr = getattr(spec.target, "__name__", "")
        source = inspect.getsourcefile(inspect.unwrap(spec.target)) if callable(spec.target) else None
        path = Path(source) if source else None
    if path is None or path.suffix != ".py" or not path.is_file():
        return {}
    tree = ast.parse(path.read_text(encoding="utf-8"))
    node = next((n for n in ast.walk(tree) if getattr(n, "name", None) == attr), None)
    said: dict[str, Any] = {"source": str(path)}
    if isinstance(node, ast.FunctionDef | ast.ClassDef):
        said["doc"] = ast.get_docstring(node) or ""
        maker = node if isinstance(node, ast.FunctionDef) else _init(node)
        if maker is not None and spec.kind in ("method", "backbone", "loss", "codec"):
            said["options"] = _options(maker)
    return said


def _init(node: ast.ClassDef) -> ast.FunctionDef | None:
    return next((n for n in node.body if isinstance(n, ast.FunctionDef) and n.name == "__init__"), None)


def _options(node: ast.FunctionDef) -> dict[str, str | None]:
    names = [a.arg for a in node.args.posonlyargs + node.args.args]
    defaults: list[ast.expr | None] = [None] * (len(names) - len(node.args.defaults)) + list(node.args.defaults)
    pairs = list(zip(names, defaults, strict=True))
    pairs += list(zip([a.arg for a in node.args.kwonlyargs], node.args.kw_defaults, strict=True))
    return {name: None if default is None else ast.unparse(default) for name, default in pairs if name != "self"}


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(k): _plain(v) for k, v in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(v) for v in value]
    return value if isinstance(value, str | int | float | bool) or value is None else str(value)
