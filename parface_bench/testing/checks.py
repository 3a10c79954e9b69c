"""What every plugin must keep to: facts stated, documented, picklable, and the right shapes out of the right inputs."""

from __future__ import annotations

import inspect
import json
import pickle
from collections.abc import Callable
from typing import Any
from unittest import SkipTest

from parface_bench.registry import DatasetSpec, LayoutSpec, MethodSpec, Spec, catalogue
from parface_bench.registry.facts import facts
from parface_bench.registry.requirements import install_command, missing
from parface_bench.testing import behaviour

Check = Callable[..., None]


def check_facts(spec: Spec, **given: Any) -> None:
    """The facts that users decide by are there: summary, reference, licence, origin."""
    assert spec.summary, f"{_who(spec)} has no summary: say in one line what it is"
    assert len(spec.summary) <= 120, f"{_who(spec)}: its summary is longer than 120 characters"
    assert "\n" not in spec.summary, f"{_who(spec)}: its summary must be one line"
    assert spec.reference, f"{_who(spec)} has no reference: name the paper, the address or 'this project'"
    assert spec.owner, f"{_who(spec)} has no owner"
    json.dumps(facts(spec))
    if isinstance(spec, DatasetSpec):
        # a reader of any table or folder has no schema, and the licence is the user's own
        for fact in ("how_to_get", "licence", "citation") if spec.schema else ("how_to_get",):
            assert getattr(spec, fact), f"{_who(spec)} does not state its {fact}"
    if isinstance(spec, MethodSpec) and (spec.trained_on or spec.needs):
        assert spec.licence, f"{_who(spec)} brings code or weights of others: state their licence"


def check_documented(spec: Spec, **given: Any) -> None:
    """The object has a docstring of its own."""
    target = _load(spec)
    if isinstance(spec, LayoutSpec):  # an object, whose reference says where it is defined
        return
    assert inspect.isclass(target) or callable(target), f"{_who(spec)}: its target must be a class or a function"
    doc = target.__dict__.get("__doc__") if inspect.isclass(target) else inspect.getdoc(target)
    assert doc and doc.strip(), f"{_who(spec)}: {spec.target} has no docstring"


def check_picklable(spec: Spec, **given: Any) -> None:
    """Facts and object survive pickling by name, as worker processes and cluster jobs need it."""
    # pickled in the same line, so nobody else's: nosec
    assert pickle.loads(pickle.dumps(spec)) == spec, f"{_who(spec)}: its facts change when pickled"  # nosec B301
    target = _load(spec)
    if isinstance(spec, LayoutSpec):
        assert pickle.loads(pickle.dumps(target)) == target, f"{_who(spec)}: it changes when pickled"  # nosec B301
        return
    again = pickle.loads(pickle.dumps(target))  # nosec B301
    assert again is target, f"{_who(spec)}: its target is not importable by name"


def check_behaviour(spec: Spec, **given: Any) -> None:
    """It builds, and gives the right shapes for what its kind is given (see :mod:`parface_bench.testing.behaviour`)."""
    _load(spec)
    behaviour.BEHAVIOUR[spec.kind](spec, **given)


CHECKS: dict[str, Check] = {
    "facts": check_facts,
    "documented": check_documented,
    "picklable": check_picklable,
    "behaviour": check_behaviour,
}


def check_plugin(kind: str, name: str, **given: Any) -> None:
    """Make all checks on one registered plugin.

    Args:
        kind, name: as on the command line.
        given: what the behaviour check may use: ``root`` (folder of a data set's files), and for methods, backbones
            and losses the options to build them with.

    Raises:
        AssertionError: what is wrong, in one sentence.
        unittest.SkipTest: it cannot be checked here, and why.
    """
    spec = catalogue[kind].spec(name)
    for check in CHECKS.values():
        check(spec, **given)


def checks() -> list[tuple[str, str, str]]:
    """``(kind, name, check)`` for everything that is registered, to parametrise a test over."""
    return [(kind, spec.name, check) for kind, specs in catalogue.kinds.items() for spec in specs for check in CHECKS]


def _who(spec: Spec) -> str:
    return f"{spec.kind} {spec.name!r} (from {spec.owner})"


def _load(spec: Spec) -> Any:
    lacking = missing(spec)
    if lacking:
        raise SkipTest(f"{_who(spec)} needs {', '.join(lacking)}: {install_command(spec)}")
    return spec.load()
