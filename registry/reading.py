"""Reading the declarations of an installed plugin off its source, so that listing it does not import it (and torch).

Only a module that plainly does nothing but declare is read: imports, constants, functions and classes, with literal
facts in the decorators, and no hooks. Anything else is imported as usual. A module that names a package which is not
installed is imported too, so that it is reported as broken.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from parface_bench.registry.declare import make_spec
from parface_bench.registry.specs import KINDS, Spec

HOMES = ("parface_bench", "parface_bench.registry", "parface_bench.registry.declare")
PLAIN = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)


class _Unread(Exception):
    """The module must be imported to know what it declares."""


def read_declarations(module: str) -> list[Spec] | None:
    """What a module declares with the decorators, with lazy targets; None where it must be imported to know."""
    try:
        found = find_spec(module)
        if found is None or not found.origin or not found.origin.endswith(".py"):
            return None
        tree = ast.parse(Path(found.origin).read_text(encoding="utf-8"))
        _check_plain(tree)
        return list(_declarations(tree, module)) or None
    except Exception:  # whatever is wrong with it shows, with its traceback, when it is imported
        return None


def _check_plain(tree: ast.Module) -> None:
    for number, node in enumerate(tree.body):
        if isinstance(node, PLAIN):
            _check_imports(node)
        elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            ast.literal_eval(node.value)
        elif not (number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)):
            raise _Unread
        if isinstance(node, ast.FunctionDef) and node.name.startswith("pfbench_"):
            raise _Unread


def _check_imports(node: ast.stmt) -> None:
    names = []
    if isinstance(node, ast.Import):
        names = [alias.name for alias in node.names]
    elif isinstance(node, ast.ImportFrom):
        if any(alias.name.startswith("pfbench_") or alias.name == "*" for alias in node.names):
            raise _Unread
        names = [node.module] if node.module and not node.level else []
    for name in names:
        top = name.split(".")[0]
        if top not in sys.modules and find_spec(top) is None:
            raise _Unread


def _declarations(tree: ast.Module, module: str) -> Iterator[Spec]:
    decorators: dict[str, str] = {}
    packages: set[str] = set()
    for node in tree.body:
        if isinstance(node, ast.ImportFrom) and node.module in HOMES and not node.level:
            decorators |= {a.asname or a.name: a.name for a in node.names if a.name in KINDS}
        elif isinstance(node, ast.Import):
            packages |= {a.asname or a.name for a in node.names if a.name in HOMES}
    for node in tree.body:
        if not isinstance(node, ast.FunctionDef | ast.ClassDef):
            continue
        for call in node.decorator_list:
            kind = _kind(call, decorators, packages)
            if kind:
                assert isinstance(call, ast.Call)
                (name,) = (ast.literal_eval(a) for a in call.args)
                facts = {str(k.arg): ast.literal_eval(k.value) for k in call.keywords}
                told = _told_by_class(node) if kind == "method" else {}
                doc = ast.get_docstring(node) or ""
                yield make_spec(kind, name, f"{module}:{node.name}", doc, {**told, **facts})


def _kind(node: ast.expr, decorators: dict[str, str], packages: set[str]) -> str:
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return decorators.get(node.func.id, "")
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in packages:
            return node.func.attr if node.func.attr in KINDS else ""
    return ""


def _told_by_class(node: ast.FunctionDef | ast.ClassDef) -> dict[str, Any]:
    """What the decorator would ask of the class itself: whether it learns, and its own schema."""
    bases = [ast.unparse(base).split(".")[-1] for base in node.bases] if isinstance(node, ast.ClassDef) else []
    if not set(bases) <= {"Method", "TrainableMethod"}:
        raise _Unread
    told: dict[str, Any] = {"trainable": "TrainableMethod" in bases}
    for line in node.body:
        if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "schema":
            told["schema"] = ast.literal_eval(line.value)
        if isinstance(line, ast.FunctionDef) and line.name == "stages":
            told["trainable"] = True
    return told
