"""The plugins of one kind: look-up by name, and building through mmengine's registry."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterator
from functools import cached_property
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from parface_bench.registry.errors import UserError, nearest
from parface_bench.registry.from_file import being_built_from_file, options_from_file
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

    @property
    def _specs(self) -> dict[str, S]:
        return self._catalogue.specs(self.name)

    def __iter__(self) -> Iterator[S]:
        return iter(sorted(self._specs.values(), key=lambda s: (s.name.lower(), s.name)))

    def __contains__(self, name: object) -> bool:
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
        for spec in self:
            with self._catalogue.noting(spec.owner, f"{self.name} {spec.name!r}"):
                if spec.provides(name):
                    return spec
        return self.spec(name)

    def get(self, name: str) -> Any:
        """The plugin's object (function or class), imported now."""
        return self.spec(name).load()

    def build(self, config: str | dict[str, Any], **kwargs: Any) -> Any:
        """Build from a name or a config ``{"type": NAME, ...}`` with mmengine's registry.

        A backbone name that is not registered is offered to the families (timm). As in any mmengine config, ``type``
        may also be what was registered with ``registry.register_module`` or a path such as ``torch.nn.HuberLoss``.

        Raises:
            UserError: unknown name, an option that the plugin does not take or needs, or a missing extra.
        """
        config = {"type": config} if isinstance(config, str) else dict(config)
        config.update(kwargs)
        name = config["type"]
        maker = self._elsewhere(name)
        if maker is not None:
            _check_options(f"{self.name} {name!r}", maker, config)
            return self.registry.build(config)
        spec = self.provider(name)
        if spec.name != name:
            config.update(model=name)
        maker = spec.load()
        self.registry.register_module(name=spec.name, module=maker, force=True)
        who = f"{self.name} {spec.name!r}"
        options = options_from_file(who, maker, {key: value for key, value in config.items() if key != "type"})
        _check_options(who, maker, options)
        try:
            return self.registry.build({**options, "type": spec.name})
        except ModuleNotFoundError as error:
            if spec.needs:
                raise spec.unusable(error) from error
            raise

    @cached_property
    def registry(self) -> Any:
        """The ``mmengine.Registry`` of this kind, for configs and modules of mmengine's users."""
        # mmengine imports torch where it is installed, so it is met only when something is built
        from mmengine.registry import Registry

        return Registry(self.name, scope="parface_bench")

    def _elsewhere(self, name: str) -> Any:
        """What mmengine finds under a name that is no plugin's; None where the name is one's, or nobody's."""
        if name in self or not ("." in name or name in self.registry.module_dict) or being_built_from_file():
            return None
        if any(spec.provides(name) for spec in self):
            return None
        try:
            return self.registry.get(name)
        except Exception:  # nothing of this name can be imported: the plugins' own sentence says what is known
            return None


def _check_options(who: str, maker: Callable[..., Any], options: dict[str, Any]) -> None:
    try:
        parameters = inspect.signature(maker).parameters
    except (TypeError, ValueError):  # built in C: it checks for itself
        return
    if any(p.kind is p.VAR_KEYWORD for p in parameters.values()):
        known = None
    else:
        known = [p.name for p in parameters.values() if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
    options = {name: value for name, value in options.items() if name != "type"}
    for name in options:
        if known is not None and name not in known:
            raise UserError(f"{who} takes no option {name!r}{nearest(name, known)}")
    for p in parameters.values():
        if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) and p.default is p.empty and p.name not in options:
            raise UserError(f"{who} needs the option {p.name!r}")


def data_and_split(name: str, split: str | None = None) -> tuple[str, str | None]:
    """``DATASET`` or ``DATASET:SPLIT`` as its parts; ``split`` is one that was given beside it.

    Raises:
        UserError: two different splits were given.
    """
    dataset, colon, own = name.partition(":")
    if colon and not own:
        raise UserError(f"{name!r}: name a split after the colon, or leave the colon out")
    if own and split and own != split:
        raise UserError(f"--dataset {name} names the split {own!r}, --split {split!r}: give one of them")
    return dataset, own or split
