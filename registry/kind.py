"""The plugins of one kind: look-up by name, and building through mmengine's registry."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from parface_bench.registry.errors import NameClash, UserError, nearest
from parface_bench.registry.from_file import options_from_file
from parface_bench.registry.specs import PLURALS, Spec

if TYPE_CHECKING:
    from parface_bench.registry.catalogue import Catalogue


S = TypeVar("S", bound=Spec)


class Kind(Generic[S]):
    """The plugins of one kind, by name; iterating gives their facts, sorted by name."""

    def __init__(self, name: str, catalogue: Catalogue) -> None:
        self.name = name
        self.plural = PLURALS[name]
        self._catalogue = catalogue
        self._specs: dict[str, S] = {}

    def __iter__(self) -> Iterator[S]:
        self._catalogue.discover()
        return iter(sorted(self._specs.values(), key=lambda s: (s.name.lower(), s.name)))

    def __contains__(self, name: str) -> bool:
        self._catalogue.discover()
        return name in self._specs

    def names(self) -> list[str]:
        """All names, sorted."""
        return [spec.name for spec in self]

    def spec(self, name: str) -> S:
        """The facts of a plugin.

        Raises:
            UserError: no such name; the sentence suggests the nearest, and mentions plugins that failed to load.
        """
        if name not in self:
            broken = ", ".join(b.owner for b in self._catalogue.broken)
            also = f"; {broken} could not be loaded, see 'pfbench list --verbose'" if broken else ""
            raise UserError(f"unknown {self.name} {name!r}{nearest(name, self._specs)}{also}")
        return self._specs[name]

    def provider(self, name: str) -> S:
        """The plugin that answers to a name: the one of this name, or the family that knows it (timm, 'FR@t').

        Raises:
            UserError: see :meth:`spec`.
        """
        if name in self:
            return self._specs[name]
        return next((spec for spec in self if spec.provides(name)), None) or self.spec(name)

    def get(self, name: str) -> Any:
        """The plugin's object (function or class), imported now."""
        return self.spec(name).load()

    def build(self, config: str | dict[str, Any], **kwargs: Any) -> Any:
        """Build from a name or a config ``{"type": NAME, ...}`` through mmengine's registry.

        A backbone name that is not registered is offered to the families (timm).

        Raises:
            UserError: unknown name, an option that the plugin does not take or needs, or a missing extra.
        """
        config = {"type": config} if isinstance(config, str) else dict(config)
        config.update(kwargs)
        name = config["type"]
        spec = self.provider(name)
        if spec.name != name:
            config.update(type=spec.name, model=name)
        if spec.name not in self._registry.module_dict:
            self._registry.register_module(name=spec.name, module=spec.load())
        try:
            return self._registry.build(config)
        except ModuleNotFoundError as error:
            if spec.needs:
                raise spec.unusable(error) from error
            raise

    @cached_property
    def _registry(self) -> Any:
        # mmengine imports torch where it is installed, so it is met only when something is built
        from mmengine.registry import Registry

        return Registry(self.name, scope="parface_bench", build_func=self._construct)

    def _construct(self, config: dict[str, Any], registry: Any) -> Any:
        """As mmengine's own ``build_from_cfg``, but errors keep their sentence and options are checked first."""
        options = dict(config)
        name = options.pop("type")
        maker = registry.module_dict[name]
        options = options_from_file(f"{self.name} {name!r}", maker, options)
        _check_options(f"{self.name} {name!r}", maker, options)
        return maker(**options)

    def _add(self, spec: S, *, replace: bool) -> None:
        known = self._specs.get(spec.name)
        if known is not None and self.name == "layout" and known.target is spec.target:
            return  # two data sets of one layout
        if known is not None and known.owner != spec.owner:
            raise NameClash(
                f"{self.name} {spec.name!r} is declared by both {known.owner} and {spec.owner}: rename one of them"
            )
        if known is not None and not replace:
            raise NameClash(f"{self.name} {spec.name!r} is declared twice by {spec.owner}: rename one of them")
        self._specs[spec.name] = spec
        self._forget_built(spec.name)

    def _drop(self, owner: str) -> None:
        for name in [n for n, spec in self._specs.items() if spec.owner == owner]:
            del self._specs[name]
            self._forget_built(name)

    def _restore(self, specs: dict[str, S]) -> None:
        for name in [n for n, spec in self._specs.items() if specs.get(n) is not spec]:
            self._forget_built(name)
        self._specs = dict(specs)

    def _forget_built(self, name: str) -> None:
        if "_registry" in self.__dict__:
            self._registry.module_dict.pop(name, None)


def _check_options(who: str, maker: Callable[..., Any], options: dict[str, Any]) -> None:
    try:
        parameters = inspect.signature(maker).parameters
    except (TypeError, ValueError):  # built in C: it checks for itself
        return
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        known = None
    else:
        known = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    for name in options:
        if known is not None and name not in known:
            raise UserError(f"{who} takes no option {name!r}{nearest(name, known)}")
    for p in parameters.values():
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.default is p.empty and p.name not in options:
            raise UserError(f"{who} needs the option {p.name!r}")
