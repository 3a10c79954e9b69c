"""The catalogue of plugins: discovery with pluggy, three ways in, and hooks that cannot break one another."""

from __future__ import annotations

import importlib.util
import sys
import traceback
import zlib
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from functools import partial
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

from parface_bench.registry import hookspecs
from parface_bench.registry.declare import MARK, made, marks
from parface_bench.registry.declared import declared_in
from parface_bench.registry.errors import NameClash, UserError, nearest
from parface_bench.registry.faults import Broken, FailureNotes, prints_to_stderr, sentence
from parface_bench.registry.hooks import HookManager, Hooks
from parface_bench.registry.kind import Kind
from parface_bench.registry.specs import KINDS, PLURALS, SPEC_TYPES, Spec

NOTEBOOK = "__main__"
FILE = "pfbench_plugin_"  # module names of --plugin files begin so


@dataclass(frozen=True)
class _Plugin:
    """What an entry point, a file or a notebook has brought; ``module`` is None where none was imported."""

    owner: str
    specs: tuple[Spec, ...]
    module: Any = None


class Catalogue:
    """All plugins that this process knows. One instance, :data:`parface_bench.registry.catalogue`, serves everybody."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind[Any]] = {name: Kind(name, self) for name in KINDS}
        self.broken: list[Broken] = []
        self._looked = -1  # how much had been declared at the last look
        self._plugins: dict[str, _Plugin] = {}  # by entry point, path of a file, or module of a notebook or script
        self._by_name: dict[str, dict[str, Any]] | None = None
        self._points: list[EntryPoint] | None = None
        self._unread: list[tuple[str, str]] = []  # owners and modules that were only read so far
        self._manager = HookManager(hookspecs.GROUP)
        self._manager.add_hookspecs(hookspecs)

    def __getitem__(self, kind: str) -> Kind[Any]:
        """The plugins of a kind, named in the singular or the plural.

        Raises:
            UserError: no such kind.
        """
        kind = next((name for name, plural in PLURALS.items() if kind == plural), kind)
        if kind not in self.kinds:
            raise UserError(f"unknown kind {kind!r}{nearest(kind, KINDS)}")
        return self.kinds[kind]

    @property
    def hook(self) -> Hooks:
        """Caller of hooks: ``catalogue.hook.pfbench_after_score(result=...)``; one that fails is noted as broken."""
        return Hooks(self)

    def hooks(self, name: str) -> list[tuple[str, Callable[..., list[Any]]]]:
        """``(owner, call)`` for every plugin that has the hook; ``call(**kwargs)`` gives a list of what it returns."""
        self.discover()
        plugins = [impl.plugin for impl in getattr(self._manager.hook, name).get_hookimpls()]
        return [
            (
                self._plugins[str(self._manager.get_name(one))].owner,
                self._manager.subset_hook_caller(name, [p for p in plugins if p is not one]),
            )
            for one in plugins
        ]

    def noting(self, owner: str, where: str = "") -> FailureNotes:
        """A context in which a failure is noted in :attr:`broken` as the owner's fault instead of being raised."""
        return FailureNotes(self.broken, owner, where)

    def specs(self, kind: str) -> dict[str, Any]:
        """All plugins of a kind by name, with what notebooks and scripts have declared since the last look."""
        self.discover()
        self._look_around()
        return self._table()[kind]

    def add(self, spec: Spec) -> None:
        """Take a plugin in; what the same owner added under this name before is replaced.

        Raises:
            NameClash: another owner has declared this name.
        """
        if type(spec) not in SPEC_TYPES.values():
            raise TypeError(f"not a plugin specification: {spec!r}")
        owner = spec.owner or NOTEBOOK
        key = f"added by {owner}"
        before = self._plugins[key].specs if key in self._plugins else ()
        self._admit(
            key, owner, [*(s for s in before if (s.kind, s.name) != (getattr(spec, "kind", ""), spec.name)), spec]
        )

    def discover(self) -> None:
        """Load all entry points, once."""
        if self._points is None:
            points = entry_points(group=hookspecs.GROUP)
            owners = {point: _owner_of(point) for point in points}
            self._points = sorted(points, key=lambda p: (p.name != "builtin", owners[p], p.name))
            for point in self._points:
                with self.noting(owners[point]):
                    self._load_point(owners[point], point)

    def import_all(self) -> None:
        """Import the plugins of others that were only read so far; one that fails is noted in :attr:`broken`.

        The toolkit's own are left: its tests import them, and torch with them.
        """
        self.discover()
        unread, self._unread = self._unread, []
        for owner, module in unread:
            if not module.startswith(f"{__package__.partition('.')[0]}."):
                with self.noting(owner):
                    import_module(module)

    def load_file(self, path: str | Path) -> ModuleType:
        """Load a single-file plugin (``--plugin FILE``); a file that was loaded before is loaded afresh.

        Raises:
            UserError: the file is missing or fails to import, or a name is taken.
        """
        self.discover()
        path = Path(path)
        if not path.is_file():
            raise UserError(f"--plugin {path}: no such file")
        name = f"{FILE}{path.stem}"
        if name in sys.modules and sys.modules[name].__file__ != str(path.resolve()):
            name += f"_{zlib.crc32(bytes(path.resolve())):08x}"
        before = sys.modules.pop(name, None)
        try:
            module, specs = self._import(name, partial(_import_file, name, path.resolve()))
            self._admit(str(path.resolve()), str(path), specs, module)
        except (Exception, SystemExit) as error:
            sys.modules.pop(name, None)
            if before is not None:
                sys.modules[name] = before
            raise UserError(f"--plugin {path}: {sentence(error)}") from error
        return module

    def place_in_files(self, error: BaseException) -> str:
        """``FILE, line N`` of the innermost call in a file that :meth:`load_file` loaded; '' where there is none."""
        calls = reversed(traceback.extract_tb(error.__traceback__))
        return next(
            (f"{c.filename}, line {c.lineno}" for c in calls if str(Path(c.filename).resolve()) in self._plugins), ""
        )

    @contextmanager
    def temporarily(self) -> Iterator[Catalogue]:
        """What is declared or loaded inside is forgotten afterwards, for tests of plugins."""
        self.discover()
        plugins, broken = dict(self._plugins), list(self.broken)
        declared = {name: len(marks(module)) for name, module in sys.modules.items()}
        try:
            yield self
        finally:
            for name, module in list(sys.modules.items()):
                if not self._owned(name):
                    getattr(module, "__dict__", {}).get(MARK, [])[declared.get(name, 0) :] = []
            for key in [k for k, plugin in self._plugins.items() if plugins.get(k) is not plugin]:
                self._forget(key)
            for key in plugins.keys() - self._plugins.keys():
                self._admit(key, plugins[key].owner, plugins[key].specs, plugins[key].module)
            self.broken[:] = broken

    def _load_point(self, owner: str, point: EntryPoint) -> None:
        declared = {} if point.attr else declared_in(point.module)
        module, specs = None, declared.pop(point.module, None)
        if point.module in sys.modules or specs is None or not (specs or declared):
            module, specs = self._import(point.module, point.load)
        elif specs:
            self._unread.append((owner, point.module))
        for name, read in declared.items():
            with self.noting(owner):
                if name in sys.modules or read is None:
                    read = self._import(name, partial(import_module, name))[1]
                else:
                    self._unread.append((owner, name))
                specs += read
        self._admit(f"{owner} {point.name}", owner, specs, module)

    def _import(self, name: str, load: Callable[[], Any]) -> tuple[Any, list[Spec]]:
        """Import a plugin's module: itself, and what its own modules and those that it imported first declare."""
        before = set(sys.modules)
        with prints_to_stderr():
            plugin = load()
        own = [m for m in sys.modules if m == name or m.startswith(f"{name}.")]
        own += [m for m in sys.modules if m not in before and m not in own and not self._owned(m)]
        return plugin, [spec for m in own for spec in marks(sys.modules[m])]

    def _owned(self, module: str) -> bool:
        """Whether a module is a plugin's, and so not looked at for what a notebook or script declares."""
        roots = [point.module for point in self._points or ()]
        return module.startswith(FILE) or any(module == root or module.startswith(f"{root}.") for root in roots)

    def _look_around(self) -> None:
        """Take in what was declared in modules that are no plugin's: a notebook, a script and what it imports."""
        if self._looked == made():  # going through all modules takes a millisecond
            return
        self._looked = made()
        for name, module in list(sys.modules.items()):
            declared = marks(module)
            if not declared or self._owned(name):
                continue
            known = self._plugins.get(name)
            table = self._table()  # what a plugin has declared lazily says so again when its code is imported
            fresh = [
                s for s in declared if not ((old := table[s.kind].get(s.name)) and old.owner != name and _same(old, s))
            ]
            latest = {_label(spec): replace(spec, owner=name) for spec in fresh}
            if tuple(latest.values()) == (known.specs if known is not None else ()):
                continue
            try:
                self._admit(name, name, latest.values())
            except NameClash:
                vars(module)[MARK].pop()
                raise

    def _admit(self, key: str, owner: str, specs: Iterable[Spec], module: Any = None) -> None:
        """Take a plugin in whole, in place of what stood under its key, or leave everything as it was."""
        old = self._forget(key)
        try:
            specs = [*specs, *(self._manager.take(key, module) if module is not None else ())]
            self._plugins[key] = _Plugin(owner, self._checked(owner, specs), module)
            self._by_name = None
        except BaseException:
            self._manager.unregister(name=key) if self._manager.has_plugin(key) else None
            if old is not None:
                self._admit(key, old.owner, old.specs, old.module)
            raise

    def _forget(self, key: str) -> _Plugin | None:
        self._by_name = None
        if self._manager.has_plugin(key):
            self._manager.unregister(name=key)
        return self._plugins.pop(key, None)

    def _checked(self, owner: str, specs: Iterable[Spec]) -> tuple[Spec, ...]:
        """The plugins with their owner's name, each once; those that another one has brought already are left out."""
        found: dict[tuple[str, str], Spec] = {}
        for spec in specs:
            known = self._table()[spec.kind].get(spec.name) or found.get(_label(spec))
            if known is None:
                found[_label(spec)] = replace(spec, owner=owner)
            elif not _same(known, spec) or (known.owner != owner and spec.kind != "layout"):
                who = f"twice by {owner}" if known.owner == owner else f"by both {known.owner} and {owner}"
                raise NameClash(f"{spec.kind} {spec.name!r} is declared {who}: rename one of them")
        return tuple(found.values())

    def _table(self) -> dict[str, dict[str, Any]]:
        if self._by_name is None:
            self._by_name = {kind: {} for kind in KINDS}
            for plugin in self._plugins.values():
                for spec in plugin.specs:
                    self._by_name[spec.kind][spec.name] = spec
        return self._by_name


def _import_file(name: str, path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise UserError("not a Python file (its name must end in .py)")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _label(spec: Spec) -> tuple[str, str]:
    return spec.kind, spec.name


def _same(one: Spec, other: Spec) -> bool:
    """Whether two declarations are of one object, which either of them may give as ``"module:attr"``."""
    if one.kind == "layout":
        return one.load() == other.load()
    targets = [one.target, other.target]
    if any(isinstance(target, str) for target in targets):
        targets = [t if isinstance(t, str) else f"{t.__module__}:{getattr(t, '__qualname__', '')}" for t in targets]
    return targets[0] is targets[1] or (isinstance(targets[0], str) and targets[0] == targets[1])


def _owner_of(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


catalogue = Catalogue()
