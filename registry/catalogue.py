"""The catalogue of plugins: discovery with pluggy, look-up by kind and name, building through mmengine."""

from __future__ import annotations

import importlib.util
import sys
import traceback
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import cached_property
from importlib.metadata import entry_points
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy

from parface_bench.registry import hookspecs
from parface_bench.registry.declare import DECLARED
from parface_bench.registry.errors import NameClash, UserError, nearest
from parface_bench.registry.specs import KINDS, SPEC_TYPES, BackboneSpec, Spec


@dataclass(frozen=True)
class Broken:
    """A plugin that could not be loaded: who, why, and the traceback for ``pfbench list --verbose``."""

    owner: str
    error: str
    traceback: str


class _Manager(pluggy.PluginManager):
    """Takes every module-level ``pfbench_*`` function for a hook, as pytest does with ``pytest_*``."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        opts = super().parse_hookimpl_opts(plugin, name)
        if opts is None and name.startswith("pfbench_") and callable(getattr(plugin, name, None)):
            return pluggy.HookimplOpts(
                wrapper=False, hookwrapper=False, optionalhook=False, tryfirst=False, trylast=False, specname=None
            )
        return opts


class Kind:
    """The plugins of one kind, by name."""

    def __init__(self, name: str, catalogue: Catalogue) -> None:
        self.name = name
        self._catalogue = catalogue
        self._specs: dict[str, Spec] = {}

    def __iter__(self) -> Iterator[Spec]:
        self._catalogue.discover()
        return iter(sorted(self._specs.values(), key=lambda s: s.name))

    def __contains__(self, name: str) -> bool:
        self._catalogue.discover()
        return name in self._specs

    def names(self) -> list[str]:
        """All names, sorted."""
        return [spec.name for spec in self]

    def spec(self, name: str) -> Any:
        """The facts of a plugin.

        Raises:
            UserError: no such name; the sentence suggests the nearest.
        """
        if name not in self:
            broken = "; a plugin is broken, see 'pfbench list --verbose'" if self._catalogue.broken else ""
            raise UserError(f"unknown {self.name} {name!r}{nearest(name, self._specs)}{broken}")
        return self._specs[name]

    def get(self, name: str) -> Any:
        """The plugin's object (function or class), imported now."""
        return self.spec(name).load()

    def build(self, config: str | dict[str, Any], **kwargs: Any) -> Any:
        """Build from a name or a config ``{"type": NAME, ...}`` through mmengine's registry.

        A backbone name that is not registered is offered to the families (timm).
        """
        config = {"type": config} if isinstance(config, str) else dict(config)
        config.update(kwargs)
        name = config["type"]
        if name not in self:
            for spec in self:
                if isinstance(spec, BackboneSpec) and spec.family and spec.load().knows(name):
                    config.update(type=spec.name, model=name)
                    break
        spec = self.spec(config["type"])
        if spec.name not in self._registry.module_dict:
            self._registry.register_module(name=spec.name, module=spec.load())
        return self._registry.build(config)

    @cached_property
    def _registry(self) -> Any:
        # mmengine imports torch where it is installed, so it is met only when something is built
        from mmengine.registry import Registry

        return Registry(self.name, scope="parface_bench")

    def _add(self, spec: Spec) -> None:
        known = self._specs.get(spec.name)
        if known is not None and known.owner != spec.owner:
            raise NameClash(
                f"{self.name} {spec.name!r} is declared by both {known.owner} and {spec.owner}: rename one of them"
            )
        self._specs[spec.name] = spec
        if "_registry" in self.__dict__:
            self._registry.module_dict.pop(spec.name, None)


class Catalogue:
    """All plugins that this process knows. One instance, :data:`parface_bench.registry.catalogue`, serves everybody."""

    def __init__(self) -> None:
        self.kinds = {name: Kind(name, self) for name in KINDS}
        self.broken: list[Broken] = []
        self._discovered = False
        self._owner = ""
        self._manager = _Manager(hookspecs.GROUP)
        self._manager.add_hookspecs(hookspecs)

    def __getitem__(self, kind: str) -> Kind:
        if kind not in self.kinds:
            raise UserError(f"unknown kind {kind!r}{nearest(kind, KINDS)}")
        return self.kinds[kind]

    @property
    def hook(self) -> Any:
        """pluggy's caller: ``catalogue.hook.pfbench_after_score(result=...)``."""
        self.discover()
        return self._manager.hook

    def add(self, spec: Spec) -> None:
        """Take a plugin in.

        Raises:
            NameClash: another owner has declared this name.
        """
        if type(spec) is not SPEC_TYPES.get(spec.kind):
            raise TypeError(f"not a plugin specification: {spec!r}")
        self.kinds[spec.kind]._add(replace(spec, owner=spec.owner or self._owner or "notebook"))

    def discover(self) -> None:
        """Load all entry points once, and take in what was declared since the last look."""
        if not self._discovered:
            self._discovered = True
            points = sorted(entry_points(group=hookspecs.GROUP), key=lambda p: (p.name != "builtin", p.name))
            for point in points:
                dist = f"{point.dist.name} {point.dist.version}" if point.dist else point.value
                self._load(dist, point.load)
        elif DECLARED:
            self._take_declared()

    def load_file(self, path: str | Path) -> ModuleType:
        """Load a single-file plugin (``--plugin FILE``).

        Raises:
            UserError: the file is missing or fails to import, or a name is taken.
        """
        self.discover()
        path = Path(path)
        if not path.is_file():
            raise UserError(f"--plugin {path}: no such file")

        def load() -> ModuleType:
            name = f"pfbench_plugin_{path.stem}"
            spec = importlib.util.spec_from_file_location(name, path)
            if spec is None or spec.loader is None:
                raise ImportError(f"{path} is not a Python file")
            module = importlib.util.module_from_spec(spec)
            sys.modules[name] = module
            try:
                spec.loader.exec_module(module)
            except BaseException:
                del sys.modules[name]
                raise
            return module

        before = len(self.broken)
        module = self._load(str(path), load)
        if module is None:
            failure = self.broken[before]
            raise UserError(f"--plugin {path}: {failure.error}")
        return module

    def _load(self, owner: str, load: Any) -> ModuleType | None:
        """Load one plugin module whole, or note it as broken and leave nothing of it behind."""
        self._take_declared()
        snapshot = {name: dict(kind._specs) for name, kind in self.kinds.items()}
        module = None
        self._owner = owner
        try:
            module = load()
            if not self._manager.is_registered(module):
                self._manager.register(module)
                self._manager.check_pending()
                impl = getattr(module, "pfbench_register", None)
                if impl is not None:
                    impl(registry=self)
            self._take_declared(owner)
            return module
        except Exception as error:
            DECLARED.clear()
            if module is not None and self._manager.is_registered(module):
                self._manager.unregister(module)
            for name, specs in snapshot.items():
                self.kinds[name]._specs = specs
            self.broken.append(Broken(owner, f"{type(error).__name__}: {error}", traceback.format_exc()))
            return None
        finally:
            self._owner = ""

    def _take_declared(self, owner: str = "") -> None:
        while DECLARED:
            module, spec = DECLARED.pop(0)
            self.add(replace(spec, owner=owner or spec.owner or module))


catalogue = Catalogue()
