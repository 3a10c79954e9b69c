"""Hooks by pluggy: every ``pfbench_*`` function of a plugin's module is one, and none can break another's."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import pluggy

from parface_bench.registry import hookspecs
from parface_bench.registry.errors import UserError, nearest
from parface_bench.registry.specs import SPEC_TYPES, Spec

if TYPE_CHECKING:
    from parface_bench.registry.catalogue import Catalogue


class _Registrar(list[Spec]):
    """What ``pfbench_register`` is given."""

    def add(self, spec: Spec) -> None:
        """Declare a plugin."""
        if type(spec) not in SPEC_TYPES.values():
            raise TypeError(f"not a plugin specification: {spec!r}")
        self.append(spec)


class HookManager(pluggy.PluginManager):
    """Takes every module-level ``pfbench_*`` function for a hook, as pytest does with ``pytest_*``."""

    def parse_hookimpl_opts(self, plugin: Any, name: str) -> Any:
        opts = super().parse_hookimpl_opts(plugin, name)
        if opts is None and name.startswith("pfbench_") and inspect.isroutine(getattr(plugin, name, None)):
            return pluggy.HookimplOpts(
                wrapper=False, hookwrapper=False, optionalhook=False, tryfirst=False, trylast=False, specname=None
            )
        return opts

    def take(self, key: str, module: Any) -> list[Spec]:
        """Hand a module's hooks to pluggy; what its ``pfbench_register`` declares."""
        if self.is_registered(module):
            return []
        try:
            self.register(module, name=key)
        except pluggy.PluginValidationError as error:  # a hook with arguments that it does not have
            raise UserError("; ".join(str(error).splitlines()[1:])) from error
        callers = self.get_hookcallers(module) or []
        known = [name for name in vars(hookspecs) if name.startswith("pfbench_")]
        try:
            self.check_pending()
        except pluggy.PluginValidationError as error:
            name = next((c.name for c in callers if not c.has_spec()), "")
            raise UserError(f"unknown hook {name!r}{nearest(name, known)}") from error
        registrar = _Registrar()
        if hasattr(module, "pfbench_register"):
            others = [p for p in self.get_plugins() if p is not module]
            self.subset_hook_caller("pfbench_register", others)(registry=registrar)
        return registrar


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
