"""Building from a file that a stranger may have made: what its recipe may say, and what must not happen meanwhile.

A checkpoint holds its own weights, so nothing else is ever read for it. Three fences, each enough by itself:
options that would read something are never taken from a file (:func:`options_from_file`); the file may only set what
the plugin declares, as plain values (:func:`plain_values`); and while the method is built, this thread can neither
open a connection or a foreign file nor start a program or unpickle objects (:func:`building_from_file`).
"""

from __future__ import annotations

import inspect
import os
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path
from typing import Any

from parface_bench.registry.errors import UserError

# Options of these names say where to read weights from, in whatever plugin: a file never decides that.
READING = {
    "weights", "pretrained", "checkpoint", "checkpoint_path", "pretrained_cfg", "pretrained_cfg_overlay", "cache_dir",
    "path", "file", "url", "state_dict",
}  # fmt: skip
DEPTH, ENTRIES, LONGEST, LARGEST = 6, 1000, 200, 1 << 20

_active: ContextVar[str] = ContextVar("building_from_file", default="")


@contextmanager
def building_from_file(where: str) -> Iterator[None]:
    """A context in which plugins are built as a file asks; ``where`` names it in messages.

    Raises:
        UserError: something tried to read elsewhere, to connect, to start a program or to unpickle an object.
    """
    import mmengine.registry  # noqa: F401 - what everything is built with; its own import writes a cache of grammars

    _install_hook()
    token = _active.set(where)
    try:
        yield
    finally:
        _active.reset(token)


def being_built_from_file() -> bool:
    """Whether a method is being built as a file asks; such a file may name plugins only, no path of Python's."""
    return bool(_active.get())


@contextmanager
def importing() -> Iterator[None]:
    """A context for the import of a registered plugin's module, which is installed software and may do as it likes."""
    token = _active.set("")
    try:
        yield
    finally:
        _active.reset(token)


def options_from_file(who: str, maker: Callable[..., Any], options: Mapping[str, Any]) -> dict[str, Any]:
    """The options that a file may give a plugin; unchanged where nothing is being built from a file.

    Args:
        who: the plugin, for messages.
        maker: its class or function. ``maker.without_files`` (a mapping) holds what stands in place of options that
            read files; ``maker.file_options`` names what a file may set beyond the signature, where that is open.
        options: as the recipe has them.

    Raises:
        UserError: an option that a file may not set.
    """
    where = _active.get()
    if not where:
        return dict(options)
    instead = dict(getattr(maker, "without_files", {}))
    try:
        signature = set(inspect.signature(maker).parameters)
    except (TypeError, ValueError):
        signature = set()
    allowed = signature | set(getattr(maker, "file_options", ()))
    taken = {}
    for name, value in options.items():
        if name in READING or name in instead:
            continue
        if name not in allowed:
            raise UserError(
                f"{where}: {who} is given the option {name!r}, which a file may not set; make the network from a "
                "recipe of your own and take the file's weights with --from"
            )
        taken[name] = value
    return {**taken, **{name: value for name, value in instead.items() if name in signature}}


def plain_values(value: Any, where: str) -> Any:
    """Settings from a file as plain values: numbers, texts, lists and mappings, of a bounded size; copied.

    Raises:
        UserError: anything else.
    """
    left = [ENTRIES]

    def walk(item: Any, path: str, depth: int) -> Any:
        left[0] -= 1
        if depth > DEPTH or left[0] < 0:
            raise UserError(f"{where}: {path or 'the recipe'} is nested too deep or too long to be a recipe")
        if item is None or isinstance(item, bool):
            return item
        if isinstance(item, (int, float)) and type(item) in (int, float):
            if abs(item) > LARGEST:  # NaN passes, and is refused by whoever takes numbers
                raise UserError(f"{where}: {path}={item!r} is out of any range")
            return item
        if isinstance(item, str):
            if len(item) > LONGEST:
                raise UserError(f"{where}: {path} is a text of {len(item)} characters, too long for a setting")
            return item
        if isinstance(item, (list, tuple)):
            return [walk(one, f"{path}[{i}]", depth + 1) for i, one in enumerate(item)]
        if isinstance(item, Mapping):
            for key in item:
                if not isinstance(key, str) or len(key) > LONGEST:
                    raise UserError(f"{where}: {path or 'the recipe'} has the key {str(key)[:40]!r}, which is no name")
            return {key: walk(one, f"{path}.{key}" if path else key, depth + 1) for key, one in item.items()}
        raise UserError(f"{where}: {path} holds a {type(item).__name__}, which is no setting")

    return walk(value, "", 0)


_hooked = False
_FORBIDDEN = {
    "socket.connect": "to open a connection",
    "socket.getaddrinfo": "to look up an address",
    "socket.sendto": "to send something",
    "urllib.Request": "to ask the network",
    "subprocess.Popen": "to start a program",
    "os.system": "to start a program",
    "os.exec": "to start a program",
    "os.posix_spawn": "to start a program",
    "pickle.find_class": "to unpickle an object",
}
# What Python itself opens when a plugin's module is imported, and numba when it has compiled.
_DEVICES = ("/dev/null", "/dev/urandom", "/dev/random")
_CODE = (".py", ".pyc", ".so", ".pyd", ".nbi", ".nbc")


def _install_hook() -> None:
    global _hooked
    if not _hooked:
        _hooked = True
        sys.addaudithook(_audit)  # cannot be taken out again, so it looks at its context first


def _audit(event: str, arguments: tuple[Any, ...]) -> None:
    where = _active.get()
    if not where:
        return
    if event in _FORBIDDEN:
        raise UserError(f"{where}: refused, since building its method tried {_FORBIDDEN[event]}")
    if event == "open" and isinstance(arguments[0], (str, bytes)) and not _own(os.fsdecode(arguments[0])):
        raise UserError(f"{where}: refused, since building its method tried to open {os.fsdecode(arguments[0])}")


def _own(path: str) -> bool:
    """Whether a file is part of the installed software or of the system."""
    place = os.path.realpath(path)  # /proc/self/cwd leads anywhere
    if place.endswith(_CODE) or place.startswith(("/proc/", "/sys/")) or place in _DEVICES:
        return True
    return any(place.startswith(root + os.sep) for root in _roots())


def _roots() -> list[str]:
    if not _ROOTS:
        here = Path.cwd().resolve()
        found = {os.path.realpath(p) for p in (sys.prefix, sys.base_prefix, *sys.path) if p}
        _ROOTS.extend(root for root in found if root != "/" and Path(root) != here and Path(root) not in here.parents)
    return _ROOTS


_ROOTS: list[str] = []
