"""The catalogue of plugins: discovery with pluggy, three ways in, and hooks that cannot break one another."""

from __future__ import annotations

import importlib.util
import inspect
import sys
import traceback
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from parface_bench.registry import hookspecs
from parface_bench.registry.declare import DECLARED
from parface_bench.registry.errors import UserError, nearest
from parface_bench.registry.faults import Broken, Noting, aside, sentence
from parface_bench.registry.kind import Kind
from parface_bench.registry.reading import read_declarations
from parface_bench.registry.specs import KINDS, PLURALS, SPEC_TYPES, Spec

NOTEBOOK = "__main__"


class _Manager(pluggy.PluginManager):
    """Takes every module-level ``pfbench_*`` function for a hook, as pytest does with ``pytest_*``."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        opts = super().parse_hookimpl_opts(plugin, name)
        if opts is None and name.startswith("pfbench_") and inspect.isroutine(getattr(plugin, name, None)):
            return pluggy.HookimplOpts(
                wrapper=False, hookwrapper=False, optionalhook=False, tryfirst=False, trylast=False, specname=None
            )
        return opts


class Hooks:
    """``hooks.pfbench_after_score(result=...)`` calls every plugin's hook and gives the list of what they return."""

    def __init__(self, catalogue: Catalogue) -> None:
        self._catalogue = catalogue

    def __getattr__(self, name: str) -> Callable[..., list[Any]]:
        if name.startswith("_"):
            raise AttributeError(name)

        def call(**kwargs: Any) -> list[Any]:
            found = []
            for owner, hook in self._catalogue.hooks(name):
                with self._catalogue.noting(owner, name):
                    found += hook(**kwargs)
            return found

        return call


class Catalogue:
    """All plugins that this process knows. One instance, :data:`parface_bench.registry.catalogue`, serves everybody."""

    def __init__(self) -> None:
        self.kinds: dict[str, Kind[Any]] = {name: Kind(name, self) for name in KINDS}
        self.broken: list[Broken] = []
        self._discovered = False
        self._owner = ""
        self._owners: dict[int, str] = {}
        self._files: dict[Path, ModuleType] = {}
        self._modules: dict[str, str] = {}
        self._read: list[EntryPoint] = []
        self._manager = _Manager(hookspecs.GROUP)
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
        self.discover()
        return Hooks(self)

    def hooks(self, name: str) -> list[tuple[str, Callable[..., list[Any]]]]:
        """``(owner, call)`` for every plugin that has the hook; ``call(**kwargs)`` gives a list of what it returns."""
        self.discover()
        plugins = [impl.plugin for impl in getattr(self._manager.hook, name).get_hookimpls()]
        return [
            (self._owners[id(one)], self._manager.subset_hook_caller(name, [p for p in plugins if p is not one]))
            for one in plugins
        ]

    def noting(self, owner: str, where: str = "") -> Noting:
        """A context in which a failure is noted in :attr:`broken` as the owner's fault instead of being raised."""
        return Noting(self.broken, owner, where)

    def add(self, spec: Spec) -> None:
        """Take a plugin in.

        Raises:
            NameClash: another owner has declared this name, or the same one twice.
        """
        if type(spec) not in SPEC_TYPES.values():
            raise TypeError(f"not a plugin specification: {spec!r}")
        owner = self._owner or spec.owner or NOTEBOOK
        self.kinds[spec.kind]._add(replace(spec, owner=owner), replace=not self._owner)

    def discover(self) -> None:
        """Load all entry points once, and take in what was declared since the last look."""
        if not self._discovered:
            self._discovered = True
            points = [(_owner_of(p), p) for p in entry_points(group=hookspecs.GROUP)]
            self._modules = {p.module: owner for owner, p in points}
            for owner, point in sorted(points, key=lambda pair: (pair[1].name != "builtin", pair[0], pair[1].name)):
                with self.noting(owner):
                    plain = not point.attr and point.module not in sys.modules
                    specs = read_declarations(point.module) if plain else None
                    self._load(owner, point.load if specs is None else partial(self._take_read, point, specs))
        elif DECLARED and not self._owner:
            self._take_declared()

    def import_all(self) -> None:
        """Import the installed plugins that were only read so far; one that fails is noted in :attr:`broken`."""
        self.discover()
        while self._read:
            point = self._read.pop()
            owner = _owner_of(point)
            with self.noting(owner):
                point.load()
        self._take_declared()

    def load_file(self, path: str | Path) -> ModuleType:
        """Load a single-file plugin (``--plugin FILE``); a file that was loaded before is loaded afresh.

        Raises:
            UserError: the file is missing or fails to import, or a name is taken.
        """
        self.discover()
        path = Path(path)
        if not path.is_file():
            raise UserError(f"--plugin {path}: no such file")
        place = path.resolve()

        def load() -> ModuleType:
            name = f"pfbench_plugin_{path.stem}"
            if name in sys.modules and sys.modules[name].__file__ != str(place):
                name += f"_{zlib.crc32(bytes(place)):08x}"
            spec = importlib.util.spec_from_file_location(name, place)
            if spec is None or spec.loader is None:
                raise UserError("not a Python file (its name must end in .py)")
            before = sys.modules.get(name)
            module = sys.modules[name] = importlib.util.module_from_spec(spec)
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                if before is not None:
                    sys.modules[name] = before
                raise
            return module

        try:
            self._files[place] = self._load(str(path), load, instead_of=self._files.get(place))
        except (Exception, SystemExit) as error:
            raise UserError(f"--plugin {path}: {sentence(error)}") from error
        return self._files[place]

    def place_in_files(self, error: BaseException) -> str:
        """``FILE, line N`` of the innermost call in a file that :meth:`load_file` loaded; '' where there is none."""
        calls = reversed(traceback.extract_tb(error.__traceback__))
        return next((f"{c.filename}, line {c.lineno}" for c in calls if Path(c.filename).resolve() in self._files), "")

    @contextmanager
    def temporarily(self) -> Iterator[Catalogue]:
        """What is declared or loaded inside is forgotten afterwards, for tests of plugins."""
        self.discover()
        specs = {name: dict(kind._specs) for name, kind in self.kinds.items()}
        broken, files, plugins = list(self.broken), dict(self._files), set(self._manager.get_plugins())
        try:
            yield self
        finally:
            DECLARED.clear()
            for plugin in self._manager.get_plugins() - plugins:
                self._manager.unregister(plugin)
            for name, kind in self.kinds.items():
                kind._restore(specs[name])
            self.broken[:], self._files = broken, files

    def _load(self, owner: str, load: Callable[[], Any], instead_of: Any = None) -> Any:
        """Load one plugin module whole; what it had declared before it failed is taken back."""
        self._take_declared()
        snapshot = {name: dict(kind._specs) for name, kind in self.kinds.items()}
        module = None
        self._owner = owner
        try:
            if instead_of is not None:
                self._manager.unregister(instead_of)
                for kind in self.kinds.values():
                    kind._drop(self._owners[id(instead_of)])
            with aside():
                module = load()
            if module is not None and not self._manager.is_registered(module):
                self._owners[id(module)] = owner
                self._register(module)
            self._take_declared()
            return module
        except BaseException:
            DECLARED.clear()
            if module is not None and self._manager.is_registered(module):
                self._manager.unregister(module)
            for name, specs in snapshot.items():
                self.kinds[name]._restore(specs)
            if instead_of is not None:
                self._manager.register(instead_of)
            raise
        finally:
            self._owner = ""

    def _take_read(self, point: EntryPoint, specs: list[Spec]) -> None:
        for spec in specs:
            self.add(spec)
        self._read.append(point)

    def _register(self, module: Any) -> None:
        try:
            self._manager.register(module)
        except pluggy.PluginValidationError as error:  # a hook with arguments that it does not have
            raise UserError("; ".join(str(error).splitlines()[1:])) from error
        callers = self._manager.get_hookcallers(module) or []
        known = [name for name in vars(hookspecs) if name.startswith("pfbench_")]
        try:
            self._manager.check_pending()
        except pluggy.PluginValidationError as error:
            name = next((c.name for c in callers if not c.has_spec()), "")
            raise UserError(f"unknown hook {name!r}{nearest(name, known)}") from error
        if hasattr(module, "pfbench_register"):
            others = [p for p in self._manager.get_plugins() if p is not module]
            self._manager.subset_hook_caller("pfbench_register", others)(registry=self)

    def _take_declared(self) -> None:
        while DECLARED:
            module, spec = DECLARED.pop(0)
            known = self.kinds[spec.kind]._specs.get(spec.name)
            if known is not None and known.target == f"{module}:{getattr(spec.target, '__qualname__', '')}":
                continue  # a lazy plugin's module, imported now, says again what its entry point has said
            self.add(replace(spec, owner=self._modules.get(module, module)))


def _owner_of(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


catalogue = Catalogue()
