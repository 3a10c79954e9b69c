"""Reading the declarations of an installed plugin off its source, so that listing it does not import it (and torch).

A module that plainly declares is read: imports, constants, functions and classes, with literal facts (or names of the
module's constants) in the decorators, and no hooks. Anything else is imported. A module that names a package which is
not installed is imported too, so that it is reported as broken, unless its declarations say what they need.
"""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator, Mapping
from contextlib import suppress
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from parface_bench.registry.declare import make_spec, make_specs
from parface_bench.registry.specs import CODE, KINDS, Spec

HOMES = ("parface_bench", "parface_bench.registry", "parface_bench.registry.declare")
PLAIN = (ast.Import, ast.ImportFrom, ast.FunctionDef, ast.ClassDef)
# What a fact may be made of; a name stands for a constant of the module.
LITERAL = (ast.Constant, ast.Name, ast.Tuple, ast.List, ast.Set, ast.Dict, ast.Starred, ast.BinOp, ast.UnaryOp,
           ast.JoinedStr, ast.FormattedValue, ast.operator, ast.unaryop, ast.expr_context)  # fmt: skip
_METHODS = {"Method": False, "TrainableMethod": True}


class _Unread(Exception):
    """The module must be imported to know what it declares."""


class Reader:
    """Reads modules by their source, each once.

    Args:
        files: modules whose place is known, so that finding them imports no package above them.

    Attributes:
        modules: those that were read, by name, with others that their facts and base classes led to.
        installed: packages that they import, and whether they are there.
    """

    def __init__(self, files: Mapping[str, Path]) -> None:
        self.files = files
        self.modules: dict[str, _Module] = {}
        self.installed: dict[str, bool] = {}

    def specs(self, name: str) -> list[Spec] | None:
        """What a module declares with the decorators, with lazy targets; None where it must be imported to know."""
        try:
            return self.module(name).specs()
        except Exception:  # whatever is wrong with it shows, with its traceback, when it is imported
            return None

    def module(self, name: str) -> _Module:
        """The source of a module."""
        if name not in self.modules:
            path = self.files.get(name) or source(name)
            if path is None:
                raise _Unread
            self.modules[name] = _Module(self, name, path)
        return self.modules[name]

    def lacks(self, packages: set[str]) -> bool:
        """Whether one of these packages is not installed."""
        for name in packages - self.installed.keys():
            self.installed[name] = name in sys.modules or find_spec(name) is not None
        return not all(self.installed[name] for name in packages)


def source(module: str) -> Path | None:
    """The file of a module, None where it is no Python source."""
    found = find_spec(module)
    return Path(found.origin) if found and found.origin and found.origin.endswith(".py") else None


class _Module:
    """A module's source: its top-level names, and what it declares."""

    def __init__(self, reader: Reader, name: str, path: Path) -> None:
        self.reader, self.name, self.path = reader, name, path
        self.tree = ast.parse(path.read_text(encoding="utf-8"))
        self.names: dict[str, ast.stmt] = {}
        for node in self.tree.body:
            if isinstance(node, ast.FunctionDef | ast.ClassDef):
                self.names[node.name] = node
            elif isinstance(node, ast.ImportFrom):
                self.names |= {alias.asname or alias.name: node for alias in node.names}
            elif isinstance(node, ast.Assign | ast.AnnAssign):
                targets = node.targets if isinstance(node, ast.Assign) else [node.target]
                self.names |= {target.id: node for target in targets if isinstance(target, ast.Name)}

    def specs(self) -> list[Spec]:
        """What the decorators say, in their order.

        Raises:
            _Unread: only importing can tell.
        """
        self._check_plain()
        specs = list(self._declarations())
        if self.reader.lacks(self._imported()) and not (specs and all(spec.needs for spec in specs)):
            raise _Unread
        return specs

    def _check_plain(self) -> None:
        for number, node in enumerate(self.tree.body):
            if isinstance(node, ast.FunctionDef) and node.name.startswith("pfbench_"):
                raise _Unread
            if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                with suppress(_Unread):  # a constant that cannot be is met here, as importing would meet it
                    self._value(node.value, follow=False)
            elif not isinstance(node, PLAIN) and not (
                (number == 0 and isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant))
                or (isinstance(node, ast.If) and ast.unparse(node.test).split(".")[-1] == "TYPE_CHECKING")
            ):
                raise _Unread

    def _imported(self) -> set[str]:
        """Packages that importing the module would import."""
        names: set[str] = set()
        for node in self.tree.body:
            if isinstance(node, ast.Import):
                names |= {alias.name.split(".")[0] for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                if any(alias.name.startswith("pfbench_") or alias.name == "*" for alias in node.names):
                    raise _Unread
                names |= {node.module.split(".")[0]} if node.module and not node.level else set()
        return names

    def _declarations(self) -> Iterator[Spec]:
        decorators: dict[str, str] = {}
        packages: set[str] = set()
        for node in self.tree.body:
            if isinstance(node, ast.ImportFrom) and node.module in HOMES and not node.level:
                decorators |= {a.asname or a.name: a.name for a in node.names if a.name in KINDS}
            elif isinstance(node, ast.Import):
                packages |= {a.asname or a.name for a in node.names if a.name in HOMES}
        for node in self.tree.body:
            if not isinstance(node, ast.FunctionDef | ast.ClassDef):
                continue
            for call in reversed(node.decorator_list):
                kind = _kind(call, decorators, packages)
                if kind:
                    assert isinstance(call, ast.Call)
                    (name,) = map(self._value, call.args)
                    facts: dict[str, Any] = {}
                    for key in call.keywords:
                        facts |= {key.arg: self._fact(key.arg, key.value)} if key.arg else self._value(key.value)
                    told = self._told_by(node) if kind == "method" and "trainable" not in facts else {}
                    doc = ast.get_docstring(node) or ""
                    yield from make_specs(kind, name, f"{self.name}:{node.name}", doc, {**told, **facts})

    def _fact(self, key: str, node: ast.expr) -> Any:
        """A literal fact; one that is an object of the module is named, to be imported when it is used."""
        if key == "layout":
            given = node.elts if isinstance(node, ast.List | ast.Tuple) else [node]
            return [self._layout(one) for one in given]
        try:
            return self._value(node)
        except _Unread:
            if key not in CODE or not isinstance(node, ast.Name):
                raise
            return ":".join(self._origin(node.id))

    def _layout(self, node: ast.expr) -> Spec:
        """The facts of a layout that is named, off its ``Layout(NAME, points=N, ..., reference=...)``."""
        if not isinstance(node, ast.Name):
            raise _Unread
        home, name = self._origin(node.id)
        module = self if home == self.name else self.reader.module(home)
        made = module.names.get(name)
        call = made.value if isinstance(made, ast.Assign | ast.AnnAssign) else None
        if not isinstance(call, ast.Call):
            raise _Unread
        said = dict(zip(("name", "points"), call.args, strict=False))
        said |= {str(k.arg): k.value for k in call.keywords if k.arg in ("name", "points", "reference")}
        facts = {key: module._value(value) for key, value in said.items()}
        facts |= {"summary": f"{facts['points']} landmarks"}
        return make_spec("layout", facts.pop("name"), f"{home}:{name}", "", facts)

    def _value(self, node: ast.expr, follow: bool = True) -> Any:
        """The value of a literal, in which names may stand for constants of this module or of one it imports from."""
        if isinstance(node, ast.Constant):
            return node.value
        parts = list(ast.walk(node))
        if not all(isinstance(part, LITERAL) for part in parts):
            raise _Unread
        names = {part.id: self._named(part.id, follow) for part in parts if isinstance(part, ast.Name)}
        if not names and not any(isinstance(part, ast.Starred | ast.BinOp | ast.JoinedStr) for part in parts):
            return ast.literal_eval(node)
        # LITERAL nodes alone: nothing is called
        return eval(compile(ast.Expression(node), self.name, "eval"), {"__builtins__": {}}, names)  # nosec B307

    def _named(self, name: str, follow: bool) -> Any:
        node = self.names.get(name)
        if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
            return self._value(node.value, follow)
        if isinstance(node, ast.ImportFrom) and follow:
            home, name = self._origin(name)
            return self.reader.module(home)._named(name, follow)
        raise _Unread

    def _origin(self, name: str) -> tuple[str, str]:
        """Module and name that a name of this module stands for."""
        node = self.names.get(name)
        if not isinstance(node, ast.ImportFrom):
            return self.name, name
        if node.level or not node.module:
            raise _Unread
        return node.module, next(a.name for a in node.names if (a.asname or a.name) == name)

    def _told_by(self, node: ast.stmt | None) -> dict[str, Any]:
        """What the decorator would ask of the class itself: whether it learns, and its own schema."""
        told: dict[str, Any] = {"trainable": False}
        if not isinstance(node, ast.ClassDef):
            return told
        for base in map(ast.unparse, node.bases):
            if base.split(".")[-1] in _METHODS:
                told["trainable"] |= _METHODS[base.split(".")[-1]]
            elif base != "object":
                home, name = self._origin(base)
                module = self if home == self.name else self.reader.module(home)
                inherited = module._told_by(module.names[name])
                told = {**inherited, **told, "trainable": told["trainable"] or inherited["trainable"]}
        for line in node.body:
            if isinstance(line, ast.Assign) and ast.unparse(line.targets[0]) == "schema":
                told["schema"] = ast.literal_eval(line.value)
            if isinstance(line, ast.FunctionDef) and line.name == "stages":
                told["trainable"] = True
        return told


def _kind(node: ast.expr, decorators: dict[str, str], packages: set[str]) -> str:
    if isinstance(node, ast.Call):
        if isinstance(node.func, ast.Name):
            return decorators.get(node.func.id, "")
        if isinstance(node.func, ast.Attribute) and ast.unparse(node.func.value) in packages:
            return node.func.attr if node.func.attr in KINDS else ""
    return ""
