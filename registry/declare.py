"""The decorators that declare a plugin beside its code: ``@metric("nme-mouth", unit="%", ...)``.

A decorator leaves its mark in the module where it stands and does nothing else; the catalogue looks at modules. So a
module that fails takes its marks along, one that is loaded again has new ones, and nothing is kept on the side.
"""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from parface_bench.registry.specs import SPEC_TYPES, LayoutSpec, Spec

T = TypeVar("T")
MARK = "__pfbench_plugins__"
_made = 0


def made() -> int:
    """How often a decorator has declared something in this process: the same number as before means nothing new."""
    return _made


def marks(module: Any) -> list[Spec]:
    """What the decorators in a module have declared, in their order."""
    return list(getattr(module, "__dict__", {}).get(MARK, ()))


def make_spec(kind: str, name: str, target: Any, doc: str, facts: Mapping[str, Any]) -> Spec:
    """The specification that a decorator states; the summary defaults to the first line of the docstring.

    Raises:
        TypeError: a fact that plugins of this kind do not have.
        ValueError: a fact that cannot be.
    """
    stated = {"summary": inspect.cleandoc(doc).split("\n", 1)[0].rstrip("."), **facts}
    for key in ("splits", "train_splits", "test_splits", "trained_on"):
        if key in stated:
            given = stated[key]
            stated[key] = (given,) if isinstance(given, str) else tuple(given)
    try:
        return SPEC_TYPES[kind](name=name, target=target, **stated)
    except TypeError as error:
        raise TypeError(f"@{kind}({name!r}): {str(error).split('__init__() ')[-1]}") from None


def make_specs(kind: str, name: str, target: Any, doc: str, facts: Mapping[str, Any]) -> list[Spec]:
    """What a decorator states: the plugin, after the landmark layouts that a data set brings (``layout=``).

    A data set's ``schema`` is the first of its layouts where it is not said.

    Raises:
        TypeError, ValueError: see :func:`make_spec`.
    """
    stated = dict(facts)
    if kind != "dataset" or "layout" not in stated:
        return [make_spec(kind, name, target, doc, stated)]
    given = stated.pop("layout")
    brought = [_layout_spec(name, one) for one in (given if isinstance(given, list | tuple) else [given])]
    return [*brought, make_spec(kind, name, target, doc, {"schema": brought[0].name, **stated})]


def _layout_spec(dataset: str, layout: Any) -> Spec:
    if isinstance(layout, LayoutSpec):
        return layout
    if not hasattr(layout, "points"):
        raise TypeError(f"@dataset({dataset!r}): layout is a Layout or a list of them; name a known one with schema=")
    facts = {"summary": f"{layout.points} landmarks", "reference": layout.reference}
    return make_spec("layout", layout.name, layout, "", {**facts, "points": layout.points})


def _decorator(kind: str) -> Callable[..., Callable[[T], T]]:
    def declare(name: str, **facts: Any) -> Callable[[T], T]:
        def note(target: T) -> T:
            told: dict[str, Any] = {}
            if kind == "method":  # what the class itself says need not be said again
                schema = getattr(target, "schema", "")
                told = {"trainable": hasattr(target, "stages"), "schema": schema if isinstance(schema, str) else ""}
            global _made
            _made += 1
            specs = make_specs(kind, name, target, target.__doc__ or "", {**told, **facts})
            sys._getframe(1).f_globals.setdefault(MARK, []).extend(specs)
            return target

        return note

    declare.__name__ = kind
    declare.__doc__ = f"Declare a {kind} plugin; the keywords are the fields of {SPEC_TYPES[kind].__name__}."
    return declare


dataset = _decorator("dataset")
backbone = _decorator("backbone")
encoder = _decorator("encoder")
decoder = _decorator("decoder")
codec = _decorator("codec")
loss = _decorator("loss")
norm = _decorator("norm")
metric = _decorator("metric")
measure = _decorator("measure")
method = _decorator("method")
